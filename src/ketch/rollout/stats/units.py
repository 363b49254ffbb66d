"""What a rollout counted: every unit once, with its arm, its odds and its outcome.

This is all that the statistics of this folder read. Three rules make them right, and
:func:`ketch.rollout.stats.counting.count` keeps them:

- A unit is what was drawn by chance: a shopper, not a request.
- It counts once in a rollout, with the arm of its first exposure and with the probability
  that the candidate had *then*, even if a growing share moves it later.
- Its outcome enters once, when it can no longer change, and lies from 0 to 1.

Units that are equal in all three are one row with a count. So a million shoppers who did
or did not buy are a handful of rows, and the same units in any order are the same rows:
every figure computed from them is identical to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Unit(NamedTuple):
    """One unit of a rollout, or several equal ones.

    Attributes:
        candidate: Whether it had the candidate, not the arm it is compared with.
        probability: That it would have the candidate, at its first exposure.
        outcome: From 0 to 1: bought or not, failed or not, or a capped amount over the cap.
        times: How many there are of it.
    """

    candidate: bool
    probability: float
    outcome: float
    times: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The units of a rollout in canonical order, equal ones in one row.

    >>> units = Units.of([Unit(True, 0.5, 1), Unit(False, 0.5, 0), Unit(True, 0.5, 1)])
    >>> units.rows()
    [Unit(candidate=False, probability=0.5, outcome=0.0, times=1),
     Unit(candidate=True, probability=0.5, outcome=1.0, times=2)]
    """

    candidate: Bools
    probability: Floats
    outcome: Floats
    times: Ints

    @classmethod
    def of(cls, units: Iterable[Unit]) -> Self:
        """Gather units that come one by one."""
        rows = list(units)
        return cls.grouped(
            [row.candidate for row in rows],
            [row.probability for row in rows],
            [row.outcome for row in rows],
            [row.times for row in rows],
        )

    @classmethod
    def grouped(
        cls,
        candidate: ArrayLike,
        probability: ArrayLike,
        outcome: ArrayLike,
        times: ArrayLike | None = None,
    ) -> Self:
        """Gather units that come as columns of one length.

        Raises:
            ValueError: A probability or an outcome is not from 0 to 1, a count is negative,
                or a unit has an arm that it could not get.
        """
        arm = np.asarray(candidate, dtype=np.bool_)
        odds = np.asarray(probability, dtype=np.float64)
        value = np.asarray(outcome, dtype=np.float64)
        many = np.ones(arm.shape, np.int64) if times is None else np.asarray(times, np.int64)
        _check(arm, odds, value, many)
        order = np.lexsort((value, arm, odds))
        kept = order[many[order] > 0]
        arm, odds, value, many = arm[kept], odds[kept], value[kept], many[kept]
        new = np.ones(arm.shape, np.bool_)
        new[1:] = np.diff(arm) | (np.diff(odds) != 0) | (np.diff(value) != 0)
        starts = np.flatnonzero(new)
        total = np.add.reduceat(many, starts) if len(starts) else many
        return cls(arm[new], odds[new], value[new], total)

    def rows(self) -> list[Unit]:
        """Return the rows; ``Units.of(units.rows())`` has the same."""
        columns = (self.candidate, self.probability, self.outcome, self.times)
        return [Unit(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def exchanged(self) -> Units:
        """Return the same units with the arms' names exchanged."""
        return Units(~self.candidate, 1 - self.probability, self.outcome, self.times)

    def with_outcome(self) -> Units:
        """Return the units whose outcome is not 0, the only ones that evidence rests on."""
        some = self.outcome > 0
        return Units(
            self.candidate[some], self.probability[some], self.outcome[some], self.times[some]
        )

    def parts(self, rows: int = 65_536) -> Iterator[Units]:
        """Return the same rows in parts that bound the memory of what is computed of them."""
        for start in range(0, len(self.times), rows):
            part = slice(start, start + rows)
            yield Units(
                self.candidate[part], self.probability[part], self.outcome[part], self.times[part]
            )

    def number(self, *, candidate: bool) -> int:
        """Return how many units one of the arms has."""
        return int(self.times[self.candidate == candidate].sum())

    def total(self, *, candidate: bool) -> float:
        """Return the sum of the outcomes of one of the arms."""
        mine = self.candidate == candidate
        return float(self.outcome[mine] @ self.times[mine])


def _check(arm: Bools, odds: Floats, value: Floats, many: Ints) -> None:
    for name, column in (("a probability", odds), ("an outcome", value)):
        wrong = column[~((column >= 0) & (column <= 1))]
        if len(wrong):
            raise ValueError(f"expected {name} of 0 to 1, found {wrong[0]}")
    if (many < 0).any():
        raise ValueError(f"expected a count of 0 or more, found {many.min()}")
    if (np.where(arm, odds, 1 - odds) == 0).any():
        raise ValueError("expected the arm that was drawn, found one of probability 0")
