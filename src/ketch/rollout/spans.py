"""How long something lasts, as people write it: ``30s``, ``15m``, ``12h``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta

from ketch.errors import UsageError

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_SPAN = re.compile(r"([0-9]{1,12})(ms|[smhd])", re.ASCII)
LONGEST = timedelta(days=3660)


def read_span(text: str) -> timedelta:
    """Read a whole number with its unit: ``ms``, ``s``, ``m``, ``h`` or ``d``.

    Raises:
        UsageError: ``usage/span``: it is none, nothing, or longer than ten years.

    >>> read_span("7d"), read_span("90m")
    (datetime.timedelta(days=7), datetime.timedelta(seconds=5400))
    """
    found = _SPAN.fullmatch(text)
    if found is not None:
        length = int(found[1]) * (_UNITS[found[2]] / timedelta(milliseconds=1))
        if 0 < length <= LONGEST / timedelta(milliseconds=1):
            return timedelta(milliseconds=length)
    raise UsageError(
        f"expected a span such as `30s`, `15m`, `12h` or `7d`, found `{text[:40]}`",
        code="usage/span",
    )


def write_span(span: timedelta) -> str:
    """Return a span in its largest unit that leaves nothing over.

    ``read_span(write_span(s)) == s`` for every span ``s`` of whole milliseconds.

    Raises:
        ValueError: It has a part of a millisecond.

    >>> write_span(timedelta(days=7)), write_span(timedelta(minutes=90))
    ('7d', '90m')
    """
    for name, unit in _UNITS.items():
        if span % unit == timedelta(0):
            return f"{span // unit}{name}"
    raise ValueError(f"expected whole milliseconds, found {span}")
