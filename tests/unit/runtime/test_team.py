"""Several workers of one package: answers in order, bounded memory, and nothing left behind."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.pools import Source, gone
from tests.verification import Bench

from ketch.errors import PackageCodeError, Unavailable, UsageError
from ketch.runtime import Worker
from ketch.runtime.growth import Growth
from ketch.runtime.team import AHEAD, Team
from ketch.schema import Row
from ketch.testing.workers import Rig

WORK = """
import os
import time
from pathlib import Path

def run(model, rows):
    time.sleep(sum(row["ms"] for row in rows) / 1000)
    for row in rows:
        path = Path(f"{os.environ['HOME']}/asked-{row['x']}")
        with path.open("a") as file:
            file.write(f"{os.getpid()}\\n")
        times = len(path.read_text().splitlines())
        if row["do"] == "raise":
            raise KeyError(row["x"])
        if row["do"] == "die" or (row["do"] == "die once" and times == 1):
            os._exit(9)
    return [{"x": row["x"], "pid": os.getpid()} for row in rows]
"""


@pytest.fixture
def bench(rig: Rig) -> Bench:
    return Bench(rig)


def row(x: int, ms: int = 0, do: str = "") -> Row:
    return {"x": x, "ms": ms, "do": do}


def alone(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Each row as a batch."""
    return ([one] for one in rows)


@dataclass
class Watched:
    """A team, and who was started for it."""

    team: Team
    source: Source
    scratch: Path
    pids: dict[int, int] = field(default_factory=dict)

    def answer(self, batches: Iterator[list[Row]], deadline_s: float = 20.0) -> list[object]:
        """Return what was answered, in the order in which it came."""
        found = []
        with closing(self.team.answers(batches, deadline_s)) as answers:
            for answer in answers:
                for one in answer.rows:
                    found.append(one["x"])
                    self.pids[int(str(one["x"]))] = int(str(one["pid"]))
        return found

    def grow(self, count: int) -> None:
        """Answer rows until there are so many workers, however busy the machine is."""
        until = time.monotonic() + 20
        while len(self.team.pids) < count and time.monotonic() < until:
            self.answer(alone([row(1_000, 10)] * 10))
        assert len(self.team.pids) == count

    def asked(self, x: int) -> int:
        """Return how many times a row was asked."""
        try:
            return len((self.scratch / f"asked-{x}").read_text().splitlines())
        except FileNotFoundError:
            return 0


@contextmanager
def teamed(
    bench: Bench, workers: int | None = None, *, most: int = 4, idempotent: bool = True
) -> Iterator[Watched]:
    """Yield a team of one worker, which grows at once, or when that pays."""
    inputs = {"x": "int64", "ms": "int64", "do": "string"}
    package = bench.package(WORK, inputs=inputs, outputs={"x": "int64", "pid": "int64"})
    source = Source(bench, package)
    growth = Growth(workers or most, at_once=workers is not None)
    with closing(Team(source, growth, idempotent=idempotent)) as team:
        team.begin()
        yield Watched(team, source, bench.rig.folder / "scratch")
    assert gone(source.started)


# ------------------------------------------------------------------ order and memory


def test_answers_come_in_order_whoever_is_quicker(bench: Bench) -> None:
    rows = [row(x, random.Random(x).choice([0, 1, 30])) for x in range(200)]
    with teamed(bench, 3) as crew:
        crew.grow(3)
        assert crew.answer(alone(rows)) == list(range(200))
        assert set(crew.pids.values()) == set(crew.source.started)
        assert len(crew.source.started) == 3


def test_a_batch_is_asked_once_where_nobody_dies(bench: Bench) -> None:
    with teamed(bench, 2) as crew:
        crew.answer(alone([row(x, 5) for x in range(60)]))
        assert {crew.asked(x) for x in range(60)} == {1}


@pytest.mark.parametrize("slow", ["package", "writer"])
def test_no_more_is_read_than_the_workers_need(bench: Bench, slow: str) -> None:
    read = passed_on = most = 0

    def batches() -> Iterator[list[Row]]:
        nonlocal read, most
        for x in range(80):
            read += 1
            most = max(most, read - passed_on)
            yield [row(x, 200 if slow == "package" and x % 20 == 0 else 2)]

    with teamed(bench, 3) as crew:
        crew.grow(3)
        with closing(crew.team.answers(batches(), 20)) as answers:
            for _ in answers:
                passed_on += 1
                if slow == "writer":
                    time.sleep(0.01)
    assert passed_on == 80
    assert 3 <= most <= 3 * AHEAD + 2  # the answer in our hands, too


