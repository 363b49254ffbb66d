"""What a container may take of its machine: the limits of Linux' control groups, version 2.

A limit holds for all that is in a group, so what counts is the least of those from this
process's own group up to the root (https://docs.kernel.org/admin-guide/cgroup-v2.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def groups(own: Path = _OWN, root: Path = _ROOT) -> list[Path]:
    """Return the folders of this process's control groups, its own first; none elsewhere."""
    with suppress(OSError):
        for line in own.read_text().splitlines():
            if line.startswith("0::/"):
                named = root / line.removeprefix("0::/")
                return [path for path in (named, *named.parents) if path.is_relative_to(root)]
    return []


def allowed_cores(folders: Sequence[Path]) -> float | None:
    """Return how many processors' time these groups get; None for no limit."""
    limits = []
    for folder in folders:
        with suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text().split()
            limits.append(int(quota) / int(period))  # `max` is no number
    return min(limits, default=None)


def left_bytes(folders: Sequence[Path]) -> int | None:
    """Return how much more memory these groups may take; None for no limit.

    Files that nobody has read of late count as free: the kernel drops them first.
    """
    left = []
    for folder in folders:
        with suppress(OSError, ValueError, KeyError):
            most, held = (int((folder / f"memory.{of}").read_text()) for of in ("max", "current"))
            kinds = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            left.append(max(0, most - held + int(kinds["inactive_file"])))
    return min(left, default=None)
