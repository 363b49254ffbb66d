"""Days and instants counted from 1970, as ISO 8601 text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def is_time(arrow: str) -> bool:
    """Whether a type, by its Arrow name, is a day or an instant."""
    return arrow == "date32" or arrow.startswith("timestamp[")


def time_text(counted: int, arrow: str) -> str | None:
    """Return a day or an instant as text, in the normal form that ``schema`` writes.

    ``None`` beyond the years 1 to 9999, where an infinite time is.

    >>> time_text(1_709_251_199_250, "timestamp[ms, UTC]")
    '2024-02-29T23:59:59.250Z'
    """
    text = instant_text(counted, arrow)
    if text is None or arrow == "date32":
        return text and text[:10]
    return text if "," in arrow else text.removesuffix("Z")


def instant_text(counted: int, arrow: str) -> str | None:
    """Return a day or an instant as an instant in UTC: a day begins at midnight."""
    if arrow == "date32":
        seconds, fraction = counted * 86_400, ""
    else:
        unit = arrow.removeprefix("timestamp[").partition(",")[0].rstrip("]")
        seconds, rest = divmod(counted, _PER_SECOND[unit])
        digits = len(str(_PER_SECOND[unit])) - 1
        fraction = f"{rest:0{digits}d}".rstrip("0") if rest else ""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    width = -len(fraction) // 3 * -3
    tail = f".{fraction.ljust(width, '0')}" if fraction else ""
    return f"{moment.strftime('%Y').zfill(4)}{moment.strftime('-%m-%dT%H:%M:%S')}{tail}Z"
