"""Days and instants as ISO 8601 text, read exactly and written one way.

Normal form: ``2024-02-29`` and ``2024-02-29T23:59:59.250Z``: a ``T``, seconds always,
a fraction of 3, 6 or 9 digits only when it is not zero, UTC when there is a zone.
Equal instants have equal texts, whatever offset they were written with.
"""

import re
from datetime import date, datetime, timedelta

from ketch.schema.problems import Problem, Wrong
from ketch.schema.types import Timestamp

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:\.([0-9]{1,9}))?"
    r"(?:([Zz])|([+-])([01][0-9]|2[0-3]):?([0-5][0-9]))?"
)
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # wall-clock arithmetic; offsets are applied by hand
_NS = range(-(2**63), 2**63)


def read_date(text: str) -> str:
    """Return a day, ``YYYY-MM-DD``, unchanged.

    Raises:
        Wrong: ``schema/bad-date``.
    """
    try:
        if _DATE.fullmatch(text):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise Wrong(Problem("schema/bad-date", "`date32` as `YYYY-MM-DD`", text, _date_hint(text)))


def read_timestamp(text: str, t: Timestamp) -> tuple[str, int]:
    """Return a timestamp in normal form, and its nanoseconds since 1970.

    Raises:
        Wrong: ``schema/bad-timestamp``, ``schema/precision`` when it is finer than the
            unit, ``schema/out-of-range`` when it falls outside the years 1 to 9999 (or
            what 64 bits of nanoseconds can count).
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise _bad(text, t, _shape_hint(t))
    day, minute, second, fraction, utc, sign, hours, minutes = found.groups()
    has_offset = utc is not None or sign is not None
    if has_offset != (t.zone is not None) or (fraction and not second):
        raise _bad(text, t, _offset_hint(t, has_offset=has_offset))
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}{second or ':00'}")
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment += -offset if sign == "+" else offset
    except ValueError:
        raise _bad(text, t, "there is no such day or time") from None
    except OverflowError:
        raise _outside(text, "a year from 1 to 9999 in UTC") from None
    return _normal(text, t, moment, (fraction or "").rstrip("0"))


def _normal(text: str, t: Timestamp, moment: datetime, fraction: str) -> tuple[str, int]:
    if len(fraction) > _DIGITS[t.unit]:
        expected = f"`{t}`, which counts {_DIGITS[t.unit]} digits of a second"
        raise Wrong(Problem("schema/precision", expected, text, "round it, or use a finer unit"))
    since = moment - _EPOCH
    whole_ns = (since.days * 86_400 + since.seconds) * 10**9
    nanoseconds = whole_ns + int(fraction.ljust(9, "0"))
    if t.unit == "ns" and nanoseconds not in _NS:
        raise _outside(text, f"`{t}`, which counts the years 1678 to 2261")
    width = -len(fraction) // 3 * -3
    tail = f".{fraction.ljust(width, '0')}" if fraction else ""
    return f"{moment.isoformat()}{tail}{'Z' if t.zone else ''}", nanoseconds


def _bad(text: str, t: Timestamp, hint: str) -> Wrong:
    return Wrong(Problem("schema/bad-timestamp", f"`{t}` as ISO 8601", text, hint))


def _outside(text: str, expected: str) -> Wrong:
    return Wrong(Problem("schema/out-of-range", expected, text))


def _shape_hint(t: Timestamp) -> str:
    return f"write `2024-02-29T23:59:59{'Z' if t.zone else ''}`"


def _offset_hint(t: Timestamp, *, has_offset: bool) -> str:
    if t.zone is not None and not has_offset:
        return "say the offset from UTC: add `Z` or one such as `+01:00`"
    if t.zone is None and has_offset:
        return f"leave the offset out, or declare the field `timestamp[{t.unit}, UTC]`"
    return "a fraction of a second needs its seconds"


def _date_hint(text: str) -> str | None:
    if _TIMESTAMP.fullmatch(text):
        return "leave the time out, or declare the field `timestamp[us]`"
    return "there is no such day" if _DATE.fullmatch(text) else None
