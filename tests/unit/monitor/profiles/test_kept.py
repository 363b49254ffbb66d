from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.monitor.profiles.conftest import NOW, ROUTE, Log, whole

from ketch.monitor.decisions import compacting, retention, sealing, segments
from ketch.monitor.decisions.checking import check
from ketch.monitor.decisions.erasing import erase
from ketch.monitor.decisions.retention import expire
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.decisions.segments import partitions
from ketch.monitor.profiles import kept, making, windows

DAY = timedelta(days=1)


def totals(folder: Path) -> tuple[int, int]:
    """Return how many decisions profiles are about, and the sum of a field."""
    found = [(one.decisions, int(one.field("x").column.total or 0)) for one in whole(folder)]
    return sum(count for count, _ in found), sum(total for _, total in found)


def names(folder: Path, suffix: str) -> list[str]:
    return sorted(path.name for path in folder.rglob(f"*{suffix}"))


class Killed(BaseException):
    """Stands for the end of a process at this very place."""


def later(folder: Path) -> None:
    """Do all that is done in two years, one step of it after the other."""
    seal(folder, NOW)
    seal(folder, NOW + DAY)  # the day is over: two segments become one
    seal(folder, NOW + 40 * DAY)  # hours become days
    for days in (50, 70):
        expire(folder, NOW + days * DAY, keep_days=60, keep_rows_days=45)


STEPS = [
    (kept, "write_whole"),
    (kept, "_write"),
    (making, "profiled"),
    (kept, "add_up"),
    (kept, "hand_over"),
    (kept, "outlive"),
    (segments, "write_whole"),
    (compacting, "write_segment"),
    (retention, "rewritten"),
    (shutil, "rmtree"),
]


@pytest.mark.parametrize("end", ["before", "after"])
@pytest.mark.parametrize("place", STEPS, ids=lambda place: place[1])
def test_killed_anywhere_nothing_is_lost_and_nothing_counts_twice(
    folder: Path, log: Log, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str], end: str
) -> None:
    log([{"x": 1}, {"x": 2}], sealed=True)
    log([{"x": 10}], sealed=True)
    log([{"x": 20}])
    killings = 0
    for calls in range(1, 30):  # at the first call, then at the second, …
        with monkeypatch.context() as patched:
            _kill(patched, place, calls, end)
            try:
                later(folder)
                was_killed = False
            except Killed:
                was_killed = True
        assert totals(folder) == (4, 33)
        killings += was_killed
        if not was_killed:
            break
    assert killings >= 1
    assert names(folder, ".parquet") == []
    assert len(names(folder, ".days")) == 1
    assert names(folder, ".hours") == []


