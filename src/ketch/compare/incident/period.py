"""The time that is looked at, in stretches short enough to say when something broke."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ketch.monitor.metrics.counting import Stretches

_MOST = 180
_STEPS = tuple(
    timedelta(seconds=one)
    for one in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
)
WINDOW = timedelta(hours=6)
_DAY = timedelta(days=1)
_SHORT = timedelta(hours=20)
_AFTER = 6
"""After the time that was asked for, a sixth of the window is looked at, too."""


@dataclass(frozen=True, slots=True)
class Period:
    """A time in stretches that begin at whole minutes, hours, or parts of a second.

    Attributes:
        since, until: Its ends; the last is excluded.
        step: How long a stretch is.
    """

    since: datetime
    until: datetime
    step: timedelta

    @classmethod
    def around(cls, at: datetime, window: timedelta, now: datetime) -> Period:
        """Return a window that ends a little after a time, but not after now."""
        since, until = at - window, min(at + window / _AFTER, now)
        until = max(until, since + _STEPS[0])
        length = until - since
        step = next((one for one in _STEPS if length / one <= _MOST), length / _MOST)
        return cls(since, until, step)

    def earlier(self) -> Period:
        """Return the same hours of the day before; of a long period, of the week before."""
        by = _DAY if self.until - self.since <= _SHORT else 7 * _DAY
        return Period(self.since - by, self.until - by, self.step)

    @property
    def day_before(self) -> str:
        """What :meth:`earlier` is called."""
        return "the day before" if self.until - self.since <= _SHORT else "the week before"

    @property
    def stretches(self) -> Stretches:
        """The stretches, as metrics divide time."""
        return Stretches(self.since, self.step)

    @property
    def first(self) -> int:
        """The number of the first stretch, counted since 1970."""
        return self._number(self.since)

    def __len__(self) -> int:
        last = self.until - timedelta(microseconds=1)
        return self._number(last) - self.first + 1

    def time(self, index: int) -> datetime:
        """Return when a stretch begins, but not before the period does."""
        return max(self.stretches.time(self.first + index), self.since)

    def index(self, when: datetime) -> int:
        """Return in which stretch a time is."""
        return self._number(when) - self.first

    def _number(self, when: datetime) -> int:
        return (when - self.stretches.time(0)) // self.step
