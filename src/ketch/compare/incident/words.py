"""Numbers and times of incidents as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta

from ketch.compare.incident.series import Level


def level(value: float, kind: str) -> str:
    """Return a level: ``level(0.0412, "rate") == "4.1 %"``.

    >>> level(0.0412, "rate"), level(0.00012, "rate"), level(1234.5, "mean")
    ('4.1 %', '0.012 %', '1,234')
    """
    if kind != "rate":
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    percent = value * 100
    digits = 0 if percent >= 20 else 1
    if 0 < percent < 0.5:
        return f"{percent:.2g} %"
    return f"{percent:.{digits}f} %".replace(".0 %", " %")


def of(one: Level, kind: str) -> str:
    """Return a level with how much it is of: ``4.1 % of 1,204``."""
    value = one.value
    return "nothing" if value is None else f"{level(value, kind)} of {one.weight:,.0f}"


def clock(when: datetime, step: timedelta) -> str:
    """Return a time, as exact as the stretches are."""
    return f"{when:%H:%M:%S}" if step < timedelta(minutes=1) else f"{when:%H:%M}"


def stamp(when: datetime) -> str:
    """Return a time that a command understands."""
    return f"{when:%Y-%m-%dT%H:%M:%S}"


def span(length: timedelta) -> str:
    """Return a length of time in one unit.

    >>> span(timedelta(seconds=40)), span(timedelta(minutes=5)), span(timedelta(hours=3))
    ('40 seconds', '5 minutes', '3 hours')
    """
    seconds = length.total_seconds()
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * unit or (seconds >= unit and seconds % unit == 0):
            return _many(round(seconds / unit), name)
    return _many(round(seconds), "second") if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _many(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
