"""How many workers a package needs: more while requests wait, fewer once nobody asks. Pure."""

from __future__ import annotations

from dataclasses import dataclass

GROW_WAIT_S = 0.05
GROW_AFTER_S = 2.0
SHRINK_AFTER_S = 60.0


@dataclass(slots=True)
class Scale:
    """Decides once a second or so, with hysteresis.

    Args:
        most: The most workers there may be.
    """

    most: int
    _waiting_since: float | None = None
    _idle_since: float | None = None

    def decide(self, now: float, workers: int, *, wait_s: float, used: int) -> int:
        """Return how many workers there should be: one more, one less, or as many.

        Args:
            now: The time.
            workers: How many there are.
            wait_s: How long requests of the last moments had to wait for their turn.
            used: The most workers that were busy at the same time, of late.
        """
        slow, spare = wait_s > GROW_WAIT_S, used < workers
        self._waiting_since = (self._waiting_since or now) if slow else None
        self._idle_since = (self._idle_since or now) if spare else None
        if self._waiting_since is not None and now - self._waiting_since >= GROW_AFTER_S:
            self._waiting_since = None
            return min(self.most, workers + 1)
        if self._idle_since is not None and now - self._idle_since >= SHRINK_AFTER_S:
            self._idle_since = None
            return max(1, workers - 1)
        return workers
