"""Workers that die, hang, leak and lie: whoever is not to blame gets an answer."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from tests.pools import Source, Staff, gone, run, staffed
from tests.unit.serving.workers.test_pool import SLEEP, code_of, rows_of
from tests.verification import Bench, asks

from ketch.errors import KetchError
from ketch.package.manifest import Budget
from ketch.serving.contract import Contract
from ketch.serving.workers import Event, Pool, PoolAnswer, PoolSettings

DIES = """
import os
def run(model, rows):
    if any(row["x"] == 13 for row in rows):
        os._exit(3)
    return rows
"""
HANGS = """
import time
def run(model, rows):
    if any(row["x"] == 13 for row in rows):
        time.sleep(3600)
    return rows
"""
LEAKS = """
kept = []
def run(model, rows):
    kept.append(bytearray(4_000_000))
    kept[-1][::4096] = b"x" * len(kept[-1][::4096])
    return rows
"""


async def clients(
    staff: Staff, count: int, until: float, *, within_s: float = 20.0
) -> Counter[str]:
    """Ask from many sides until some time; count answers, wrong answers and errors."""
    seen: Counter[str] = Counter()
    draw = random.Random(5)

    async def one() -> None:
        while time.monotonic() < until:
            x = draw.randrange(1_000, 10**9)
            try:
                answer = await staff.ask({"x": x}, within_s=within_s)
            except KetchError as problem:
                seen[problem.code] += 1
                await asyncio.sleep(0.02)
            else:
                seen["right" if answer.rows == [{"x": x}] else "wrong"] += 1

    await asyncio.gather(*(one() for _ in range(count)))
    return seen


@pytest.mark.parametrize("together", [True, False])
def test_workers_that_are_killed_all_the_time_cost_no_answer(
    bench: Bench,
    together: bool,  # noqa: FBT001
) -> None:
    async def scene() -> None:
        async with staffed(bench, workers=2, together=together, patience_s=5.0) as staff:
            await staff.until(lambda: len(staff.pool.workers) == 2)
            asking = asyncio.ensure_future(clients(staff, 16, time.monotonic() + 3))
            for _ in range(5):
                await asyncio.sleep(0.5)
                with suppress(ProcessLookupError):
                    os.kill(random.choice(staff.pool.workers).pid, signal.SIGKILL)
            seen = await asking
            assert set(seen) == {"right"}, seen
            assert seen["right"] > 1_000
            assert staff.kinds().count("died") == 5
            assert len(staff.source.started) >= 6

    run(scene())


def test_a_single_worker_that_is_killed_is_back_within_a_second(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench) as staff:
            asking = asyncio.ensure_future(clients(staff, 8, time.monotonic() + 2))
            await asyncio.sleep(0.5)
            killed = time.monotonic()
            os.kill(staff.pool.workers[0].pid, signal.SIGKILL)
            await staff.until(lambda: not staff.pool.ready)
            await staff.until(lambda: staff.pool.ready)
            assert time.monotonic() - killed < 1.0
            seen = await asking
            assert set(seen) <= {"right", "serve/starting", "serve/busy"}, seen
            assert not staff.pool.failing

    run(scene())


def test_a_request_that_kills_its_worker_hurts_its_owner_only(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench, DIES, patience_s=10.0) as staff:
            answers = await staff.all([[{"x": x}] for x in range(50)], within_s=30)
            assert code_of(answers.pop(13)) == "serve/worker-died"
            assert [rows_of(one)[0]["x"] for one in answers] == [x for x in range(50) if x != 13]
            await staff.until(lambda: staff.kinds().count("started") == 4)
            assert staff.kinds().count("died") == 3
            assert not staff.pool.failing  # one request is no reason to doubt a package
            (died, *_) = [event for event in staff.events if event.kind == "died"]
            assert "exit status 3" in str(died.problem)

    run(scene())


def test_a_package_that_uses_the_network_is_not_asked_twice(bench: Bench) -> None:
    package = bench.package(DIES)
    environment = replace(package.manifest.environment, network=True)

    async def scene() -> None:
        networked = bench.package(DIES, environment=environment)
        async with staffed(bench, networked, together=False) as staff:
            (died,) = await staff.all([[{"x": 13}]])
            assert code_of(died) == "serve/worker-died"
            await staff.until(lambda: staff.pool.ready)
            assert staff.kinds().count("died") == 1

    run(scene())


def test_a_request_that_hangs_ends_at_its_deadline_and_the_worker_is_replaced(
    bench: Bench,
) -> None:
    async def scene() -> None:
        async with staffed(bench, HANGS, together=False, patience_s=10.0) as staff:
            began = time.monotonic()
            hung = asyncio.ensure_future(staff.all([[{"x": 13}]], within_s=0.5))
            await asyncio.sleep(0.1)
            good = asyncio.ensure_future(staff.ask({"x": 1}))
            (error,) = await hung
            assert code_of(error) == "serve/deadline"
            assert 0.49 < time.monotonic() - began < 0.8
            assert (await good).rows == [{"x": 1}]
            assert time.monotonic() - began < 2.5
            await staff.until(lambda: "hung" in staff.kinds())
            (told,) = [event for event in staff.events if event.kind == "hung"]
            assert "pipeline.py" in str(told.problem)

    run(scene())


def test_who_is_in_the_call_of_one_that_hangs_is_answered(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench, HANGS, workers=2, patience_s=20.0) as staff:
            await staff.until(lambda: len(staff.pool.workers) == 2)
            answers = await staff.all([[{"x": x}] for x in range(30)], within_s=3.0)
            assert code_of(answers.pop(13)) == "serve/deadline"
            assert [rows_of(one)[0]["x"] for one in answers] == [x for x in range(30) if x != 13]

    run(scene())


def test_more_requests_hang_than_there_are_workers(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench, HANGS, workers=2, together=False, patience_s=30.0) as staff:
            await staff.until(lambda: len(staff.pool.workers) == 2)
            hung = asyncio.ensure_future(staff.all([[{"x": 13}]] * 5, within_s=1.0))
            await asyncio.sleep(0.05)
            good = asyncio.ensure_future(staff.ask({"x": 1}, within_s=8))
            assert {code_of(one) for one in await hung} == {"serve/deadline"}
            assert (await good).rows == [{"x": 1}]

    run(scene())


def test_a_worker_that_leaks_is_replaced_between_two_calls(bench: Bench) -> None:
    async def scene() -> None:
        async with staffed(bench, LEAKS, together=False, memory_mb=120) as staff:
            seen: Counter[str] = Counter()
            until = time.monotonic() + 20
            while "too-large" not in staff.kinds() or staff.kinds().count("started") < 3:
                assert time.monotonic() < until
                seen[str((await staff.ask({"x": 1})).rows)] += 1
                await asyncio.sleep(0.02)
            assert set(seen) == {"[{'x': 1}]"}
            assert "died" not in staff.kinds()
            await staff.until(lambda: gone(staff.source.started[:1]))

    run(scene())


def test_a_worker_that_is_out_of_memory_for_what_it_leaked_is_replaced_at_once(
    bench: Bench,
) -> None:
    package = bench.package(LEAKS, budget=Budget(memory_mb=200))

    async def scene() -> None:
        limited = {"memory_bytes": 200_000_000}
        async with staffed(bench, package, together=False, launch=limited) as staff:
            answers = [await staff.ask({"x": at}) for at in range(100)]
            assert [one.rows for one in answers] == [[{"x": at}] for at in range(100)]
            assert len(staff.source.started) > 2

    run(scene())


GARBAGE = """
import os, stat
def run(model, rows):
    if rows[0]["x"] != 13:
        return rows
    for fd in range(3, 1024):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, {garbage})
        except OSError:
            pass
    return rows
