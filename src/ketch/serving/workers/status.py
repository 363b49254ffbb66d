"""What is seen of a pool from outside: its workers, and what happened so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from ketch.serving.metrics import ROWS, Histogram


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker.

    Attributes:
        pid: Its process.
        state: ``idle`` or ``busy``.
        rss_bytes: What it holds for itself, as of the last second.
        calls: How many calls it has answered.
        up_s: How long it has been taking calls.
    """

    pid: int
    state: str
    rss_bytes: int
    calls: int
    up_s: float


@dataclass(slots=True)
class Counts:
    """What happened since the start, for the meters.

    Attributes:
        calls, rows: What was answered, in how many calls and rows.
        refused: Requests that were not let in.
        again: Calls made in place of one that failed.
        deaths, starts: Workers that were lost, and that began to take calls.
        batches: Rows in one call.
    """

    calls: int = 0
    rows: int = 0
    refused: int = 0
    again: int = 0
    deaths: int = 0
    starts: int = 0
    batches: Histogram = field(default_factory=lambda: Histogram(ROWS))
