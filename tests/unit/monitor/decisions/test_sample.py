"""An even sample of decisions, also where a few of them have all the rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.decisions import ORIGIN
from tests.tallies import Writer

from ketch.monitor.decisions import Decision
from ketch.monitor.decisions.ids import moment_of, time_of
from ketch.monitor.decisions.sample import sample

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def decided(minute: int, **how: object) -> Decision:
    identity = f"{moment_of(NOON + timedelta(minutes=minute)):016x}{0x8000000000000001:016x}"
    return Decision(identity, ORIGIN, b"{}", b"{}", **how)  # type: ignore[arg-type] # a test's own


def test_a_sample_is_even_over_the_time(tmp_path: Path) -> None:
    Writer(tmp_path).write([decided(minute) for minute in range(300)])
    found = sample([tmp_path], ORIGIN.route, NOON, NOON + DAY, most_rows=100)
    assert (found.decisions, found.kept, found.rows) == (300, 300, 300)
    minutes = [(time_of(one) - NOON) / timedelta(minutes=1) for one, _ in found.listed]
    assert [round(one) for one in minutes] == list(range(0, 300, 3))


def test_a_few_decisions_with_many_rows_are_not_passed_over(tmp_path: Path) -> None:
    logs = [tmp_path / name for name in "abc"]
    for log in logs:
        Writer(log).write([decided(minute, rows=5_000) for minute in (1, 2)])
    found = sample(logs, ORIGIN.route, NOON, NOON + DAY, most_rows=100)
    assert found.rows == 30_000
    assert found.listed


def test_what_others_were_asked_and_what_was_not_answered_is_not_in_it(tmp_path: Path) -> None:
    failed = decided(2, status=500, error="package-code/raised")
    Writer(tmp_path).write([decided(1), failed, decided(3, shadow_of="0" * 32)])
    for digest, decisions in ((ORIGIN.digest, 1), ("sha256:" + "0" * 64, 0)):
        found = sample(
            [tmp_path, tmp_path / "none"],
            ORIGIN.route,
            NOON,
            NOON + DAY,
            most_rows=9,
            digest=digest,
        )
        assert found.decisions == len(found.listed) == decisions
