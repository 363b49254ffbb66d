"""When a worker that died is started again: at once, unless that does not help. Pure."""

from __future__ import annotations

from dataclasses import dataclass

DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""How long to wait before the next start, after so many quick deaths in a row."""

QUICK_S = 0.5
WELL_S = 60.0
"""A package of which no worker died for so long is well."""

LOOP = 3
"""So many quick deaths in a row are a crash loop."""


@dataclass(slots=True)
class Backoff:
    """What is remembered of the deaths of one package's workers.

    A death is quick when the worker died sooner than it took to start, and when it did not
    even start. Quick deaths make the next start wait. A worker that worked for longer is
    replaced at once, however often it is killed.
    """

    _quick: int = 0
    _last: float = 0.0

    def died(self, now: float, *, up_s: float, start_s: float) -> None:
        """A worker died that was up for so long and had taken so long to start."""
        self._forget(now)
        self._last = now
        self._quick = self._quick + 1 if up_s < max(QUICK_S, start_s) else 0

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
        return self._quick >= LOOP

    def _forget(self, now: float) -> None:
        if now - self._last >= WELL_S:
            self._quick = 0
