from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.decisions import HERE, ORIGIN, Write, decision

from ketch.monitor.decisions import Decision, DecisionLog, Origin, hot, segments, sorting, spool
from ketch.monitor.decisions import compacting as compaction
from ketch.monitor.decisions import sealing as work
from ketch.monitor.decisions.checking import check
from ketch.monitor.decisions.hot import HotFiles
from ketch.monitor.decisions.ids import Ids, moment_of
from ketch.monitor.decisions.losses import losses
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.retention import expire
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.decisions.segments import Partition, partitions
from ketch.store.locks import locked

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(when: datetime) -> str:
    return Ids(lambda: int(when.timestamp() * 1e9)).new()


def count(folder: Path) -> int:
    with Decisions(folder) as known:
        return int(str(known.query("SELECT count(*) FROM decisions")[1][0][0]))


def listed(folder: Path) -> int:
    return sum(len(one.segments() or ()) for one in partitions(folder))


def test_decisions_lie_by_route_and_day(folder: Path, log: DecisionLog) -> None:
    other = Origin("a route/with ..", "p:1", "d", "prod")
    for origin in (ORIGIN, other):
        for days in (0, 1):
            log.record(decision(origin=origin, at=at(NOW - timedelta(days=days))))
    log.close()
    assert seal(folder, NOW) == 4
    assert {(one.route, one.day) for one in partitions(folder)} == {
        (route, day)
        for route in ("recommendations", "a route/with ..")
        for day in ("2026-11-22", "2026-11-23")
    }
    assert count(folder) == 4
    assert check(folder) == ()


def test_midnight_parts_two_days(folder: Path, log: DecisionLog) -> None:
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    for offset in (-1, 0, 1):
        log.record(decision(at=at(midnight + timedelta(milliseconds=offset))))
    log.close()
    seal(folder, NOW)
    rows = {one.day: sum(part.rows for part in one.segments() or ()) for one in partitions(folder)}
    assert rows == {"2026-11-22": 1, "2026-11-23": 2}


def test_what_is_written_is_left_alone(folder: Path, log: DecisionLog) -> None:
    one = decision()
    log.record(one)
    log.flush()
    assert seal(folder, NOW) == 0
    with Decisions(folder) as known:
        assert known.find(one.id).id == one.id


def test_two_do_not_seal_at_once(folder: Path, write: Write) -> None:
    write(["ana"])
    with locked(folder / work.LOCK, exclusive=True):
        assert work.main(folder, 1, 1) == 0
    assert listed(folder) == 0
    assert work.main(folder, 1, 1) == 0
    assert listed(folder) == 1


class Killed(BaseException):
    """Stands for the end of a process at this very place."""


STEPS: list[tuple[str, Callable[[pytest.MonkeyPatch, Callable[..., None]], None]]] = [
    ("before a segment", lambda m, f: m.setattr(spool, "write_segment", f)),
    ("before its name", lambda m, f: m.setattr(sorting, "write_whole", f)),
    ("before the list", lambda m, f: m.setattr(segments, "write_whole", f)),
    ("before losses", lambda m, f: m.setattr(work, "note", f)),
    ("before the end", lambda m, f: m.setattr(hot, "write_end", f)),
    ("before compaction", lambda m, f: m.setattr(compaction, "compact", f)),
]


