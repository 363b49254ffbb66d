"""How the numbers of a profile lie: exactly where it names every value, else from its sketch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ketch.tables.profile import ColumnProfile
from ketch.tables.sketch import QuantileSketch

Floats = NDArray[np.float64]

SKETCH_ERROR = 0.01
"""How far a rank that a sketch tells may be off (``docs/reference/profile.md``)."""

_TAIL = [0.0001, 0.0005, 0.001]
_GRID = np.unique(np.concatenate([np.linspace(0, 1, 401), _TAIL, 1 - np.array(_TAIL)]))


@dataclass(frozen=True)
class Spread:
    """A distribution of numbers; build it by :func:`spreads`.

    Attributes:
        count: Of how many numbers.
        counts: Number → how often it came; None where only a sketch is known.
        sketch: Of the numbers; None where they are known exactly.
        low, high: The smallest and the largest, exactly.
    """

    count: int
    counts: Mapping[float, int] | None
    sketch: QuantileSketch | None
    low: float
    high: float

    @property
    def error(self) -> float:
        """How far a rank may be off."""
        return 0.0 if self.sketch is None else SKETCH_ERROR

    @cached_property
    def places(self) -> Floats:
        """Where to look at it: all its numbers, or 407 quantiles."""
        if self.sketch is None:
            return self._values
        return np.unique(np.asarray(self.sketch.quantiles(_GRID.tolist())))

    def ranks(self, at: Floats) -> Floats:
        """Return which share is not above each place; of a sketch, half of what equals it."""
        if self.sketch is not None:
            return np.asarray(self.sketch.ranks(at.tolist()))
        below = np.searchsorted(self._values, at, "right")
        return np.concatenate(([0.0], self._cumulated))[below]

    def quantiles(self, ranks: Floats) -> Floats:
        """Return the numbers at these ranks, 0 to 1."""
        if self.sketch is not None:
            return np.interp(ranks, *self._table)
        # What is added up in floats may end a hair below 1.
        at = np.searchsorted(self._cumulated, ranks - 1e-12, "left")
        return self._values[np.minimum(at, len(self._values) - 1)]

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        """Ranks that ascend, and the number at each.

        The sketch's own quantiles step back between two centroids, its ranks never do. What many
        rows have is a number of several ranks: from the first to the last of them.
        """
        found = np.asarray(self.sketch.quantiles(_GRID.tolist())) if self.sketch else _GRID
        numbers, first, count = np.unique(found, return_index=True, return_counts=True)
        last = first + count - 1  # equal quantiles stand side by side
        alone = self.ranks(numbers)
        ends = [np.where(count > 1, _GRID[end], alone) for end in (first, last)]
        return np.maximum.accumulate(np.stack(ends, 1).ravel()), np.repeat(numbers, 2)

    @cached_property
    def _values(self) -> Floats:
        return np.array(sorted(self.counts or ()), dtype=np.float64)

    @cached_property
    def _cumulated(self) -> Floats:
        counts = self.counts or {}
        return np.cumsum([counts[one] for one in sorted(counts)]) / self.count


def spreads(columns: Iterable[ColumnProfile]) -> tuple[Spread, ...]:
    """Return how the numbers of some columns lie; none where one of them holds no numbers.

    All are exact or all are sketches: a sketch halves what equals a place, so the two kinds
    cannot be held against each other.
    """
    listed = tuple(columns)
    if any(one.quantile_sketch is None or not one.count for one in listed):
        return ()
    is_exact = all(one.frequent is not None for one in listed)
    return tuple(_spread(one, is_exact=is_exact) for one in listed)


def _spread(column: ColumnProfile, *, is_exact: bool) -> Spread:
    counts = None
    if is_exact and column.frequent is not None:
        counts = {float(value): count for value, count in column.frequent.counts.items()}
    sketch = QuantileSketch(column.quantile_sketch) if counts is None else None
    low, high = (float(end) for end in (column.min or 0, column.max or 0))
    return Spread(column.count, counts, sketch, low, high)
