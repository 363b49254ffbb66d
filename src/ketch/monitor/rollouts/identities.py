"""Whose decisions were, by their identities: to be asked often, and added to more often.

The columns are kept in runs that are sorted by time, each at least twice as long as the next.
So a question looks into few runs, and what is added is moved a few times in all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import starmap
from typing import NamedTuple

import numpy as np

from ketch.monitor.rollouts.roster import Hashes


class Known(NamedTuple):
    """Decisions, and the units that they were made for.

    Attributes:
        moments, tails: The halves of their identities.
        units: Keyed hashes.
    """

    moments: Hashes
    tails: Hashes
    units: Hashes

    def taken(self, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Known:
        """Return some of them, in this order."""
        return Known(*(column[places] for column in self))


class Identities:
    """The decisions of one hot file.

    Attributes:
        runs: The columns, the longest first.
    """

    def __init__(self) -> None:
        self.runs: list[Known] = []

    def add(self, known: Known) -> None:
        """Add decisions."""
        self.runs.append(_sorted(known))
        while len(self.runs) > 1 and len(self.runs[-2].units) < 2 * len(self.runs[-1].units):
            last, before = self.runs.pop(), self.runs.pop()
            self.runs.append(_sorted(Known(*map(np.concatenate, zip(before, last, strict=True)))))

    def of(self, wanted: Collection[tuple[int, int]]) -> Iterator[Known]:
        """Yield the decisions that are wanted; others of the same moment may be among them."""
        moments = np.array(sorted({moment for moment, _ in wanted}), np.uint64)
        for run in self.runs:
            first = np.searchsorted(run.moments, moments, side="left")
            last = np.searchsorted(run.moments, moments, side="right")
            some = first < last
            found = list(starmap(np.arange, zip(first[some], last[some], strict=True)))
            if found:
                yield run.taken(np.concatenate(found))


def _sorted(known: Known) -> Known:
    return known.taken(np.argsort(known.moments, kind="stable"))
