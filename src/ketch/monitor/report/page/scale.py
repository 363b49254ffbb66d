"""Round numbers and moments for the axes of plots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_DAY = timedelta(days=1)
_STEPS = (
    *(timedelta(minutes=one) for one in (1, 5, 15, 30)),
    *(timedelta(hours=one) for one in (1, 3, 6, 12)),
    *(_DAY * one for one in (1, 2, 7, 14, 28, 84, 364)),
)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers from ``low`` to ``high``, at most about so many.

    >>> ticks(0, 1.1), ticks(-0.31, 0.44)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [-0.2, 0.0, 0.2, 0.4])
    """
    if not low < high:
        return [low]
    step = _round((high - low) / most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(at * step, 12) + 0.0 for at in range(first, last + 1)]


def _round(step: float) -> float:
    """Return the first of 1, 2, 5 and 10 times a power of ten that is no less."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(one * power for one in (1, 2, 5, 10) if one * power >= step * (1 - 1e-9))


def moments(low: datetime, high: datetime, most: int = 6) -> list[datetime]:
    """Return round moments (UTC) from ``low`` to ``high``, at most so many.

    >>> start = datetime(2026, 3, 3, 9, tzinfo=UTC)
    >>> [one.day for one in moments(start, start + timedelta(days=4))]
    [4, 5, 6, 7]
    """
    span = high - low
    step = next((one for one in _STEPS if span / one <= most), _STEPS[-1])
    start = low.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    at = start + -((start - low) // step) * step
    found: list[datetime] = []
    while at <= high and len(found) <= most:
        found.append(at)
        at += step
    return found


def told(at: datetime, among: Sequence[datetime]) -> str:
    """Return a moment as an axis shows it, as short as it is told from the others."""
    if all(one.hour == one.minute == 0 for one in among):
        return f"{at.day} {at:%b}"
    return f"{at:%H:%M}" if len({one.date() for one in among}) == 1 else f"{at.day} {at:%b %H:%M}"
