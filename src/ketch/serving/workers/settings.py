"""How the workers of one package are run."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CALL_BYTES = 4 * 2**20
"""Rows of several requests go into one call until they have so many bytes."""

IN_THREAD_BYTES = 256 * 1024
"""What has more bytes is read in a thread: everybody else waits for the event loop."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How the workers of one package are run.

    Attributes:
        workers: How many there are; None for as many as the load asks for.
        max_rows: Most rows of one call, where requests may be answered together.
        max_queue: Most requests that wait; more are refused.
        patience_s: A request that would wait longer for its turn is refused at once.
        memory_mb: A worker that holds more of its own is replaced; None for what the package
            declares, or what follows from its size after the start.
        start_timeout_s: How long a start may take, with loading and the scenarios.
        offline: Use only libraries and interpreters that lie on this machine.
    """

    workers: int | None = None
    max_rows: int = 1024
    max_queue: int = 1_024
    patience_s: float = 1.0
    memory_mb: float | None = None
    start_timeout_s: float = 240.0
    offline: bool = False
