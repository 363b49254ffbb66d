"""Times as people write them: an instant, a day, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from ketch.errors import UsageError

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def instant(text: str, *, ends: bool = False, now: datetime | None = None) -> datetime:
    """Return the instant that a text means, in UTC where it says nothing else.

    Args:
        text: Such as ``2026-03-03``, ``2026-03-03T12:00``, or ``2h``: so long ago.
        ends: Whether a day means its end; else its beginning.
        now: The present.

    Raises:
        UsageError: ``usage/time``.

    >>> instant("90m", now=datetime(2026, 3, 3, 12, tzinfo=UTC)).isoformat()
    '2026-03-03T10:30:00+00:00'
    """
    try:
        if ago := _AGO.fullmatch(text):
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text)
        if ends and len(text) == len("2026-03-03"):
            found = datetime.combine(found, time.max)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "expected a time such as `2026-03-03`, `2026-03-03T12:00`, or `2h` for two hours ago, "
            f"found `{text[:40]}`",
            code="usage/time",
        ) from error
