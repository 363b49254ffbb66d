"""How long a request would wait for its turn: what decides who is let in, and how many workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ketch.serving.workers.lane import Lane

_SMOOTH = 0.3


@dataclass(slots=True)
class Waits:
    """What is known of the time that calls take.

    Attributes:
        call_s: How long a call takes, about; 0 before the first.
    """

    call_s: float = 0.0
    _last_s: float = 0.0
    _sum_s: float = 0.0
    _count: int = 0

    def begin(self, seconds: float) -> None:
        """Take this for the time of a call as long as nothing else is known."""
        self.call_s = self.call_s or seconds

    def took(self, seconds: float) -> None:
        """Learn that a call took so long.

        One that took a hundred times as long, for the machine had a hiccup, says little of
        the next; two in a row do.
        """
        likely = min(seconds, max(self._last_s, self.call_s))
        self._last_s = seconds
        self.call_s += (likely - self.call_s) * _SMOOTH if self.call_s else seconds

    def expected_s(self, lanes: Sequence[Lane], calls: int, *, idle: bool, now: float) -> float:
        """Return how long a request that comes now would wait, about.

        Args:
            lanes: The workers; one at least.
            calls: How many calls wait.
            idle: Whether a worker is.
            now: The time.
        """
        wait_s = calls * self.call_s / len(lanes)
        if not idle:
            # A call takes about as long again as it has taken already, once it is overdue.
            began = max([lane.began for lane in lanes])
            wait_s += max(self.call_s / 2, now - began)
        self._sum_s += wait_s
        self._count += 1
        return wait_s

    def mean_s(self) -> float:
        """Return the mean of what was expected since this was last asked."""
        mean = self._sum_s / self._count if self._count else 0.0
        self._sum_s, self._count = 0.0, 0
        return mean