@pytest.mark.parametrize("which", [1, 2, 3])
@pytest.mark.parametrize(("where", "break_it"), STEPS)
def test_sealing_killed_anywhere_loses_nothing_and_counts_nothing_twice(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    break_it: Callable[[pytest.MonkeyPatch, Callable[..., None]], None],
    which: int,
) -> None:
    log = DecisionLog(folder, HERE)
    ids = [at(NOW - timedelta(days=day, seconds=second)) for day in (0, 1) for second in range(9)]
    for number, one in enumerate(ids):
        origin = ORIGIN if number % 2 else Origin("other", "p:1", "d", "prod")
        log.record(decision(f"u{number}", origin=origin, at=one))
        if number % 6 == 0:
            log.flush()
            log._files.rotate()
    log.close()
    with monkeypatch.context() as patched:
        calls = 0
        real: dict[str, Callable[..., object]] = {}

        def killed(*given: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == which:
                raise Killed
            return real["it"](*given, **named)

        class Spy:
            def setattr(self, module: object, name: str, value: object) -> None:
                real["it"] = getattr(module, name)
                patched.setattr(module, name, value)

        break_it(Spy(), killed)  # type: ignore[arg-type, unused-ignore]
        try:
            seal(folder, NOW)
        except Killed:
            with Decisions(folder) as known:
                assert all(known.find(one).id == one for one in ids)
            assert count(folder) == len(ids)
    seal(folder, NOW)
    with Decisions(folder) as known:
        assert all(known.find(one).id == one for one in ids)
    assert count(folder) == len(ids)
    assert [loss.lost for loss in losses(folder) if loss.lost] == []
    assert not list((folder / "hot").iterdir())
    assert check(folder) == ()


@pytest.mark.faults
@pytest.mark.parametrize("after_s", [0.3, 0.4, 0.5, 0.6, 0.7])
def test_a_process_that_seals_may_be_killed(folder: Path, write: Write, after_s: float) -> None:
    ids = write([f"u{number}" for number in range(2000)])
    command = [sys.executable, "-m", work.__name__, str(folder), "760", "760"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    process.kill()
    process.wait()
    assert count(folder) == len(ids)
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert count(folder) == len(ids)
    assert listed(folder) == 1
    assert check(folder) == ()


class TestCompaction:
    def test_many_small_segments_become_one(self, folder: Path, write: Write) -> None:
        ids = [
            one for _ in range(compaction.MOST_SMALL) for one in write(["ana", "ben"], sealed=True)
        ]
        assert listed(folder) == 1
        assert len(list(folder.glob("sealed/*/*/*.parquet"))) == 1
        with Decisions(folder) as known:
            assert all(known.find(one).id == one for one in ids)

    def test_a_day_that_is_over_has_one_segment(self, folder: Path, write: Write) -> None:
        write(["ana"], sealed=True)
        write(["ana"], sealed=True)
        assert listed(folder) == 2
        seal(folder, datetime.now(UTC) + timedelta(days=1))
        assert listed(folder) == 1
        assert count(folder) == 2

    def test_a_full_segment_is_left_as_it_is(
        self, folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compaction, "FULL_ROWS", 2)
        for _ in range(3):
            write(["ana", "ben"], sealed=True)
        seal(folder, datetime.now(UTC) + timedelta(days=1))
        assert listed(folder) == 3


class TestRetention:
    def test_first_rows_go_and_then_decisions(self, folder: Path, log: DecisionLog) -> None:
        ids = {days: at(NOW - timedelta(days=days)) for days in (1, 31, 800)}
        for one in ids.values():
            log.record(decision(at=one))
        log.close()
        seal(folder, NOW)
        assert expire(folder, NOW, keep_days=760, keep_rows_days=30) == 2
        assert expire(folder, NOW, keep_days=760, keep_rows_days=30) == 0
        assert count(folder) == 2
        with Decisions(folder) as known:
            assert known.find(ids[1]).inputs == '{"shopper":"ana","hour":3}'
            bare = known.find(ids[31])
        assert (bare.inputs, bare.outputs, bare.unit is None) == ("null", "null", False)
        assert check(folder) == ()


def test_moments_without_a_zone_of_doubt() -> None:
    assert moment_of(NOW) >> 16 == int(NOW.timestamp() * 1000)


def test_a_partition_is_named_so_that_no_route_leaves_the_folder(tmp_path: Path) -> None:
    for route in ("..", "/etc", "a/../../b", "ž"):
        partition = Partition.of(tmp_path, route, "2026-11-23")
        assert partition.folder.resolve().is_relative_to(tmp_path / "sealed")
        assert partition.route == route


def test_losses_are_those_of_the_writer(folder: Path) -> None:
    """Numbers that no file holds were given to a writer and are gone."""
    log = DecisionLog(folder, HERE)
    files: HotFiles = log._files
    for _ in range(3):
        log.record(decision())
    log.flush()
    path = next((folder / "hot").glob("*.log"))
    content = path.read_bytes().split(b"\x1e")
    log.close()
    path.write_bytes(b"\x1e".join([content[0], content[1], content[3]]))
    assert files.size == 0
    assert seal(folder, NOW) == 2
    (loss,) = losses(folder)
    assert (loss.lost, loss.damaged_bytes) == (1, 0)
    assert [one.code for one in check(folder)] == ["decisions/lost"]
    assert isinstance(decision(), Decision)


def test_what_needs_more_memory_than_it_is_given_first_is_sealed_all_the_same(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(["ana", "bob", "ana"])
    monkeypatch.setattr(sorting, "LIMITS", ("2MB", *sorting.LIMITS[1:]))

    assert seal(folder, NOW) == 3
    assert listed(folder) == 1
    assert count(folder) == 3
