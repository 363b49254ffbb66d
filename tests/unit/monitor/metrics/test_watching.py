from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.decisions import HERE

from ketch.monitor.decisions import Decision, DecisionLog, Ids, Origin
from ketch.monitor.metrics import RouteMetrics, metrics_of, recent
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.registry import Policy
from ketch.rollout.metric import Metric, Scored

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ORIGIN = Origin("search", "ranker:1.0", "sha256:" + "c" * 64, "prod")


def answered(
    folder: Path, *asked: tuple[str, datetime, bytes], error: str | None = None
) -> list[str]:
    """Write answers to units at times; return their identities."""
    log = DecisionLog(folder, HERE)
    made = [Decision(id_at(at), ORIGIN, b"{}", out, unit, error=error) for unit, at, out in asked]
    for one in made:
        assert log.record(one)
    log.close()
    return [one.id for one in made]


def id_at(at: datetime) -> str:
    return Ids(lambda: int(at.timestamp() * 1e9)).new()


def told(folder: Path, *outcomes: Outcome) -> None:
    with Outcomes(folder) as ledger:
        ledger.record(outcomes)


def clicked(unit: str, at: datetime, value: float = 1.0) -> Outcome:
    return Outcome("search", "click", at, unit=unit, value=value)


def metrics(*logs: Path, now: datetime = NOON + 9 * DAY, **more: object) -> RouteMetrics:
    metric = Metric("auc", Scored.AUC, "p", "click", window=DAY, **more)  # type: ignore[arg-type]
    policy = Policy(metrics=(metric,))
    return metrics_of(logs, "search", policy, since=NOON - DAY, until=NOON + DAY, now=now)


HIGH, LOW = b'{"p":0.9}', b'{"p":0.1}'


def test_an_outcome_is_of_the_latest_answer_before_it_within_the_window(tmp_path: Path) -> None:
    answered(tmp_path, ("ana", NOON, HIGH), ("ana", NOON + DAY / 2, LOW), ("ben", NOON, HIGH))
    told(
        tmp_path,
        clicked("ana", NOON + DAY / 4),  # of the first
        clicked("ana", NOON + DAY, 0.0),  # of the second
        clicked("ben", NOON + DAY),  # too late, by nothing
        clicked("ana", NOON - DAY / 4),  # before there was any
        clicked("eva", NOON + DAY / 4),  # never asked
    )
    (series,) = metrics(tmp_path).model
    assert (series.whole.decisions, series.whole.known, series.whole.estimate.value) == (3, 2, 1.0)


def test_an_answer_is_known_to_have_no_outcome_when_its_window_is_over(tmp_path: Path) -> None:
    answered(tmp_path, ("ana", NOON, HIGH), ("ben", NOON, LOW), ("eva", NOON, LOW))
    told(tmp_path, clicked("ana", NOON + DAY / 4))
    (early,) = metrics(tmp_path, now=NOON + DAY / 2, absent=0.0).model
    (late,) = metrics(tmp_path, now=NOON + DAY, absent=0.0).model
    assert (early.whole.known, early.whole.estimate.value) == (1, None)
    assert (late.whole.known, late.whole.estimate.value) == (3, 1.0)


def test_an_error_is_no_answer(tmp_path: Path) -> None:
    answered(tmp_path, ("ana", NOON, HIGH))
    answered(tmp_path, ("ana", NOON + DAY / 8, b"null"), error="package/error")
    told(tmp_path, clicked("ana", NOON + DAY / 4))
    found = metrics(tmp_path)
    assert (found.model[0].whole.known, found.model[0].whole.unread) == (1, {})
    assert found.business[0].whole.decisions == 1


def test_logs_of_two_machines_are_one_and_each_knows_its_own_units(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    first = answered(one, ("ana", NOON, HIGH), ("ben", NOON, LOW))
    answered(two, ("ana", NOON, LOW))
    told(
        two,
        clicked("ana", NOON + DAY / 4),
        Outcome("search", "click", NOON, decision=first[1], value=0),
    )
    told(one, Outcome("search", "click", NOON, decision=first[1], value=0))
    whole = metrics(one, two).model[0].whole
    assert (whole.decisions, whole.known, whole.estimate.value) == (3, 2, 0.5)
    assert metrics(one, two).to_json() == metrics(two, one).to_json()


def test_what_is_not_read_is_counted_and_said(tmp_path: Path) -> None:
    answered(tmp_path, ("ana", NOON, b'{"q":1}'), ("ben", NOON, LOW))
    told(tmp_path, clicked("ana", NOON + DAY / 4), clicked("ben", NOON + DAY / 4))
    whole = metrics(tmp_path).model[0].whole
    assert (whole.known, whole.estimate.n, whole.unread) == (2, 1, {"no output `p`": 1})
    assert whole.note == "few labels: 1; 1 not read: no output `p`"


def test_recent_answers_are_those_whose_outcomes_may_have_come() -> None:
    metric = Metric("auc", Scored.AUC, "p", "click", window=3 * DAY)
    assert recent(Policy()) == DAY
    assert recent(Policy(metrics=(metric,))) == 4 * DAY


def test_a_route_that_nobody_asked_has_no_metrics(tmp_path: Path) -> None:
    found = metrics(tmp_path)
    assert found.to_json() == {
        "route": "search",
        "since": "2026-03-01T12:00:00Z",
        "until": "2026-03-03T12:00:00Z",
        "step_s": 3600,
        "model": [],
        "business": [],
    }
    with pytest.raises(ValueError, match="ends after it begins"):
        metrics_of([tmp_path], "search", Policy(), since=NOON, until=NOON)
