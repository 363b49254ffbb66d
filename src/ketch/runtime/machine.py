"""What this machine has for workers: processors, memory, and how much of both one takes."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

from ketch.runtime.limits import allowed_cores, groups, left_bytes

MB = 1_000_000
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_RESERVE = 512 * MB
_SMALLEST = 16 * MB


def cores() -> int:
    """Return how many processors this process may use, a part of one counted as one."""
    affine = hasattr(os, "sched_getaffinity")
    found = len(os.sched_getaffinity(0)) if affine else os.cpu_count() or 1
    allowed = allowed_cores(groups())
    return found if allowed is None else max(1, min(found, math.ceil(allowed)))


def available_bytes() -> int | None:
    """Return what programs could take without swapping; None when that is not known."""
    known = [left for left in (_of_machine(), left_bytes(groups())) if left is not None]
    return min(known, default=None)


def room_for(worker_bytes: int) -> int:
    """Return how many more workers of this size there is memory for, with some to spare."""
    left = available_bytes()
    if left is None:
        return 2**16
    return max(0, (left - _RESERVE) // max(worker_bytes, _SMALLEST) - 1)


def has_room(worker_bytes: int) -> bool:
    """Whether this machine has memory for one more worker of this size."""
    return room_for(worker_bytes) > 0


def held_bytes(pid: int) -> int:
    """Return what a process holds and shares with nobody; 0 when that is not known."""
    with suppress(OSError, ValueError, IndexError):
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_bytes().split()
        return (int(resident) - int(shared)) * _PAGE
    return 0


def spent_s(pid: int) -> float:
    """Return the processor time that a process has spent; 0 when that is not known."""
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def _of_machine() -> int | None:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_bytes().splitlines():
            if line.startswith(b"MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None
