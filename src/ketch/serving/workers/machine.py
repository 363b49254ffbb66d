"""How much memory a worker may hold; what the machine has is told by the runtime."""

from __future__ import annotations

from ketch.runtime.machine import MB, available_bytes, cores, has_room, held_bytes

__all__ = ["MB", "available_bytes", "cores", "has_room", "held_bytes", "limit_bytes"]


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
