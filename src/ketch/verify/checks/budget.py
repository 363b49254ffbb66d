"""The budget: is the package as quick and as small as it promises?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from ketch.schema import Row
from ketch.verify.results import Measured, ProbeResult
from ketch.verify.subject import FAILED, Subject

REPEATS = 15
ENOUGH_S = 5.0
"""A slow package is asked less often: its time varies less, too."""

LATENCY, MEMORY = "latency budget", "memory budget"


def measure(subject: Subject, good: Row | None) -> tuple[Measured, tuple[ProbeResult, ...]]:
    """Return what was used, and one result for each limit the package declares.

    One row is asked alone, several times; the median counts. A package that fails here
    breaks its contract, whether it declares a limit or not.

    Args:
        subject: The package.
        good: A row that it has answered before, if there is one.
    """
    latency_ms = None
    failed: tuple[ProbeResult, ...] = ()
    if good is not None:
        try:
            latency_ms = statistics.median(_latencies(subject, good))
        except FAILED as problem:
            failed = (ProbeResult(LATENCY, passed=False, detail=subject.told(problem)),)
    memory_mb = subject.rss_bytes / 1e6 if subject.rss_bytes else None
    measured = Measured(subject.start_s, latency_ms, memory_mb)
    return measured, failed or tuple(_limits(subject, measured))


def _latencies(subject: Subject, row: Row) -> list[float]:
    until = time.monotonic() + ENOUGH_S
    found: list[float] = []
    while len(found) < REPEATS and (not found or time.monotonic() < until):
        found.append(sum(step.ms for step in subject.predict([row]).steps))
    return found


def _limits(subject: Subject, measured: Measured) -> Iterator[ProbeResult]:
    budget = subject.package.manifest.budget
    limits = (
        (LATENCY, "ms", budget.latency_ms, measured.latency_ms),
        (MEMORY, "MB", budget.memory_mb, measured.memory_mb),
    )
    for name, unit, limit, found in limits:
        if limit is None:
            continue
        promised = f"promised at most {limit:g} {unit}"
        if found is None:
            yield ProbeResult(name, passed=False, detail=f"{promised}; no row was answered")
        elif found > limit:
            yield ProbeResult(name, passed=False, detail=f"{promised}, measured {found:.1f} {unit}")
        else:
            yield ProbeResult(name, passed=True, detail=promised)
