"""What the gateway counts.

Counting is on the path of every request, so it adds integers to plain objects and nothing
else; :mod:`ketch.serving.doors.exposition` makes names, labels and text of them when
``/metrics`` is asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ketch.serving.reports import Report

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram of latencies."""

ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Upper bounds of the histogram of rows in a call to a worker."""

GONE_S = 3_600.0
"""How long a package's figures are kept that is no longer served: each version has its own."""

COUNTED = {
    "refusals": ("Requests answered by an error, by its code.", ("route", "code")),
    "restarts": ("Workers replaced, and why.", ("package", "why")),
    "shadow": ("Copies of live requests, and what became of them.", ("route", "package", "result")),
    "swaps": ("Changes of what a route serves.", ("route",)),
}
"""What is counted beside requests: what it says, and its labels."""

_PACKAGE = {
    name: labels.index("package") for name, (_, labels) in COUNTED.items() if "package" in labels
}

Labels: TypeAlias = tuple[str, ...]


class Histogram:
    """How often values fell into which bucket."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Series:
    """The requests of one route that one package answered as one arm; kept by who counts."""

    __slots__ = ("seconds", "statuses")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.seconds = Histogram(SECONDS)

    def answered(self, status: int, seconds: float) -> None:
        """Count one answer."""
        statuses = self.statuses
        statuses[status] = statuses.get(status, 0) + 1
        self.seconds.add(seconds)


@dataclass(frozen=True, slots=True)
class PoolGauge:
    """The workers of one package at this moment.

    Attributes:
        package: ``name:version``.
        depth: Requests that wait.
        workers: Workers that can answer.
        rss_bytes: What they hold in memory together.
        is_failing: Whether its workers end as soon as they start.
        batches: Rows in one call to a worker.
    """

    package: str
    depth: int
    workers: int
    rss_bytes: int = 0
    is_failing: bool = False
    batches: Histogram = field(default_factory=lambda: Histogram(ROWS))


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is read, not counted, when ``/metrics`` is asked for.

    Attributes:
        pools: One for each package that runs.
        ready: Route → whether a verified worker answers it.
        connections: Open connections.
        decisions_dropped: Decisions that could not be written since the start.
        decisions_waiting: Decisions not yet on the disk.
        decisions_shipped: When all that was sealed was in the bucket, in seconds since 1970;
            None where it is not sent to one.
        reports: What the guard found, by route.
    """

    pools: tuple[PoolGauge, ...] = ()
    ready: Mapping[str, bool] = field(default_factory=dict)
    connections: int = 0
    decisions_dropped: int = 0
    decisions_waiting: int = 0
    decisions_shipped: float | None = None
    reports: Mapping[str, Report] = field(default_factory=dict)


class Metrics:
    """Everything the gateway counts.

    Args:
        gauges: Reads what is not counted, when somebody asks.

    Attributes:
        requests: Route, package, arm → its requests.
        counts: Name in ``COUNTED`` → labels → count.
    """

    def __init__(self, gauges: Callable[[], Gauges] = Gauges) -> None:
        self.gauges = gauges
        self.requests: dict[Labels, Series] = {}
        self.counts: dict[str, dict[Labels, int]] = {name: {} for name in COUNTED}
        self._gone: dict[str, float] = {}

    def series(self, route: str, package: str = "", arm: str = "") -> Series:
        """Return the counters of a route's arm; the same ones for the same names."""
        return self.requests.setdefault((route, package, arm), Series())

    def answered(self, route: str, package: str, arm: str, status: int, seconds: float) -> None:
        """Count one answer to a caller."""
        key = (route, package, arm)
        series = self.requests.get(key)
        if series is None:
            series = self.requests[key] = Series()
        series.answered(status, seconds)

    def refused(self, route: str, code: str) -> None:
        """Count a request that was answered by an error, under its code."""
        self._count("refusals", route, code)

    def restarted(self, package: str, why: str) -> None:
        """Count a worker that was replaced: ``died``, ``hung``, ``grown``, ``garbled``."""
        self._count("restarts", package, why)

    def shadowed(self, route: str, package: str, result: str) -> None:
        """Count a shadow copy: ``answered``, ``failed`` or ``dropped``."""
        self._count("shadow", route, package, result)

    def swapped(self, route: str) -> None:
        """Count a change of what a route serves."""
        self._count("swaps", route)

    def serving(self, packages: Collection[str], now: float) -> None:
        """Learn what is served from now on; forget what has not been for an hour.

        Args:
            packages: ``name:version`` of each package.
            now: The time, in seconds.
        """
        counted: list[tuple[MutableMapping[Labels, Any], int]]
        counted = [(self.requests, 1), *((self.counts[name], at) for name, at in _PACKAGE.items())]
        known = {labels[at] for of, at in counted for labels in of}
        self._gone = {one: self._gone.get(one, now) for one in known.difference(packages, ("",))}
        for of, at in counted:
            for labels in [one for one in of if now - self._gone.get(one[at], now) > GONE_S]:
                del of[labels]

    def _count(self, name: str, *labels: str) -> None:
        counts = self.counts[name]
        counts[labels] = counts.get(labels, 0) + 1
