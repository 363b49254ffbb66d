"""Numbers and times as people read them; JSON keeps them exact."""

from __future__ import annotations

from datetime import UTC, datetime


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


def moment(text: str) -> str:
    """Return an ISO 8601 instant to the minute, in UTC; what is none is returned as it is."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``counted(1, "blob") == "1 blob"``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def rows(count: float) -> str:
    """Return a number of rows: ``rows(12_345) == "12,345 rows"``."""
    return counted(round(count), "row")


def percent(share: float) -> str:
    """Return a share as people say it: ``percent(0.125) == "12.5 %"``."""
    return f"{share * 100:.4f}".rstrip("0").rstrip(".") + " %"