def test_workers_are_asked_while_answers_are_written(bench: Bench) -> None:
    """Two workers that take 40 ms a row, and a writer that takes 20: neither waits for another."""
    with teamed(bench, 2) as crew:
        crew.grow(2)
        began = time.monotonic()
        with closing(crew.team.answers(alone([row(x, 40) for x in range(40)]), 20)) as answers:
            for _ in answers:
                time.sleep(0.02)
        assert time.monotonic() - began < 40 * 0.04, "as long as one worker alone would take"


# ------------------------------------------------------------------ the first error


def test_the_first_error_in_order_is_raised_though_a_later_one_comes_sooner(bench: Bench) -> None:
    rows = [row(0), row(1, 400, "raise"), *(row(x, 0, "raise") for x in range(2, 9))]
    with teamed(bench, 2) as crew:
        crew.grow(2)
        with pytest.raises(PackageCodeError) as caught:
            crew.answer(alone(rows))
        assert caught.value.message == "`KeyError`: 1"
        assert crew.asked(2) == 1, "it was asked at the same time"
        assert crew.asked(5) == 0, "nothing is asked after an error"
        assert crew.answer(alone([row(70), row(71)])) == [70, 71]


@pytest.mark.parametrize("do", ["", "raise"])
def test_what_cannot_be_read_is_told_in_its_turn(bench: Bench, do: str) -> None:
    def batches() -> Iterator[list[Row]]:
        yield [row(0)]
        yield [row(1, 100, do)]
        raise UsageError("expected rows, found none", code="table/rows")

    with teamed(bench, 2) as crew:
        answers = crew.team.answers(batches(), 20)
        assert [one["x"] for one in next(answers).rows] == [0]
        with pytest.raises(PackageCodeError if do else UsageError):
            list(answers)
        assert crew.asked(1) == 1


# ------------------------------------------------------------------ workers that go


def test_a_batch_whose_worker_died_is_asked_of_another(bench: Bench) -> None:
    rows = [row(x, 10, "die once" if x in (3, 17) else "") for x in range(30)]
    with teamed(bench, 2) as crew:
        assert crew.answer(alone(rows)) == list(range(30))
        assert [crew.asked(x) for x in (2, 3, 17)] == [1, 2, 2]


def test_the_only_worker_that_dies_is_replaced(bench: Bench) -> None:
    with teamed(bench, 1) as crew:
        assert crew.answer(alone([row(0), row(1, 0, "die once"), row(2)])) == [0, 1, 2]
        assert len(crew.source.started) == 2


def test_a_batch_that_brings_two_workers_down_is_the_error(bench: Bench) -> None:
    rows = [row(x, 10, "die" if x == 10 else "") for x in range(30)]
    found: list[object] = []
    with teamed(bench, 3) as crew:
        with pytest.raises(Unavailable) as caught:
            found.extend(answer.rows[0]["x"] for answer in crew.team.answers(alone(rows), 20))
        assert caught.value.code == "worker/died"
        assert found == list(range(10))
        assert crew.asked(10) == 2
        assert crew.answer(alone([row(50)])) == [50]


def test_what_may_not_be_asked_twice_is_not(bench: Bench) -> None:
    """A package with the network may have done something out there."""
    with teamed(bench, 2, idempotent=False) as crew:
        with pytest.raises(Unavailable) as caught:
            crew.answer(alone([row(0), row(1, 0, "die once"), row(2)]))
        assert caught.value.code == "worker/died"
        assert crew.asked(1) == 1


def test_a_batch_that_takes_too_long_is_not_asked_again(bench: Bench) -> None:
    with teamed(bench, 2) as crew:
        crew.grow(2)
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            crew.answer(alone([row(100), row(101, 60_000), row(102)]), deadline_s=0.3)
        assert caught.value.code == "worker/deadline"
        assert time.monotonic() - began < 5
        assert crew.asked(101) == 0, "it hung before it wrote anything"
        assert crew.answer(alone([row(103)])) == [103]


def test_workers_killed_at_work_cost_no_answer(bench: Bench) -> None:
    found = []
    with teamed(bench, 3) as crew:
        crew.grow(3)
        rows = [row(x, 5) for x in range(120)]
        for answer in crew.team.answers(alone(rows), 20):
            found.append(answer.rows[0]["x"])
            if found[-1] in (20, 50, 80):
                os.kill(crew.team.pids[0], signal.SIGKILL)
    assert found == list(range(120))


