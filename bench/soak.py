"""A gateway for a while: does what it holds grow?

    python bench/soak.py [--minutes 15] [--share 0.5] [--sessions 32]

Two versions of a package on one route, followed from the registry, with the decision log
on. Sessions ask at a share of what they reach without a pause, every answer is checked, and
once a minute the registry promotes the one version or rolls it back. Every ten seconds:
memory (proportional and resident), descriptors and threads of the process that holds the
socket, of the gateway, and of the workers together. A line is laid through each, from a
third of the time on; its slope is told by the hour beside the mean. Prints a JSON line a
minute, and one at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import uvloop
from served import packages, routes
from served.gateway import Gateway, Taken, serving, taken
from served.traffic import Answer, quantile, request_of, sessions

from ketch.registry import Desk
from ketch.runtime import Home

FACTORS = {"1.0.0": 2, "2.0.0": 3}
OLD, NEW = FACTORS
EVERY_S = 10.0
SWAP_S = 60.0
HELD = ("pss_mb", "rss_mb", "descriptors", "threads")


class Soak:
    """One gateway, its callers, who swaps what answers, and who looks."""

    def __init__(self, gateway: Gateway, route: str, desk: Desk) -> None:
        self.gateway = gateway
        self.route = route
        self.desk = desk
        self.counts: Counter[str] = Counter()
        self.took_s: list[float] = []
        self.looks: list[tuple[float, dict[str, dict[str, float]]]] = []
        self.is_over = False

    async def run(self, seconds: float, share: float, callers: int) -> dict[str, object]:
        """Return what was seen, and how it grew."""
        capacity = await self._capacity(callers)
        self.counts.clear()
        asking = asyncio.ensure_future(self._ask(callers, share * capacity))
        began = time.monotonic()
        swap_at, swaps = began + SWAP_S / 2, 0
        while (now := time.monotonic()) < began + seconds:
            if now >= swap_at:
                await asyncio.to_thread(self._swap, swaps)
                swap_at, swaps = swap_at + SWAP_S, swaps + 1
            self.looks.append((now - began, self._look()))
            if len(self.looks) % 6 == 0:
                self._tell(now - began)
            await asyncio.sleep(EVERY_S)
        self.is_over = True
        await asking
        grown = {
            f"{who} {what}": _grown([(at, look[who][what]) for at, look in self.looks])
            for who in ("keeper", "gateway", "workers")
            for what in HELD
        }
        return {"rate": round(share * capacity), "swaps": swaps, **self.counts, "grown": grown}

    async def _capacity(self, callers: int) -> float:
        end = time.monotonic() + 5.0
        await self._ask(callers, None, end)
        return self.counts["right"] / 5.0

    async def _ask(self, callers: int, rate: float | None, end: float | None = None) -> None:
        def asks(number: int) -> tuple[bytes, object]:
            x = number % 1_000_000
            return request_of(f"/{self.route}", b'{"x":%d}' % x), x

        def is_enough() -> bool:
            return self.is_over or (end is not None and time.monotonic() > end)

        await sessions(
            self.gateway.port, asks, self._take, count=callers, until=is_enough, rate=rate
        )

    def _take(self, _: int, known: object, answer: Answer) -> None:
        self.took_s.append(answer.took_s)
        if answer.status != 200:
            self.counts[f"status {answer.status}"] += 1
            return
        said = json.loads(answer.body)
        version = said["version"]
        named = answer.header(b"Ketch-Package") == f"shop:{version}"
        is_right = named and said["x"] == int(str(known)) * FACTORS[version]
        self.counts["right" if is_right else "WRONG"] += 1

    def _swap(self, swaps: int) -> None:
        if swaps % 2:
            self.desk.roll_back(self.route, reason=routes.REASON)
        else:
            routes.to_prod(self.desk, f"shop:{NEW}")

    def _look(self) -> dict[str, dict[str, float]]:
        return {
            "keeper": _held([self.gateway.keeper]),
            "gateway": _held([self.gateway.pid]),
            "workers": _held(self.gateway.workers),
        }

    def _tell(self, at: float) -> None:
        took, self.took_s = self.took_s, []
        latest = self.looks[-1][1]
        minute: Mapping[str, object] = {
            "minute": round(at / 60),
            "p50_ms": round(quantile(took, 0.5) * 1e3, 2),
            "p99_ms": round(quantile(took, 0.99) * 1e3, 2),
            **self.counts,
            **latest,
        }
        print(json.dumps(minute), flush=True)


def _held(pids: Sequence[int]) -> dict[str, float]:
    """Return what processes hold together; one that ends meanwhile holds nothing."""
    found: list[Taken] = []
    for pid in pids:
        with suppress(OSError):
            found.append(taken(pid))
    return {what: round(sum(asdict(one)[what] for one in found), 2) for what in HELD}


def _grown(values: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return the mean of the later two thirds, and the slope of a line through them."""
    later = values[len(values) // 3 :]
    line = statistics.linear_regression([at for at, _ in later], [value for _, value in later])
    mean = statistics.mean(value for _, value in later)
    return {"mean": round(mean, 2), "an_hour": round(line.slope * 3_600, 2)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--sessions", type=int, default=32)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        for version, factor in FACTORS.items():
            project = packages.shop(version, factor, 20_000)
            packages.pack(project, Path(folder) / "projects", home)
        route = routes.published(home, *(f"shop:{version}" for version in FACTORS))
        with home.desk() as desk:
            routes.to_prod(desk, f"shop:{OLD}")
            with serving(home, asks=(f"/{route}", b'{"x":1}')) as gateway:
                soak = Soak(gateway, route, desk)
                told = uvloop.run(soak.run(given.minutes * 60, given.share, given.sessions))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
