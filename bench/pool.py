"""What the workers of one package cost, and what they do under faults and overload.

    python bench/pool.py [SECONDS]

Everything runs here: the workers are real, the callers are coroutines on the loop of the
pool, so that no HTTP is measured. Cost is the CPU time of the whole gateway process a
request, the time of the callers themselves (about 1 us) included.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.pools import Staff, run, staffed  # noqa: E402
from tests.verification import Bench, asks  # noqa: E402

from ketch.errors import KetchError  # noqa: E402
from ketch.package import Package  # noqa: E402
from ketch.testing.workers import Rig, make_environment  # noqa: E402

INPUTS = {
    "shopper": "string",
    "hour": "int64",
    "price": "float64",
    "country": "string",
    "viewed": "list<string>",
}
ROW = {
    "shopper": "12347",
    "hour": 9,
    "price": 12.5,
    "country": "France",
    "viewed": ["85123A", "22423"],
}
ECHO = "def run(model, rows):\n    return [{'price': row['price']} for row in rows]\n"
SLOW = "import time\ndef run(model, rows):\n    time.sleep(0.05)\n    return rows\n"
A_ROW = "import time\ndef run(model, rows):\n    time.sleep(len(rows) / 10_000)\n    return rows\n"
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
    kept.append(b"x" * 1_000_000)
    return rows
"""


@contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        python = Path(sys.executable).resolve()
        yield Bench(Rig(make_environment(python, Path(folder) / "env"), Path(folder) / "package"))


def quantiles(times: list[float]) -> str:
    times.sort()
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    return f"p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, longest {times[-1] * 1e3:.1f} ms"


def echo(made: Bench) -> Package:
    promised = asks("one", ROW, {"price": 12.5})
    return made.package(ECHO, promised, inputs=INPUTS, outputs={"price": "float64"})


async def cost(made: Bench, concurrency: int, seconds: float, *, together: bool = True) -> None:
    async with staffed(made, echo(made), together=together) as staff:
        times: list[float] = []
        until = time.monotonic() + seconds

        async def one() -> None:
            while (now := time.monotonic()) < until:
                await staff.pool.answer([ROW], until=now + 10)
                times.append(time.monotonic() - now)

        began, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*(one() for _ in range(concurrency)))
        spent, took = time.process_time() - cpu, time.monotonic() - began
        kind = "together" if together else "one by one"
        rows = staff.pool.counts.rows / staff.pool.counts.calls
        print(
            f"concurrency {concurrency:>3}, {kind}: {len(times) / took:>9,.0f}/s, "
            f"{spent / len(times) * 1e6:5.1f} us a request, {rows:.0f} rows a call, "
            f"{quantiles(times)}"
        )


async def ask(staff: Staff, seconds: float, seen: Counter[str], times: list[float]) -> None:
    """Ask without pause, and count what comes."""
    draw = random.Random()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        row, began = {"x": draw.randrange(100, 10**9)}, time.monotonic()
        try:
            answer = await staff.ask(row)
        except KetchError as problem:
            seen[problem.code] += 1
            await asyncio.sleep(0.02)
        else:
            seen["right" if answer.rows == [row] else "WRONG"] += 1
            times.append(time.monotonic() - began)


async def killed(made: Bench, workers: int, seconds: float, *, together: bool) -> None:
    """F9: a worker is killed every second."""
    async with staffed(made, workers=workers, together=together) as staff:
        await staff.until(lambda: len(staff.pool.workers) == workers)
        seen: Counter[str] = Counter()
        times: list[float] = []
        asking = asyncio.gather(*(ask(staff, seconds, seen, times) for _ in range(32)))
        while not asking.done():
            await asyncio.sleep(1)
            if staff.pool.workers:
                os.kill(random.choice(staff.pool.workers).pid, signal.SIGKILL)
        await asking
        kind = "together" if together else "one by one"
        print(
            f"F9 {workers} workers, {kind}: {staff.kinds().count('died')} killed, "
            f"{dict(seen)}, {quantiles(times)}"
        )


