"""When more workers pay. Pure.

How many rows are still to come is not known, so a second worker is started when waiting
for the first has cost as much time as a start does: whenever the rows end, that was at
most twice as slow as knowing it from the beginning, and a small file has one worker. Each
time it pays, there are twice as many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_WORTHWHILE = 0.25
"""A processor of which less than so much is idle helps no further worker."""


@dataclass(slots=True)
class Growth:
    """Decides how many workers to start.

    Args:
        most: Most workers at once.
        at_once: Whether there are to be so many as soon as rows wait for them.
    """

    most: int
    at_once: bool = False
    _waited_s: float = 0.0

    def waited(self, seconds: float) -> None:
        """Rows were at hand for so long while every worker was busy."""
        self._waited_s += seconds

    def due_s(self, workers: int, start_s: float) -> float:
        """Return how much longer rows have to wait until it is time for :meth:`more`.

        Args:
            workers: How many there are.
            start_s: How long a start takes.
        """
        if workers >= self.most:
            return math.inf
        return 0.0 if self.at_once else max(0.0, start_s - self._waited_s)

    def more(self, workers: int, *, idle_cores: float, room: int) -> int:
        """Return how many to start now.

        Args:
            workers: How many there are.
            idle_cores: How many processors neither they nor their parent used. A package
                whose libraries use all of them gains nothing from a second worker.
            room: How many more there is memory for.
        """
        self._waited_s = 0.0
        left = self.most - workers
        if self.at_once:
            return left
        useful = int(idle_cores + 1 - _WORTHWHILE)
        return max(0, min(left, workers, useful, room))

    def no_more(self, workers: int) -> None:
        """The machine has given as many as it can."""
        self.most = workers
