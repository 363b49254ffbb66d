"""A rollout is counted as it comes, and says when its numbers cannot be complete."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.tallies import BEGAN, POLICY, ROUTE, Writer, at, decided, rollout

from ketch.monitor.decisions import DecisionLog, LogSettings, hot
from ketch.monitor.decisions.erasing import erase
from ketch.monitor.decisions.keyed import FINGERPRINT_FILE
from ketch.monitor.decisions.losses import Loss, note
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.monitor.rollouts import Tally
from ketch.monitor.rollouts.counting import totals
from ketch.monitor.rollouts.identities import Identities, Known
from ketch.rollout.stats import Unit
from ketch.rollout.terms import Action

PURCHASE, ERRORS, *_ = POLICY.guardrails
NOW = at(86_400)
SOON = at(36_000)
"""Before anybody wonders why nothing was bought."""
ODDS = 104_858 / 2**20  # what a share of 10 % is, in parts of all buckets


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "decisions"


@pytest.fixture
def writer(log: Path) -> Writer:
    return Writer(log)


@pytest.fixture
def tally(log: Path, writer: Writer) -> Iterator[Tally]:
    """Return the tally of a rollout of which nothing was written yet."""
    with Tally(rollout(), [log]) as tally:
        yield tally


def tell(log: Path, name: str, seconds: float, **of: str) -> None:
    with Outcomes(log) as ledger:
        ledger.record([Outcome(ROUTE, name, at=at(seconds), **of)])  # type: ignore[arg-type]


def test_a_decision_that_is_half_written_counts_when_it_is_whole(
    log: Path, writer: Writer, tally: Tally
) -> None:
    writer.write([decided("ana", "limited", 1)])
    path = next((log / hot.FOLDER).glob("*.log"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:100].replace(b"ana", b"bob"))
    tally.catch_up()
    assert tally.exposure(NOW).units == 1
    path.write_bytes(whole)

    writer.write([decided("bo", "limited", 2)])
    tally.catch_up()

    assert tally.exposure(NOW).units == 2
    assert tally.problems(SOON) == ()


def test_what_is_sealed_and_gone_before_anybody_looked_is_counted(
    log: Path, writer: Writer, tally: Tally
) -> None:
    for second in (1, 2):
        writer.write([decided(f"u{second}", "prod", second)])
        writer.rotate()
        seal(log, datetime.now(UTC))
        writer.write([decided(f"v{second}", "limited", second)])
        tally.catch_up()

    seen = tally.exposure(NOW)
    assert (seen.units, seen.baseline_units) == (2, 2)


def test_an_outcome_waits_for_the_decision_that_it_names(
    log: Path, writer: Writer, tally: Tally
) -> None:
    made = decided("ana", "limited", 1)
    writer.write([decided("bo", "prod", 0)])
    tell(log, "purchase", 2, decision=made.id)
    tally.catch_up()
    assert tally.units(PURCHASE, NOW).rows() == [Unit(False, ODDS, 0.0)]

    writer.write([made])
    tally.catch_up()

    assert Unit(True, ODDS, 1.0) in tally.units(PURCHASE, NOW).rows()


def test_an_outcome_finds_its_decision_among_many_that_came_a_few_at_a_time() -> None:
    """What every look adds is put together, so that the next look is no slower."""
    draw = random.Random(7)
    moments = [draw.randrange(200) for _ in range(999)]
    known = Identities()
    for start in range(0, 999, 3):
        some = np.arange(start, start + 3, dtype=np.uint64)
        mine = np.array(moments[start : start + 3], np.uint64)
        known.add(Known(mine, some, some + np.uint64(1_000_000)))

    assert len(known.runs) <= 10
    wanted = {(moments[at], at) for at in (0, 500, 998)} | {(201, 1)}
    found = {
        (moment, tail): unit
        for run in known.of(wanted)
        for moment, tail, unit in zip(*(column.tolist() for column in run), strict=True)
    }
    assert all(found[moments[at], at] == at + 1_000_000 for at in (0, 500, 998))
    assert {moment for moment, _ in found} == {moments[at] for at in (0, 500, 998)}


def test_an_exposure_that_is_read_late_corrects_the_arm_and_the_window(
    log: Path, writer: Writer, tally: Tally
) -> None:
    writer.write([decided("ana", "prod", 3600)])
    tell(log, "purchase", 3600 * 12 + 60, unit="ana")
    tally.catch_up()
    assert tally.units(PURCHASE, NOW).rows() == [Unit(False, ODDS, 1.0)]

    writer.write([decided("ana", "limited", 0)])
    tally.catch_up()

    assert tally.units(PURCHASE, NOW).rows() == [Unit(True, ODDS, 0.0)]


def test_who_was_forced_or_shadowed_or_is_of_another_rollout_does_not_count(
    writer: Writer, tally: Tally
) -> None:
    other = decided("dee", "limited", 1)
    writer.write(
        [
            decided("ana", "limited", 1, why="forced"),
            decided("bo", "limited", 1, why="shadow"),
            decided("cy", "baseline", 1, held=50_000),
            decided(None, "prod", 1, why="no-unit"),
            decided("eve", "prod", 1, why="outside"),
            decided(
                "dee",
                "limited",
                1,
                made=type(other.origin)(ROUTE, "p:1", "d", "limited", "limited=1 prod=2", "0" * 12),
            ),
        ]
    )
    tally.catch_up()

    assert tally.exposure(NOW).units + tally.exposure(NOW).baseline_units == 0
    assert tally.verdict(NOW).action is Action.HOLD


def test_a_unit_that_was_forgotten_is_no_longer_counted(
    log: Path, writer: Writer, tally: Tally
) -> None:
    writer.write([decided("ana", "limited", 1, status=503), decided("bo", "prod", 1)])
    tally.catch_up()
    assert Unit(True, ODDS, 1.0) in tally.units(ERRORS, NOW).rows()

    erase(log, "ana", datetime.now(UTC))
    tally.catch_up()

    assert tally.units(ERRORS, NOW).rows() == [Unit(False, ODDS, 0.0)]


@pytest.mark.parametrize(("after_s", "lost"), [(10, 3), (200, 0)])
def test_what_was_lost_after_a_rollout_ended_is_not_missing_in_it(
    log: Path, writer: Writer, after_s: int, lost: int
) -> None:
    around = decided("bo", "prod", after_s)
    writer.write([decided("ana", "limited", 1), around])
    note(log, Loss("writer", 3, first=around.id, last=around.id))
    with Tally(rollout(ended=at(100)), [log]) as tally:
        assert tally.missing == lost


def test_what_a_gateway_lost_before_a_rollout_began_is_not_missing_in_it(log: Path) -> None:
    """It was killed: which decisions it had not written, and when it made them, nobody knows."""
    log.mkdir()
    note(log, Loss("writer", 500))
    later = datetime.now(UTC) + timedelta(hours=1)
    for began, missing in ((at(0), 500), (later, 0)):
        with Tally(replace(rollout(), began=began), [log]) as tally:
            assert tally.missing == missing


def test_decisions_that_are_missing_are_a_reason_to_hold(writer: Writer, tally: Tally) -> None:
    writer.write([decided("ana", "limited", 1)])
    writer.lose(7)
    writer.write([decided("bo", "prod", 2)])
    tally.catch_up()

    assert tally.problems(SOON) == ("7 decisions are missing from the log",)
    assert "7 decisions are missing" in tally.verdict(SOON).sentence


def test_a_log_that_stays_behind_is_a_reason_to_hold(log: Path) -> None:
    seconds = [0.0]
    live = DecisionLog(log, LogSettings(seals=False))
    try:
        live.record(decided("ana", "limited", 1))
        assert live.flush()
        with Tally(rollout(), [log], clock=lambda: seconds[0]) as tally:
            next((log / hot.FOLDER).glob("*.log")).write_bytes(b"")  # the disk took nothing
            live._counter.set(9)
            tally.catch_up()
            assert tally.problems(SOON) == ()
            seconds[0] = 8.0
            tally.catch_up()
            assert tally.problems(SOON) == ("the decision log is 8 seconds behind",)
    finally:
        live.close()


def test_damage_is_a_reason_to_hold_and_all_else_is_counted(
    log: Path, writer: Writer, tally: Tally
) -> None:
    writer.write([decided(f"u{one}", "limited", one) for one in range(3)])
    path = next((log / hot.FOLDER).glob("*.log"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    tally.catch_up()

    assert tally.exposure(NOW).units == 2
    assert "bytes of the decision log are damaged" in tally.problems(SOON)[0]


def test_a_damaged_segment_is_a_reason_to_hold(log: Path, writer: Writer) -> None:
    writer.write([decided("ana", "limited", 1)])
    writer.rotate()
    seal(log, datetime.now(UTC))
    path = next((log / "sealed").glob("*/*/*.parquet"))
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)

    with Tally(rollout(), [log]) as tally:
        (problem,) = tally.problems(SOON)
        assert path.name in problem


def test_no_outcome_for_longer_than_its_window_is_a_reason_to_hold(
    log: Path, writer: Writer, tally: Tally
) -> None:
    writer.write([decided("ana", "limited", 1)])
    tally.catch_up()
    silent = BEGAN + timedelta(hours=13)
    assert tally.problems(silent) == ("no `purchase` was told for 0.5 days",)

    tell(log, "purchase", 60, unit="ana")
    tally.catch_up()
    assert tally.problems(silent) == ()


def test_logs_with_different_keys_are_a_reason_to_hold(tmp_path: Path) -> None:
    logs = [tmp_path / "a", tmp_path / "b"]
    for log in logs:
        Writer(log).write([decided("ana", "prod", 1)])
    with Tally(rollout(), logs) as tally:
        assert "different keys" in tally.problems(SOON)[0]
        shutil.copy(logs[0] / FINGERPRINT_FILE, logs[1] / FINGERPRINT_FILE)
        assert tally.problems(SOON) == ()


def test_exposure_since_a_share_changed_has_only_units_that_came_since(
    writer: Writer, tally: Tally
) -> None:
    writer.write([decided("ana", "limited", 1), decided("bo", "limited", 100)])
    writer.write([decided("ana", "limited", 101)])
    tally.catch_up()

    seen = tally.exposure(at(160), since=at(60))
    assert (seen.units, seen.lasted) == (1, timedelta(seconds=100))


def test_a_unit_takes_few_bytes(writer: Writer, tally: Tally) -> None:
    """Three of the five guardrails are outcomes, which take their own room."""
    writer.write([decided(f"u{one}", "prod", one) for one in range(40_000)])
    tally.catch_up()

    assert tally.census.size_bytes < 60 * 40_000


def test_a_sum_is_the_same_in_any_order() -> None:
    values = [0.1, 0.2, 0.3, 1e16, 0.7, -1e16]
    draw = random.Random(3)
    found = set()
    for _ in range(20):
        draw.shuffle(values)
        places, sums = totals(np.full(6, 4), np.array(values))
        found.add((places.tolist()[0], sums.tolist()[0]))
    assert found == {(4, 1.3)}
