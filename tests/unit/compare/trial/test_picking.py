"""Which of several packages is picked, and what stands in its way."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from ketch.compare.trial.measures import Wanted
from ketch.compare.trial.picking import pick
from ketch.compare.trial.scoring import BETTER, UNCLEAR, WORSE, Scores, score
from ketch.errors import UsageError
from ketch.monitor.metrics.answers import Told
from ketch.rollout.metric import Metric, Scored
from ketch.schema import Row

NAMES = ("first", "second", "third")
TRUTH = np.arange(60.0)


def wanted(measure: Scored = Scored.MAE) -> Wanted:
    return Wanted(str(measure), Metric(str(measure), measure, "price", "paid"))


def told(*values: object) -> list[Sequence[Told]]:
    """Return what was right; None where it is not known."""
    return [() if one is None else (Told(1.0, json.dumps(one), by_unit=False),) for one in values]


def scores(*errors: float) -> Scores:
    """Return the scores of packages that are off by so much, each row by a little less or more."""
    noise = np.sin(TRUTH * 7)
    answers: list[list[Row | None]] = [
        [{"price": float(one)} for one in TRUTH + error + noise * 0.1 * (at + 1)]
        for at, error in enumerate(errors)
    ]
    return score(wanted(), answers, told(*TRUTH))


def test_the_best_is_picked_when_it_is_surely_better() -> None:
    found = pick(scores(3.0, 1.0, 2.0), NAMES, [1.0, 9.0, 1.0], [])
    assert (found.picked, found.best, found.alike) == (1, 1, (1,))
    assert found.reason == (
        "`second` is picked: by mae it is better than each of the 2 others, on 60 rows"
    )


def test_of_those_that_cannot_be_told_apart_the_first_of_the_quickest_is_picked() -> None:
    alike = scores(1.0, 0.9999, 3.0)
    assert pick(alike, NAMES, [1.0, 1.1, 0.1], []).picked == 0
    found = pick(alike, NAMES, [5.0, 1.0, 0.1], [])
    assert (found.picked, found.alike) == (1, (0, 1))
    assert found.reason == (
        "`first`, `second` cannot be told apart by mae, on 60 rows; `second` is picked, the first"
        " named of the quickest of them"
    )


def test_who_does_not_answer_what_others_answer_is_not_picked() -> None:
    found = pick(scores(3.0, 1.0, 2.0), NAMES, [1.0, 1.0, 1.0], [1])
    assert (found.picked, found.out) == (2, (1,))
    last = pick(scores(3.0, 1.0, 2.0), NAMES, [1.0, 1.0, 1.0], [1, 2])
    assert last.reason == ("`first` is picked: it alone answers every row that another one answers")


def test_who_answers_nothing_does_not_keep_the_others_from_being_measured() -> None:
    answers: list[list[Row | None]] = [
        [{"price": float(one)} for one in TRUTH + 3],
        [{"price": float(one)} for one in TRUTH + np.sin(TRUTH)],
        [None for _ in TRUTH],
    ]
    assert len(score(wanted(), answers, told(*TRUTH)).rows) == 0
    found = pick(score(wanted(), answers, told(*TRUTH), out=[2]), NAMES, [1.0, 1.0, None], [2])
    assert (found.picked, found.out) == (1, (2,))
    assert found.reason == "`second` is picked: by mae it is better than the other one, on 60 rows"


def test_without_what_was_right_there_is_nothing_to_pick_by() -> None:
    nothing = score(wanted(), [[{"price": 1.0}], [{"price": 2.0}]], told(None))
    with pytest.raises(UsageError) as caught:
        pick(nothing, NAMES[:2], [1.0, 1.0], [])
    assert caught.value.code == "compare/nothing-to-pick"


def test_less_of_an_error_is_better_and_what_is_allowed_is_not_worse() -> None:
    one = scores(1.0, 2.0, 1.0)
    apart = one.difference(0, 1)
    assert one.says(apart) == WORSE
    assert one.says(one.difference(1, 0)) == BETTER
    assert one.says(apart, allowed=1.5) == UNCLEAR
    assert one.says(one.difference(0, 2)) == UNCLEAR


def test_a_row_is_measured_when_all_answered_it_and_all_can_be_read() -> None:
    answers: list[list[Row | None]] = [
        [{"price": 1.0}, {"price": 2.0}, None, {"price": "dear"}, {"price": 5.0}],
        [{"price": 1.5}, {"price": 2.0}, {"price": 3.0}, {"price": 4.0}, {"price": 5.0}],
    ]
    found = score(wanted(), answers, told(1.0, None, 3.0, 4.0, 7.0), ["a", "b", "c", "d", "e"])
    assert list(found.rows) == [0, 4]
    assert found.units == ["a", "e"]
    assert found.unread == [{"the output is no number": 1}, {}]
    assert [found.of(at).value for at in (0, 1)] == [1.0, 1.25]
