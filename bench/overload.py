"""More callers than a package can answer, and workers that are killed.

    python bench/overload.py [--seconds 20] [--kills 30]

A package that computes for some 10 ms a request, asked one by one (`--max-rows 1`), by one
worker. Callers come by chance (exponential gaps) whether or not those before them were
answered: as many as it can answer, twice and ten times as many, and then half as many again.
Of those that were answered: how many a second beside what it can do, and the 99 % of their
latency beside what that is when as many come as it can answer. Of those that were refused:
how soon, and whether they were told when to come again. And how long after the last of the
crowd had come it was over: nobody refused, nobody waiting twice as long as before it.

Then two workers, of which one is killed every second (SIGKILL) while sessions ask: every
answer is checked. Latency is counted from when a request was due. Prints JSON lines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from served import packages
from served.gateway import Gateway, serving, taken
from served.traffic import Answer, crowd, quantile, request_of, sessions

from ketch.runtime import Home

VERSION, FACTOR = "1.0.0", 2
WORK = 400_000
LIGHT = 4_000


@dataclass
class Seen:
    """What callers saw."""

    counts: Counter[str] = field(default_factory=Counter)
    answered: list[Answer] = field(default_factory=list)
    refused: list[Answer] = field(default_factory=list)

    def take(self, _: int, known: object, answer: Answer) -> None:
        """Look at an answer to a number that was asked."""
        if answer.status == 200:
            self.answered.append(answer)
            said = json.loads(answer.body)
            named = answer.header(b"Ketch-Package") == f"shop:{VERSION}"
            is_right = named and said == {"x": int(str(known)) * FACTOR, "version": VERSION}
            self.counts["right" if is_right else "WRONG"] += 1
            return
        self.refused.append(answer)
        self.counts[f"status {answer.status}" if answer.status else "dropped"] += 1
        if answer.status == 503 and not answer.header(b"Retry-After"):
            self.counts["503 that does not say when to come again"] += 1


def asks(number: int) -> tuple[bytes, object]:
    """Return a request, and the number it asks."""
    x = number % 1_000_000
    return request_of("/shop", b'{"x":%d}' % x), x


async def closed(port: int, count: int, seconds: float) -> float:
    """Return how many a second are answered when so many sessions ask without a pause."""
    seen, end = Seen(), time.perf_counter() + seconds
    await sessions(port, asks, seen.take, count=count, until=lambda: time.perf_counter() > end)
    return len(seen.answered) / seconds


async def came(port: int, rate: float, seconds: float) -> Seen:
    """Return what callers see who come at a rate."""
    seen = Seen()
    await crowd(port, asks, seen.take, rate=rate, seconds=seconds)
    return seen


async def overload(gateway: Gateway, seconds: float) -> None:
    """Print what happens at 1, 2 and 10 times the capacity, and after it."""
    port = gateway.port
    await closed(port, 4, 2.0)
    capacity = await closed(port, 4, seconds / 2)
    calm = await came(port, capacity / 2, seconds / 2)
    usual_s = quantile([one.took_s for one in calm.answered], 0.99)
    tell("calm", 0.5, capacity, calm, seconds / 2)
    full = await came(port, capacity, seconds)
    p99_s = quantile([one.took_s for one in full.answered], 0.99)
    tell("full", 1, capacity, full, seconds)
    for times in (2, 10):
        before = taken(gateway.pid)
        seen = await came(port, times * capacity, seconds)
        ended = max(one.due for one in (*seen.answered, *seen.refused))
        after = await came(port, capacity / 2, 5.0)
        late = [one.done for one in after.answered if one.took_s > 2 * usual_s]
        late += [one.done for one in (*seen.answered, *after.refused)]
        tell(
            "crowd",
            times,
            capacity,
            seen,
            seconds,
            p99_of_full=round(quantile([one.took_s for one in seen.answered], 0.99) / p99_s, 2),
            back_after_s=round(max(late) - ended, 2),
            gateway_mb=[round(before.rss_mb, 1), round(taken(gateway.pid).rss_mb, 1)],
        )


def tell(
    what: str, times: float, capacity: float, seen: Seen, seconds: float, **more: object
) -> None:
    """Print a line."""
    took = [one.took_s for one in seen.answered]
    refused = [one.took_s for one in seen.refused]
    told = {
        "what": what,
        "times": times,
        "capacity": round(capacity, 1),
        "answered_of_capacity": round(len(took) / seconds / capacity, 3),
        "p50_ms": round(quantile(took, 0.5) * 1e3, 1),
        "p99_ms": round(quantile(took, 0.99) * 1e3, 1),
        "refused_p50_ms": round(quantile(refused, 0.5) * 1e3, 2),
        "refused_p99_ms": round(quantile(refused, 0.99) * 1e3, 2),
        "refused_most_ms": round(max(refused, default=0.0) * 1e3, 2),
        **seen.counts,
        **{
            key: round(value, 2) if isinstance(value, float) else value
            for key, value in more.items()
        },
    }
    print(json.dumps(told), flush=True)


async def killed(gateway: Gateway, kills: int) -> None:
    """Print what sessions see while a worker is killed every second."""
    port, draw = gateway.port, random.Random(7)
    await closed(port, 32, 2.0)  # until the second worker is there
    assert len(gateway.workers) == 2
    rate = 0.5 * await closed(port, 32, 5.0)
    seen, end = Seen(), time.perf_counter() + kills + 2
    asking = asyncio.ensure_future(
        sessions(
            port, asks, seen.take, count=32, until=lambda: time.perf_counter() > end, rate=rate
        )
    )
    done = 0
    for _ in range(kills):
        await asyncio.sleep(1.0)
        if workers := gateway.workers:
            os.kill(draw.choice(workers), signal.SIGKILL)
            done += 1
    await asking
    tell("killed", 0.5, rate * 2, seen, kills + 2, kills=done, workers=len(gateway.workers))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a JSON line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--kills", type=int, default=30)
    given = parser.parse_args(arguments)
    asked = ("/shop", b'{"x":1}')
    with tempfile.TemporaryDirectory() as folder:
        for work, name in ((WORK, "heavy"), (LIGHT, "light")):
            home = Home(Path(folder) / name)
            project = packages.shop(VERSION, FACTOR, work)
            reference = packages.pack(project, Path(folder) / "projects", home)
            if name == "heavy":
                alone = ("--workers", "1", "--max-rows", "1")
                with serving(home, reference, *alone, asks=asked) as gateway:
                    uvloop.run(overload(gateway, given.seconds))
            else:
                with serving(home, reference, "--workers", "2", asks=asked) as gateway:
                    uvloop.run(killed(gateway, given.kills))


if __name__ == "__main__":
    main()
