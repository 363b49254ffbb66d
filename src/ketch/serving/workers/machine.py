"""What this machine has: processors, memory, and how much of it a worker holds."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
MB = 1_000_000


def held_bytes(pid: int) -> int:
    """Return what a process holds and shares with nobody; 0 when that is not known."""
    with suppress(OSError, ValueError, IndexError):
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_bytes().split()
        return (int(resident) - int(shared)) * _PAGE
    return 0


def available_bytes() -> int | None:
    """Return what programs could take without swapping; None when that is not known."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_bytes().splitlines():
            if line.startswith(b"MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def limit_bytes(
    after_start: int, *, declared_mb: float | None = None, set_mb: float | None = None
) -> int:
    """Return how much a worker may hold before it is replaced.

    Args:
        after_start: What it held when it had answered its scenarios; no limit is so low
            that a worker would be replaced for what it needs to begin with.
        declared_mb: The memory that the package promises to get along with; beyond it the
            kernel gives nothing, so it is replaced a little before.
        set_mb: What whoever serves it has set.
    """
    limits = [mb * MB for mb in (set_mb, declared_mb and 0.9 * declared_mb) if mb]
    most = min(limits) if limits else 2 * after_start + 256 * MB
    return int(max(most, 1.25 * after_start + 16 * MB))


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_room(worker_bytes: int) -> bool:
    """Whether this machine has memory for one more worker of this size."""
    left = available_bytes()
    return left is None or left > 2 * worker_bytes + 512 * MB
