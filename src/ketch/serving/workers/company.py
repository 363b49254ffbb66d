"""What company is worth: how many rows a call should take, and whether to wait for more.

A call of most packages costs something that is the same for one row and for a hundred, and
a little for each row. Both are learned from the calls themselves. From the first follows
how long it pays to wait for those who are about to ask: whoever was answered a moment ago
often asks again at once. From the second follows how many rows a call may take before it
keeps others waiting. Nothing here reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass

ROWS = 256
"""Rows of a call, unless more are known to be as soon answered."""

CALL_S = 0.025
"""A call has no more rows than :data:`ROWS` unless they take less than this."""

WORTH_S = 0.0005
"""Nobody waits for company where a call costs less than this, however few its rows are."""

SILENCES = 16
"""How often one looks in vain, a moment apart, before nobody seems to come any more."""

_FORGET = 1 / 32


@dataclass(slots=True)
class Cost:
    """What a call costs: a part that is always the same, and a part for each row.

    A line through the calls of late, the newest counting most. While all calls are alike,
    it is taken to be flat.
    """

    _rows: float = 0.0
    _seconds: float = 0.0
    _spread: float = 0.0
    _common: float = 0.0

    def took(self, rows: int, seconds: float) -> None:
        """Learn what a call of so many rows cost."""
        seconds = max(seconds, 1e-6)
        if not self._rows:
            self._rows, self._seconds = rows, seconds
        more, longer = rows - self._rows, min(seconds, 4 * self._seconds) - self._seconds
        self._rows += more * _FORGET
        self._seconds += longer * _FORGET
        self._spread += (more * more - self._spread) * _FORGET
        self._common += (more * longer - self._common) * _FORGET

    @property
    def fixed_s(self) -> float:
        """What a call costs, however few rows it has, about."""
        row_s = max(0.0, self._common) / (self._spread + 0.01 * self._rows**2 + 1e-9)
        return max(0.0, self._seconds - row_s * self._rows)

    def rows(self, most: int) -> int:
        """Return how many rows a call should have at most.

        Args:
            most: More than these never.
        """
        if not self._rows:
            return min(most, ROWS)
        return min(most, max(ROWS, int(CALL_S * self._rows / self._seconds)))


@dataclass(slots=True)
class Company:
    """Whether the next call waits for those who were just answered, and are about to ask.

    It does for three quarters of what a call costs at most, and only while they keep coming.
    """

    _until: float = 0.0
    _expected: int = 0
    _seen: int = 0
    _silences: int = 0

    def answered(self, count: int, now: float, fixed_s: float) -> None:
        """Learn who may ask next.

        Args:
            count: How many requests wait, and were just answered.
            now: The time.
            fixed_s: What a call costs, however few rows it has.
        """
        is_worth = count > 1 and fixed_s > WORTH_S
        self._until = now + 0.75 * fixed_s if is_worth else 0.0
        self._expected, self._seen, self._silences = count, 0, 0

    def is_coming(self, queued: int, now: float) -> bool:
        """Whether to look once more who has come, with so many requests there."""
        if now >= self._until or queued >= self._expected:
            return False
        self._silences = 0 if queued > self._seen else self._silences + 1
        self._seen = queued
        return self._silences < SILENCES
