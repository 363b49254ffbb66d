"""The budget: is the package as quick and as small as it promises?"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from ketch.package import Budget
from ketch.schema import Row
from ketch.verify.results import Measured, ProbeResult
from ketch.verify.subject import Subject

REPEATS = 15


def measure(subject: Subject, good: Row | None, *, start_s: float) -> Measured:
    """Measure one row, alone, several times; the median is kept."""
    if good is None:
        return Measured(start_s, None, None)
    answers = [
        subject.worker.predict([good], deadline_s=subject.deadline_s) for _ in range(REPEATS)
    ]
    latency_ms = statistics.median(sum(step.ms for step in answer.steps) for answer in answers)
    return Measured(start_s, latency_ms, answers[-1].rss_bytes / 1e6)


def run(budget: Budget, measured: Measured) -> Iterator[ProbeResult]:
    """Yield one result for each limit the package declares."""
    limits = (
        ("latency budget", "ms", budget.latency_ms, measured.latency_ms),
        ("memory budget", "MB", budget.memory_mb, measured.memory_mb),
    )
    for name, unit, limit, found in limits:
        if limit is not None and found is not None:
            detail = f"promised at most {limit:g} {unit}, measured {found:.1f} {unit}"
            yield ProbeResult(name, found <= limit, detail=detail)
