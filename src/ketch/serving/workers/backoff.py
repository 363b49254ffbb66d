"""When a worker that died is started again: at once, unless that does not help. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
WELL_S = 60.0
"""A package of which no worker died for so long is well."""

MANY = 3
"""So many deaths within that time are a crash loop."""


@dataclass(slots=True)
class Backoff:
    """What is remembered of the deaths of one package's workers.

    A start that fails, and a worker that dies sooner than it took to start, make the next
    start wait. One that worked for longer is replaced at once, however often it is killed.
    """

    _quick: int = 0
    _deaths: deque[float] = field(default_factory=lambda: deque(maxlen=MANY))

    def died(self, now: float, *, up_s: float, start_s: float) -> None:
        """A worker died that was up for so long and had taken so long to start."""
        self._forget(now)
        self._deaths.append(now)
        self._quick = self._quick + 1 if up_s < max(1.0, start_s) else 0

    def failed(self, now: float) -> None:
        """A start failed."""
        self.died(now, up_s=0.0, start_s=0.0)

    def delay_s(self, now: float) -> float:
        """Return how long to wait before the next start."""
        self._forget(now)
        return DELAYS_S[min(max(0, self._quick - 1), len(DELAYS_S) - 1)]

    def is_failing(self, now: float) -> bool:
        """Whether the package is in a crash loop."""
        self._forget(now)
        return len(self._deaths) == MANY and now - self._deaths[0] < WELL_S

    def _forget(self, now: float) -> None:
        if self._deaths and now - self._deaths[-1] >= WELL_S:
            self._deaths.clear()
            self._quick = 0
