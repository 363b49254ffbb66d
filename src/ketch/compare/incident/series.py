"""What is looked at over time: a level in each stretch, of all packages and of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ketch.compare.incident.change_point import ChangePoint, Floats, Kind, change_point

Bools = NDArray[np.bool_]

SUFFER, WAIT, OTHER = range(3)
"""People suffer by it: errors, outcomes; they wait; or nobody can say: outputs, traffic."""


class Level(NamedTuple):
    """What came together: hits of trials, or the sum of some numbers and how many."""

    sum: float
    weight: float

    @property
    def value(self) -> float | None:
        """The rate, or the mean; None of nothing."""
        return self.sum / self.weight if self.weight else None


@dataclass(frozen=True, slots=True, eq=False)
class Amounts:
    """The sums and weights of all stretches."""

    sums: Floats
    weights: Floats

    def within(self, first: int, end: int) -> Level:
        """Return what some stretches come to together."""
        return Level(float(self.sums[first:end].sum()), float(self.weights[first:end].sum()))


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One measure of a route over time.

    Attributes:
        name: As people read it, such as ``purchase`` or ``output.score.mean``.
        kind: Whether its levels are rates or means.
        amounts: Of all packages.
        packages: Of each: ``name:version`` → its own.
        worse: In which direction it is worse; None where nobody can say.
        tier: :data:`SUFFER`, :data:`WAIT` or :data:`OTHER`: what is named first, if it broke.
        hits, among: Of single decisions: of which it is true, among those that count. None
            where it is not a matter of single decisions.
    """

    name: str
    kind: Kind
    amounts: Amounts
    packages: Mapping[str, Amounts] = field(default_factory=dict)
    worse: str | None = None
    tier: int = SUFFER
    hits: Bools | None = None
    among: Bools | None = None

    def change(
        self, begin: int = 0, end: int | None = None, places: Sequence[int] | None = None
    ) -> ChangePoint | None:
        """Return the likeliest change between two stretches, counted in the whole series.

        Args:
            begin: The first stretch.
            end: The one after the last.
            places: Where it may be; everywhere by default.
        """
        some = slice(begin, end)
        sums, weights = self.amounts.sums[some], self.amounts.weights[some]
        where = None if places is None else [one - begin for one in places]
        found = change_point(sums, weights, self.kind, places=where)
        return None if found is None else found.moved(begin)


def gathered(places: NDArray[np.int64], values: Floats, size: int) -> Amounts:
    """Return single values as sums by stretch."""
    sums = np.bincount(places, values, minlength=size).astype(np.float64)
    return Amounts(sums, np.bincount(places, minlength=size).astype(np.float64))