def _kill(patched: pytest.MonkeyPatch, place: tuple[Any, str], last: int, end: str) -> None:
    """Let a call of a step be the end of the process."""
    module, step = place
    real = getattr(module, step)
    calls = 0

    def killing(*given: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == last and end == "before":
            raise Killed
        done = real(*given, **named)
        if calls == last:
            raise Killed
        return done

    for target in (module, compacting, retention):
        if hasattr(target, step):
            patched.setattr(target, step, killing)


def test_segments_that_become_one_have_their_profiles_added_up(
    folder: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log([{"x": 1}, {"x": 2}], sealed=True)
    log([{"x": 10}], sealed=True)
    before = whole(folder)
    monkeypatch.delattr(making, "profiled")  # no row is read again
    seal(folder, NOW + DAY)
    assert len(names(folder, ".parquet")) == 1
    assert whole(folder) == before


def test_a_log_of_before_there_were_profiles_gets_them(folder: Path, log: Log) -> None:
    log([{"x": 1}], sealed=True)
    for path in folder.rglob("*.hours"):
        path.unlink()
    assert totals(folder) == (1, 1)
    assert names(folder, ".hours") == []
    seal(folder, NOW)
    assert len(names(folder, ".hours")) == 1


def test_a_damaged_profile_is_made_of_the_rows(folder: Path, log: Log) -> None:
    log([{"x": 1}, {"x": 4}], sealed=True)
    (path,) = folder.rglob("*.hours")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert totals(folder) == (2, 5)
    (found,) = check(folder)
    assert (found.code, found.where) == ("decisions/damaged", str(path))
    seal(folder, NOW + 40 * DAY)
    assert totals(folder) == (2, 5)
    assert len(names(folder, ".days")) == 1
    assert check(folder) == ()


def test_of_damaged_decisions_what_is_left_is_profiled(folder: Path, log: Log) -> None:
    log([{"x": 1}], sealed=True)
    (path,) = folder.rglob("*.hours")
    path.unlink()
    (segment,) = folder.rglob("*.parquet")
    segment.write_bytes(b"x" * segment.stat().st_size)
    log([{"x": 3}], sealed=True)
    assert len(names(folder, ".hours")) == 1
    assert totals(folder) == (1, 3)


def test_hours_become_a_day_and_values_that_came_once_are_forgotten(folder: Path, log: Log) -> None:
    for hours in range(3):
        rows = [{"x": hours, "town": f"only in hour {hours}", "kind": "a"}]
        log(rows, at=NOW - timedelta(hours=hours), sealed=True)
    hourly = whole(folder)
    assert [one.field("kind").column.frequent for one in hourly] == [None] * 3
    seal(folder, NOW + 40 * DAY)
    (day,) = whole(folder)
    for hours, found in ((-48, 0), (-9, 1), (0, 1), (12, 0)):  # the noon before, 3:30, 12:30, …
        start = NOW + timedelta(hours=hours)
        assert len(windows([folder], ROUTE, start, start + timedelta(hours=1))) == found
    morning, evening = (
        windows([folder], ROUTE, NOW + timedelta(days=days), NOW + timedelta(days=days + 1))
        for days in (-1, 0)
    )
    assert (morning, evening) == ([day], [])  # a day belongs to the time in which it begins
    assert day.field("town").values is not None  # to be added to those of other logs
    expire(folder, NOW + 40 * DAY, keep_days=60, keep_rows_days=38)
    (day,) = whole(folder)
    assert (day.start.hour, day.end - day.start) == (0, DAY)
    assert day.field("kind").column.top(1) == (("a", 3),)
    assert day.field("town").values is None
    assert day.field("town").column.distinct == pytest.approx(3)
    (path,) = folder.rglob("*.days")
    assert b"only in hour" not in gzip.decompress(path.read_bytes())


def test_profiles_are_kept_as_long_again_as_decisions(folder: Path, log: Log) -> None:
    log([{"x": 7}], sealed=True)
    for days, left in ((31, (1, 7)), (59, (1, 7)), (62, (0, 0))):
        expire(folder, NOW + days * DAY, keep_days=30, keep_rows_days=10)
        assert totals(folder) == left
        assert names(folder, ".parquet") == []
    assert names(folder, ".days") == []


def test_what_a_unit_decided_leaves_a_profile_while_there_are_rows(folder: Path, log: Log) -> None:
    log([{"x": 1}], unit="ana", sealed=True)
    log([{"x": 10}], unit="ben", sealed=True)
    seal(folder, NOW + DAY)
    assert erase(folder, "ana", NOW + DAY) == 1
    assert totals(folder) == (1, 10)
    seal(folder, NOW + DAY)
    assert totals(folder) == (1, 10)


def test_without_rows_an_erased_unit_stays_one_of_many_in_sums(folder: Path, log: Log) -> None:
    log([{"x": 1}], unit="ana", sealed=True)
    log([{"x": 10}], unit="ben", sealed=True)
    seal(folder, NOW + DAY)
    expire(folder, NOW + 31 * DAY, keep_days=60, keep_rows_days=30)
    assert erase(folder, "ana", NOW + 31 * DAY) == 1
    assert totals(folder) == (2, 11)
    assert erase(folder, "ben", NOW + 31 * DAY) == 1
    assert totals(folder) == (0, 0)  # nobody is left whom it could be about
    assert partitions(folder)


@pytest.mark.faults
@pytest.mark.thorough
def test_a_process_that_profiles_may_be_killed(folder: Path, log: Log) -> None:
    log([{"x": 1, "y": f"text {i}"} for i in range(20_000)])
    command = [sys.executable, "-m", sealing.__name__, str(folder), "99999", "99999"]
    for wait_s in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 20.0):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)
        process.kill()
        process.wait()
        assert totals(folder) == (20_000, 20_000)
    assert len(names(folder, ".parquet")) == 1
    assert len(names(folder, ".hours")) + len(names(folder, ".days")) == 1