async def hung(made: Bench) -> None:
    """F10: every request that hangs ends at its deadline; the others are answered."""
    async with staffed(made, HANGS, workers=2, together=False, patience_s=20) as staff:
        await staff.until(lambda: len(staff.pool.workers) == 2)
        seen: Counter[str] = Counter()
        times: list[float] = []
        began = time.monotonic()
        asking = asyncio.gather(*(ask(staff, 8, seen, times) for _ in range(8)))
        bad = await staff.all([[{"x": 13}]] * 6, within_s=1.0)
        took = time.monotonic() - began
        await asking
        codes = Counter(getattr(one, "code", "?") for one in bad)
        others = f"others {dict(seen)}, {quantiles(times)}"
        print(f"F10: 6 hang: {dict(codes)} after {took:.2f} s; {others}")


async def leaking(made: Bench, seconds: float) -> None:
    """F11: a package that keeps 1 MB a call is replaced between two calls."""
    async with staffed(made, LEAKS, memory_mb=300, together=False) as staff:
        seen: Counter[str] = Counter()
        times: list[float] = []
        await asyncio.gather(*(ask(staff, seconds, seen, times) for _ in range(2)))
        print(f"F11: {staff.kinds().count('too-large')} replaced, {dict(seen)}, {quantiles(times)}")


async def overload(made: Bench, rate: float, seconds: float) -> None:
    """F15: requests come at their own pace; a call takes 50 ms, one request each."""
    async with staffed(made, SLOW, together=False, patience_s=0.2) as staff:
        seen: Counter[str] = Counter()
        accepted: list[float] = []
        refused: list[float] = []

        async def one(x: int) -> None:
            began = time.monotonic()
            try:
                await staff.ask({"x": x}, within_s=8)
            except KetchError as problem:
                seen[problem.code] += 1
                refused.append(time.monotonic() - began)
            else:
                accepted.append(time.monotonic() - began)

        tasks = []
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            while len(tasks) < now * rate:
                tasks.append(asyncio.ensure_future(one(len(tasks))))
            await asyncio.sleep(0.002)
        await asyncio.gather(*tasks)
        told = f", refused within {max(refused) * 1e3:.1f} ms" if refused else ""
        print(
            f"F15 {rate:.0f}/s for 20/s: {len(accepted) / seconds:.1f}/s answered, "
            f"{quantiles(accepted)}; {dict(seen)}{told}"
        )


async def fairness(made: Bench, *, large: bool) -> None:
    """A client that sends 2,000 rows at a time, 0.1 ms each, beside one that sends one."""
    async with staffed(made, A_ROW, patience_s=10) as staff:
        until = time.monotonic() + 4
        times: list[float] = []

        async def many() -> int:
            done = 0
            while time.monotonic() < until:
                await staff.ask(*({"x": x} for x in range(2_000)))
                done += 1
            return done

        async def one() -> None:
            while time.monotonic() < until:
                began = time.monotonic()
                await staff.ask({"x": 1})
                times.append(time.monotonic() - began)
                await asyncio.sleep(0.002)

        done, _ = await asyncio.gather(many() if large else asyncio.sleep(4, 0), one())
        print(f"one row beside {done} requests of 2,000 rows: {quantiles(times)}")


def main(seconds: float) -> None:
    with bench() as made:
        for concurrency in (1, 8, 64, 256):
            run(cost(made, concurrency, seconds))
        run(cost(made, 64, seconds, together=False))
        for workers, together in ((2, True), (2, False), (1, True)):
            run(killed(made, workers, 2.5 * seconds, together=together))
        run(hung(made))
        run(leaking(made, 2.5 * seconds))
        for rate in (18.0, 40.0, 200.0):
            run(overload(made, rate, 2 * seconds))
        for large in (False, True):
            run(fairness(made, large=large))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 4.0)