"""
FRAME = "len({0}).to_bytes(4, 'big') + {0}"
STEPS = '[{"step":"pipeline:run","ms":1}]'
ROWS = f"""b'{{"ok":true,"rows":%s,"steps":{STEPS},"trace":[],"rss_bytes":1}}'"""


@pytest.mark.parametrize(
    "garbage",
    [
        "b'\\xff\\xff\\xff\\xff'",
        "b'\\x00\\x00\\x00\\x00'",
        "b'\\x00\\x00\\x00\\x02[]'",
        FRAME.format(ROWS % "[]"),
        FRAME.format(ROWS % '[{"x":1},{"x":2}]'),
        FRAME.format(ROWS % '[{"x":NaN}]'),
        FRAME.format(ROWS.replace("pipeline:run", "no:step") % '[{"x":1}]'),
        "2 * (" + FRAME.format(ROWS % '[{"x":1}]') + ")",
    ],
    ids=[
        "too large",
        "empty",
        "no reply",
        "no rows",
        "more rows",
        "no number",
        "other steps",
        "two replies",
    ],
)
def test_a_worker_that_breaks_the_protocol_is_killed_and_nobody_gets_its_answer(
    bench: Bench, garbage: str
) -> None:
    async def scene() -> None:
        source = GARBAGE.replace("{garbage}", garbage)
        async with staffed(bench, source, together=False, patience_s=10.0) as staff:
            answers = await staff.all([[{"x": 1}], [{"x": 13}], [{"x": 2}]])
            assert code_of(answers[1]) == "serve/worker-died"
            assert (rows_of(answers[0]), rows_of(answers[2])) == ([{"x": 1}], [{"x": 2}])
            await staff.until(lambda: staff.kinds().count("started") == 3)
            assert staff.kinds().count("garbled") == 2

    run(scene())


def test_an_answer_nobody_asked_for_is_the_end_of_a_worker(bench: Bench) -> None:
    source = """
import os, stat, threading, time
def late():
    time.sleep(0.2)
    for fd in range(3, 1024):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, b"hello")
        except OSError:
            pass
def run(model, rows):
    if rows[0]["x"] == 13:
        threading.Thread(target=late).start()
    return rows
