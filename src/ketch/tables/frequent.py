"""The most frequent values of a column: a Misra-Gries summary, kept as plain counts.

Apache DataSketches has such a sketch, too. Its bytes are those of a hash map, which are
not the same on every platform, and nobody can read them; counts are and can.

Source: Misra, Gries, "Finding repeated elements", 1982. Agarwal et al., "Mergeable
Summaries", PODS 2012: how two of them are merged without losing the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FREQUENT_VALUES = 128
"""How many values a summary keeps."""

Plain = bool | int | float | str
"""A value that JSON has a notation for."""


@dataclass(frozen=True, slots=True)
class Frequent:
    """The most frequent values and how often they came.

    A count is never too high, and too low by at most ``error``. Values that came more
    than ``error`` times are all there; ``error`` is at most 1/129 of all values, and 0
    while there are no more than 128 different ones.
    """

    counts: Mapping[Plain, int]
    error: int = 0

    def add(self, values: Mapping[Plain, int], error: int = 0) -> Frequent:
        """Return the summary with these counts added."""
        counts = dict(self.counts)
        for value, count in values.items():
            counts[value] = counts.get(value, 0) + count
        cut = 0
        if len(counts) > FREQUENT_VALUES:
            cut = sorted(counts.values(), reverse=True)[FREQUENT_VALUES]
            counts = {value: count - cut for value, count in counts.items() if count > cut}
        return Frequent(counts, self.error + error + cut)

    def merge(self, other: Frequent) -> Frequent:
        """Return the summary of both."""
        return self.add(other.counts, other.error)

    def top(self, k: int) -> tuple[tuple[Plain, int], ...]:
        """Return the ``k`` most frequent values with their counts; equals in order of value."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], _order(item[0])))
        return tuple(ordered[:k])


def _order(value: Plain) -> tuple[bool, float, str]:
    return (isinstance(value, str), 0 if isinstance(value, str) else value, str(value))
