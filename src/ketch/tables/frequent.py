"""The values of a column that takes only a few, with how often each came.

A profile travels with its package, further than the data it is about. The values of a
column with many different ones may be names, addresses or numbers of persons, so none of
them is kept: of such a column a profile tells how many there are, never which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_VALUES = 128
"""How many different values a column may take for them to be kept."""

LONGEST_VALUE = 256
"""Characters of the longest text that may be one of them."""

OFTEN = 2
"""How often each must have come on average: in a short column, too, persons come once."""

Plain = bool | int | float | str
"""A value that JSON has a notation for."""


@dataclass(frozen=True, slots=True)
class Frequent:
    """Every value of a column and how often it came, exactly."""

    counts: Mapping[Plain, int]

    def add(self, values: Mapping[Plain, int]) -> Frequent | None:
        """Return these values and the others together; ``None`` when they are too many."""
        if any(isinstance(value, str) and len(value) > LONGEST_VALUE for value in values):
            return None
        counts = dict(self.counts)
        for value, count in values.items():
            counts[value] = counts.get(value, 0) + count
        return Frequent(counts) if len(counts) <= MOST_VALUES else None

    @property
    def repeats(self) -> bool:
        """Whether the values come again and again, as kinds do and persons do not."""
        return sum(self.counts.values()) >= OFTEN * len(self.counts)

    def top(self, k: int) -> tuple[tuple[Plain, int], ...]:
        """Return the ``k`` most frequent values with their counts; equals in order of value."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], _order(item[0])))
        return tuple(ordered[:k])


def _order(value: Plain) -> tuple[bool, float, str]:
    return (isinstance(value, str), 0 if isinstance(value, str) else value, str(value))