"""

    async def scene() -> None:
        async with staffed(bench, source, together=False) as staff:
            assert (await staff.ask({"x": 13})).rows == [{"x": 13}]
            await staff.until(lambda: "garbled" in staff.kinds())
            await staff.until(lambda: staff.pool.ready)
            assert (await staff.ask({"x": 2})).rows == [{"x": 2}]

    run(scene())


def test_a_crash_loop_is_seen_and_started_ever_more_rarely(bench: Bench) -> None:
    source = """
import os
MARK = os.path.join(os.environ["TMPDIR"], "broken")
if os.path.exists(MARK):
    raise RuntimeError("broken")
def run(model, rows):
    if rows[0]["x"] == 13:
        open(MARK, "w").close()
    return rows
"""
    package = bench.package(source)

    async def scene() -> None:
        async with staffed(bench, package, together=False) as staff:
            await staff.ask({"x": 13})
            began = time.monotonic()
            os.kill(staff.pool.workers[0].pid, signal.SIGKILL)
            await staff.until(lambda: staff.pool.failing)
            await staff.until(lambda: staff.kinds().count("not-started") == 3)
            assert time.monotonic() - began > 1.4
            assert "failing" in staff.kinds()
            told = time.monotonic()
            (refused,) = await staff.all([[{"x": 1}]])
            assert code_of(refused) == "serve/starting"
            assert time.monotonic() - told < 0.05
            scratch = staff.source._launch.scratch
            (scratch / "broken").unlink()
            await staff.until(lambda: staff.pool.ready)
            assert (await staff.ask({"x": 2})).rows == [{"x": 2}]
            assert staff.pool.failing  # until it has been well for a minute

    run(scene())


def slow_to_start(bench: Bench, **settings: Any) -> tuple[Pool, Source]:
    package = bench.package(f"import time\ntime.sleep(60)\n{SLEEP}")
    starter = Source(bench, package)
    pool = Pool(
        Contract(package), starter, together=True, settings=PoolSettings(workers=1, **settings)
    )
    return pool, starter


def test_a_start_that_hangs_ends_in_time(bench: Bench) -> None:
    async def scene() -> None:
        pool, starter = slow_to_start(bench, start_timeout_s=0.7)
        began = time.monotonic()
        with pytest.raises(KetchError) as caught:
            await pool.open()
        assert caught.value.code == "serve/start-timeout"
        assert time.monotonic() - began < 3
        assert starter.started
        assert gone(starter.started)

    run(scene())


def test_a_start_that_nobody_waits_for_any_more_ends(bench: Bench) -> None:
    async def scene() -> None:
        pool, starter = slow_to_start(bench)
        opening = asyncio.ensure_future(pool.open())
        while not starter.started:  # noqa: ASYNC110 # the thread that starts it says nothing else
            await asyncio.sleep(0.01)
        began = time.monotonic()
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening
        assert opening.cancelled()
        assert time.monotonic() - began < 3
        assert gone(starter.started)

    run(scene())


@pytest.mark.parametrize("kind", [OSError, RuntimeError, MemoryError, ZeroDivisionError])
def test_whatever_keeps_a_worker_from_starting_is_tried_again_ever_more_rarely(
    bench: Bench, kind: type[Exception]
) -> None:
    async def scene() -> None:
        async with staffed(bench) as staff:
            start: Callable[..., Any] = staff.source.start
            failed: list[float] = []

            def cannot(*_: object, **__: object) -> Any:
                failed.append(time.monotonic())
                raise kind("no more processes")

            staff.source.start = cannot  # type: ignore[method-assign]
            os.kill(staff.pool.workers[0].pid, signal.SIGKILL)
            await staff.until(lambda: len(failed) == 2)
            assert failed[1] - failed[0] > 0.3
            assert staff.kinds().count("not-started") >= 1
            staff.source.start = start  # type: ignore[method-assign]
            await staff.until(lambda: staff.pool.ready)
            assert (await staff.ask({"x": 1})).rows == [{"x": 1}]

    run(scene())


def test_a_load_that_one_worker_cannot_bear_gets_a_second(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ketch.serving.workers.scale.GROW_AFTER_S", 1.0)
    package = bench.package(SLEEP, asks("soon", {"x": 1}, {"x": 1}))

    async def scene() -> None:
        async with staffed(bench, package, together=False, workers=None, patience_s=30.0) as staff:
            staff.pool._scale.most = 2

            async def ask() -> None:
                while len(staff.pool.workers) < 2:
                    assert isinstance(await staff.ask({"x": 40}), PoolAnswer)

            await asyncio.wait_for(asyncio.gather(*(ask() for _ in range(6))), 20)
            await staff.all([[{"x": 40}]] * 6)
            assert all(one.calls for one in staff.pool.workers)

    run(scene())


def test_what_happened_is_told(bench: Bench) -> None:
    async def scene() -> list[Event]:
        async with staffed(bench) as staff:
            os.kill(staff.pool.workers[0].pid, signal.SIGKILL)
            await staff.until(lambda: staff.kinds().count("started") == 2)
        return staff.events

    events = run(scene())
    assert [event.kind for event in events if event.kind != "died"] == [
        "started",
        "started",
        "left",
    ]
    assert "SIGKILL" in str(next(one.problem for one in events if one.kind == "died"))
