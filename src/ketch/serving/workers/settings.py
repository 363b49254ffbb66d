"""How the workers of one package are run."""

from __future__ import annotations

from dataclasses import dataclass

from ketch.serving.settings import PackageSettings

MAX_CALL_BYTES = 4 * 2**20
"""Rows of several requests go into one call until they have so many bytes."""

IN_THREAD_BYTES = 256 * 1024
"""What has more bytes is read in a thread: everybody else waits for the event loop."""

MANY_ROWS = 1_000
"""More rows are written in a thread."""


@dataclass(frozen=True, slots=True)
class PoolSettings(PackageSettings):
    """How the workers of one package are run: as it is served, and what nobody sets.

    Attributes:
        max_queue: Most requests that wait; more are refused.
        offline: Use only libraries and interpreters that lie on this machine.
    """

    max_queue: int = 1_024
    offline: bool = False
