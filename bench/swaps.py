"""Hot swaps under load: what a caller sees while the package behind a route changes.

    python bench/swaps.py [--swaps 1000] [--share 0.7] [--sessions 32] [--every 0] [--rollbacks 5]

Two versions of a package stand on one route, in a gateway that follows the registry with
one worker each. First the rate is found that the sessions reach when they ask as fast as
they can; then they ask at a share of it, each on its own connection, one request after the
other, while the registry promotes one version and rolls it back, in turns, as fast as each
change is served, or every so many seconds. An answer holds the version that made it: it is
*mixed* when its header names another, or when its number is not the one that version
computes; a session *goes back* when it meets the version that was left after it had met the
new one, within one swap.

The same load without a swap, before and after, is what p99 is compared with, and what the
gateway holds before and after shows whether swaps leave anything behind. At the end
`ketch rollback` is timed from the start of the command to the first answer of the package
that answers again. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from served import packages, routes
from served.gateway import KETCH, Gateway, serving, taken
from served.traffic import Answer, quantile, request_of, sessions

from ketch.registry import Desk
from ketch.runtime import Home

FACTORS = {"1.0.0": 2, "2.0.0": 3}
OLD, NEW = FACTORS
WORK = 20_000
WITHIN_S = 20.0


@dataclass
class Seen:
    """What all sessions saw.

    Attributes:
        swap: How many swaps were ordered so far.
        live: The version that ought to answer, once the last order is carried out.
        counts: What went wrong, and how often; and what went well.
        took_s: How long each answer took, by what went on: ``steady`` or ``swaps``.
        last: The version each session met last, and in which swap it had asked.
        first: Version → when it answered first since the last order.
    """

    swap: int = 0
    live: str = OLD
    phase: str = "steady"
    counts: Counter[str] = field(default_factory=Counter)
    took_s: dict[str, list[float]] = field(default_factory=lambda: {"steady": [], "swaps": []})
    last: dict[int, tuple[str, int]] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)

    def take(self, session: int, known: object, answer: Answer) -> None:
        """Look at an answer: ``known`` is the number asked, and the swap it was asked in."""
        x, swap = known  # type: ignore[misc] # the pair that `asks` made
        if answer.status != 200:
            self.counts["dropped" if answer.status == 0 else f"status {answer.status}"] += 1
            return
        said = json.loads(answer.body)
        version = said["version"]
        named = answer.header(b"Ketch-Package")
        if named != f"shop:{version}" or said["x"] != x * FACTORS[version]:
            self.counts["mixed"] += 1
        met, when = self.last.get(session, (version, -1))
        # Asked after an order, and met its package: whoever asks again, and meets the
        # other one, while no other order was given, went back.
        if when == self.swap == swap and met == self.live != version:
            self.counts["went back"] += 1
        self.last[session] = (version, swap)
        self.first.setdefault(version, answer.done)
        self.took_s[self.phase].append(answer.took_s)
        self.counts["answered"] += 1


class Swaps:
    """One route, its callers, and who swaps what answers."""

    def __init__(self, gateway: Gateway, route: str, desk: Desk) -> None:
        self.gateway = gateway
        self.route = route
        self.desk = desk
        self.seen = Seen()
        self.is_over = False

    async def run(
        self, count: int, share: float, callers: int, seconds: float, every_s: float
    ) -> dict[str, object]:
        """Return what was seen."""
        capacity = await self._capacity(callers, seconds)
        self.seen = Seen()
        asking = asyncio.ensure_future(self._ask(callers, rate=share * capacity))
        await asyncio.sleep(1.0)
        self.seen.took_s["steady"].clear()
        await asyncio.sleep(seconds)
        self.seen.phase = "swaps"
        before = taken(self.gateway.pid)
        began = time.perf_counter()
        served = []
        for at in range(count):
            await asyncio.sleep(max(0.0, began + at * every_s - time.perf_counter()))
            served.append(await self._swap())
        took_s = time.perf_counter() - began
        self.seen.phase = "steady"
        await asyncio.sleep(seconds)
        after = taken(self.gateway.pid)
        self.is_over = True
        await asking
        return {
            "capacity_rps": round(capacity),
            "rate_rps": round(share * capacity),
            "swapped": count,
            "seconds": round(took_s, 1),
            **self.seen.counts,
            **{name: _told(values) for name, values in self.seen.took_s.items()},
            "gateway": {
                "rss_mb": [round(one.rss_mb, 1) for one in (before, after)],
                "descriptors": [one.descriptors for one in (before, after)],
                "threads": [one.threads for one in (before, after)],
            },
            "order_to_first_ms": _told([one for one in served if one is not None]),
        }

    async def _capacity(self, callers: int, seconds: float) -> float:
        self.is_over = False
        asking = asyncio.ensure_future(self._ask(callers, rate=None))
        await asyncio.sleep(1.0)
        before = self.seen.counts["answered"]
        await asyncio.sleep(seconds)
        self.is_over = True
        found = (self.seen.counts["answered"] - before) / seconds
        await asking
        self.is_over = False
        return found

    def _ask(self, callers: int, rate: float | None) -> asyncio.Future[None]:
        def asks(number: int) -> tuple[bytes, object]:
            x = number % 1_000_000
            return request_of(f"/{self.route}", b'{"x":%d}' % x), (x, self.seen.swap)

        return asyncio.ensure_future(
            sessions(
                self.gateway.port,
                asks,
                self._take,
                count=callers,
                until=lambda: self.is_over,
                rate=rate,
            )
        )

    def _take(self, session: int, known: object, answer: Answer) -> None:
        self.seen.take(session, known, answer)

    async def _swap(self) -> float | None:
        """Order the other version, and return how long it took until it answered."""
        seen = self.seen
        to = NEW if seen.live == OLD else OLD
        seen.swap += 1
        seen.live = to
        seen.first.clear()
        began = time.perf_counter()
        await asyncio.to_thread(self._order, to)
        while to not in seen.first or seen.first[to] < began:
            seen.first.pop(to, None)
            if time.perf_counter() > began + WITHIN_S:
                seen.counts["never served"] += 1
                return None
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.02)  # for those who are still being answered by the other one
        return seen.first[to] - began

    def _order(self, to: str) -> None:
        if to == NEW:
            routes.to_prod(self.desk, f"shop:{NEW}")
        else:
            self.desk.roll_back(self.route, reason=routes.REASON)


async def rolled_back(gateway: Gateway, home: Home, route: str, desk: Desk) -> float:
    """Return how long `ketch rollback` takes until the package before answers."""
    routes.to_prod(desk, f"shop:{NEW}")
    await _until(gateway, route, NEW)
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        KETCH,
        "rollback",
        route,
        "--reason",
        routes.REASON,
        env={**os.environ, "KETCH_HOME": str(home.path)},
        stdout=subprocess.DEVNULL,
    )
    await _until(gateway, route, OLD)
    took_s = time.perf_counter() - began
    assert await process.wait() == 0
    return took_s


async def _until(gateway: Gateway, route: str, version: str) -> None:
    while True:
        status, body, _ = await asyncio.to_thread(gateway.ask, f"/{route}", b'{"x":1}')
        if status == 200 and json.loads(body)["version"] == version:
            return
        await asyncio.sleep(0.002)


def _told(values: Sequence[float]) -> dict[str, float]:
    return {
        "count": len(values),
        "p50_ms": round(quantile(values, 0.5) * 1e3, 2),
        "p99_ms": round(quantile(values, 0.99) * 1e3, 2),
        "most_ms": round(max(values, default=0) * 1e3, 1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaps", type=int, default=1_000)
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--sessions", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=0.0)
    parser.add_argument("--rollbacks", type=int, default=5)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        for version, factor in FACTORS.items():
            packages.pack(packages.shop(version, factor, WORK), Path(folder) / "projects", home)
        route = routes.published(home, *(f"shop:{version}" for version in FACTORS))
        with home.desk() as desk:
            routes.to_prod(desk, f"shop:{OLD}")
            with serving(home, "--workers", "1", asks=(f"/{route}", b'{"x":1}')) as gateway:
                swaps = Swaps(gateway, route, desk)
                told = uvloop.run(
                    swaps.run(given.swaps, given.share, given.sessions, given.seconds, given.every)
                )
                took = [
                    uvloop.run(rolled_back(gateway, home, route, desk))
                    for _ in range(given.rollbacks)
                ]
    told["rollback_s"] = [round(one, 3) for one in took]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