def test_a_worker_that_speaks_unasked_is_asked_no_more(bench: Bench) -> None:
    speaking = """
import os, stat, threading

def speak():
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, b"\\0\\0\\0\\x02{}")
        except OSError:
            pass

def run(model, rows):
    if rows[0]["x"] == 1:
        threading.Timer(0.1, speak).start()
    return [{"x": os.getpid()} for _ in rows]
"""
    source = Source(bench, bench.package(speaking))
    with closing(Team(source, Growth(1), idempotent=True)) as team:
        team.begin()
        [first] = team.answers([[{"x": 1}]], 20)
        time.sleep(0.4)
        [second] = team.answers([[{"x": 2}]], 20)
    assert [first.rows[0]["x"], second.rows[0]["x"]] == source.started


def test_whoever_leaves_early_waits_for_nobody(bench: Bench) -> None:
    with teamed(bench, 3) as crew:
        crew.grow(3)
        began = time.monotonic()
        answers = crew.team.answers(alone([row(0), *(row(x, 5_000) for x in range(1, 9))]), 20)
        next(answers)
        answers.close()
        assert time.monotonic() - began < 2
        assert gone(crew.source.started)
        assert crew.answer(alone([row(9)])) == [9]


# ------------------------------------------------------------------ how many there are


def test_quick_rows_are_answered_by_one_worker(bench: Bench) -> None:
    with teamed(bench) as crew:
        crew.answer(alone([row(x) for x in range(20)]))
        assert len(crew.source.started) == 1


def test_slow_rows_get_more_workers_while_they_wait(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ketch.runtime.team.cores", lambda: 8)  # this machine may be small
    with teamed(bench, most=3) as crew:
        assert crew.answer(alone([row(x, 100) for x in range(40)])) == list(range(40))
        assert len(crew.source.started) == 3


def test_a_second_worker_helps_with_a_batch_that_has_not_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started while the first is at work, not after."""
    monkeypatch.setattr("ketch.runtime.team.cores", lambda: 8)
    with teamed(bench, most=2) as crew:
        crew.answer(alone([row(0, 3_000), row(1), row(2)]))
        assert crew.pids[1] == crew.pids[2] == crew.source.started[1]


def test_a_start_that_fails_leaves_the_work_to_those_that_there_are(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0
    with teamed(bench, 3) as crew:

        def refuse(*_: object, **__: object) -> Worker:
            nonlocal tried
            tried += 1
            raise Unavailable("no process to be had", code="worker/start")

        monkeypatch.setattr(Worker, "begin", refuse)
        assert crew.answer(alone([row(x, 20) for x in range(40)])) == list(range(40))
        assert tried == 2
        assert len(crew.team.pids) == 1


SLOW_START = """
import os, time
from pathlib import Path

first = Path(f"{os.environ['HOME']}/first")
if first.exists():
    time.sleep(60)
first.touch()

def run(model, rows):
    time.sleep(0.05)
    return rows
"""


def test_workers_that_are_being_started_end_with_the_team(bench: Bench) -> None:
    source = Source(bench, bench.package(SLOW_START))
    with closing(Team(source, Growth(3, at_once=True), idempotent=True)) as team:
        team.begin()
        answers = team.answers(([{"x": x}] for x in range(20)), 9)
        assert [answer.rows[0]["x"] for answer in answers] == list(range(20))
        assert eventually(lambda: len(source.started) == 3)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert gone(source.started)


def eventually(claim: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not claim() and time.monotonic() < until:
        time.sleep(0.01)
    return claim()


def test_ctrl_c_ends_every_worker(bench: Bench) -> None:
    def batches() -> Iterator[list[Row]]:
        for x in range(1_000):
            if x == 60:
                signal.raise_signal(signal.SIGINT)
            yield [row(x, 10)]

    with teamed(bench, 3) as crew:
        crew.grow(3)
        with pytest.raises(KeyboardInterrupt):
            crew.answer(batches())
    assert len(crew.source.started) == 3
    assert gone(crew.source.started)


def test_what_several_print_alike_is_told_once(bench: Bench) -> None:
    printing = """
import time
print("loaded")

def run(model, rows):
    time.sleep(0.03)
    if rows[0]["x"] == 0:
        print("zero")
    return rows
"""
    source = Source(bench, bench.package(printing))
    with closing(Team(source, Growth(2, at_once=True), idempotent=True)) as team:
        team.begin()
        assert team.output == "loaded"
        while len(team.pids) < 2:
            list(team.answers(([{"x": x}] for x in range(1, 30)), 20))
        assert team.output == "loaded"
        list(team.answers([[{"x": 0}]], 20))
        assert team.output.splitlines().count("zero") == 1
