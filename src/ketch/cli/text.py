"""Numbers as people read them; JSON keeps them exact."""

from __future__ import annotations


def size(count: float) -> str:
    """Return a size in bytes with a decimal unit: ``size(1_500_000) == "1.5 MB"``."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def seconds(duration: float) -> str:
    """Return a duration: ``seconds(0.0123) == "12 ms"``."""
    if duration < 1:
        return f"{duration * 1000:.0f} ms"
    if duration < 90:
        return f"{duration:.1f} s"
    return f"{duration / 60:.1f} min"
