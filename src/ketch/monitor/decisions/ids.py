"""Identities of decisions: 32 hexadecimal digits that sort by time and are never given twice.

They are UUIDs of version 7 (RFC 9562), written without hyphens: 48 bits of milliseconds
since 1970, 12 bits of a fraction of one (section 6.2, method 3), 62 bits that are drawn
once by each who gives identities (section 6.4). The last are the same in many rows, so
that they take no room where decisions are kept.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_VERSION = 0x7000
_VARIANT = 0x8000_0000_0000_0000
_BACK = 5_000 << 16
"""How far a clock may jump back before the time of decisions follows it, in moments: 5 s."""
_DIGITS = frozenset("0123456789abcdef")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Ids:
    """Gives identities, each later than the one before.

    A clock that jumps back a little stands still until time has caught up. When it jumps
    far, new identities follow it, as those of another giver: none is given twice.

    Args:
        clock: Nanoseconds since 1970.

    Attributes:
        tail: The part that tells this giver from all others, 16 hexadecimal digits.
    """

    __slots__ = ("_clock", "_last", "tail")

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._last = 0
        self.tail = _draw()

    def new(self) -> str:
        """Return the next identity; to be called from one thread."""
        milliseconds, rest = divmod(self._clock(), 1_000_000)
        moment = (milliseconds << 16) | _VERSION | (rest * 4096 // 1_000_000)
        last = self._last
        if moment <= last:
            if last - moment > _BACK:
                self.tail = _draw()
            else:
                moment = _next(last)
        self._last = moment
        return f"{moment:016x}{self.tail}"


def _draw() -> str:
    return f"{_VARIANT | secrets.randbits(62):016x}"


def _next(moment: int) -> int:
    """Return the moment after one: the version stands between milliseconds and fraction."""
    return moment + 1 if moment & 0xFFF != 0xFFF else ((moment >> 16) + 1 << 16) | _VERSION


new_id = Ids().new
"""Return a new identity; to be called from one thread of a process."""


def is_id(text: str) -> bool:
    """Whether a text can be the identity of a decision."""
    return len(text) == 32 and text[12] == "7" and text[16] in "89ab" and _DIGITS.issuperset(text)


def time_of(decision: str) -> datetime:
    """Return when a decision was made, to the microsecond."""
    return _EPOCH + timedelta(microseconds=microseconds_of(int(decision[:16], 16)))


def microseconds_of(moment: int) -> int:
    """Return the microseconds since 1970 of the first half of an identity."""
    return (moment >> 16) * 1_000 + (moment & 0xFFF) * 1_000 // 4096


def moment_of(when: datetime) -> int:
    """Return the first half of the earliest identity that a decision of this time can have."""
    microseconds = (when - _EPOCH) // timedelta(microseconds=1)
    milliseconds, rest = divmod(max(microseconds, 0), 1_000)
    return (milliseconds << 16) | _VERSION | -(-rest * 4096 // 1_000)
