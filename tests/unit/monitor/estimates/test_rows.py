"""What an estimate takes of answers: batches, classes, and when it was known what was right."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from tests.tallies import Writer

from ketch.monitor.decisions import Decision, Origin
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.estimates.rows import Answers, answers_of
from ketch.monitor.metrics.attribution import Attribution
from ketch.monitor.metrics.counting import Stretches, counts
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.rollout.metric import Metric, Scored

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LIVE = Origin("search", "ranker:1.0", "sha256:" + "c" * 64, "prod")


def read(log: Path, metric: Metric, outputs: list[bytes], outcomes: list[Outcome]) -> Answers:
    """Return the answers of a log with one decision a minute, as an estimate takes them."""
    made = [
        Decision(identity(number), LIVE, b'[{"a":1,"b":"x"},{"a":null}]', body, "ana")
        for number, body in enumerate(outputs)
    ]
    Writer(log).write(made)
    with Outcomes(log) as told:
        told.record(outcomes)
    since, until = NOON - DAY, NOON + DAY
    with Attribution([log], "search", since, until, now=NOON + 9 * DAY) as found:
        seen = counts(found, Stretches.of(since, until))
        ((_, answers),) = answers_of(found, metric, seen)
    return answers


def identity(number: int) -> str:
    moment = moment_of(NOON + timedelta(minutes=number))
    return f"{moment:016x}{0x8000000000000000 + number:016x}"


def of(number: int, label: object, after: timedelta) -> Outcome:
    at = NOON + timedelta(minutes=number) + after
    return Outcome("search", "right", at, label=label, decision=identity(number))


def test_each_row_of_a_batch_counts_by_itself_with_its_inputs(tmp_path: Path) -> None:
    metric = Metric("off", Scored.MAE, "n", "right", window=DAY)
    body = b'[{"n":1},{"n":2}]'
    found = read(tmp_path, metric, [body, body], [of(0, [1.5, None], DAY / 2)])
    assert list(found.scores) == [1, 2, 1, 2]
    assert found.right[0] == 1.5
    assert all(map(math.isnan, found.right[1:]))
    assert [math.isinf(one) for one in found.known_us] == [False, True, True, True]
    _, a, b = found.columns()
    assert np.isnan(a).tolist() == [False, True, False, True]
    assert b.tolist() == ["x", "", "x", ""]


def test_what_was_right_is_known_when_the_window_is_over_or_later(tmp_path: Path) -> None:
    metric = Metric("auc", Scored.AUC, "p", "right", window=DAY)
    told = [of(0, 1, DAY / 4), of(1, 1, 3 * DAY)]
    found = read(tmp_path, metric, [b'{"p":0.5}'] * 3, told)
    waited = [(known - us) / 8.64e10 for known, us in zip(found.known_us, found.us, strict=True)]
    assert np.round(waited, 6).tolist() == [1, 3, math.inf]


def test_of_more_than_two_kinds_the_score_is_how_sure_an_answer_is(tmp_path: Path) -> None:
    metric = Metric("right", Scored.ACCURACY, "kind", "right", window=DAY, score="p")
    two = [b'{"kind":1,"p":0.9}', b'{"kind":0,"p":0.2}', b'{"kind":0,"p":0.3}']
    told = [of(0, 1, DAY / 4), of(1, 0, DAY / 4), of(2, 1, DAY / 4)]
    said, happened = read(tmp_path / "two", metric, two, told).happened()
    assert (said.tolist(), happened.tolist()) == ([1, 0, 0], [1, 0, 1])
    more = [*two, b'{"kind":2,"p":0.8}']
    told.append(of(3, 1, DAY / 4))
    said, happened = read(tmp_path / "more", metric, more, told).happened()
    assert (said.tolist(), happened.tolist()) == ([1, 1, 1, 1], [1, 1, 0, 0])


def test_what_is_no_probability_is_in_no_estimate_of_calibration(tmp_path: Path) -> None:
    metric = Metric("brier", Scored.CALIBRATION, "p", "right", window=DAY)
    bodies = [b'{"p":0.5}', b'{"p":1.2}', b'{"p":-3}']
    assert list(read(tmp_path, metric, bodies, [of(1, 1, DAY / 4)]).scores) == [0.5]
