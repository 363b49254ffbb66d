"""Slices: parts of the rows that have a value, or a band of values, in common."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ketch.compare.trial.differing import Differences
from ketch.compare.trial.scoring import Scores
from ketch.monitor.metrics.measures import Estimate, mean

FEW = 30
"""A slice of fewer rows is told to be small."""
MOST_VALUES = 12
BANDS = 4
_SHOWN = 8
_LEAST = 10


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that have something in common.

    Attributes:
        field: The column.
        says: The value, or the band: ``blue``, ``3.5 to 8``.
        rows: Their numbers.
    """

    field: str
    says: str
    rows: frozenset[int]


@dataclass(frozen=True)
class Sliced:
    """How two packages differ on a slice.

    Attributes:
        slice: The rows.
        compared: How many of them both answered.
        differing: How many of these differ.
        moved: How far the answers moved on them, from 0 to 1, with its interval.
        metrics: Metric → how much more the other package has.
    """

    slice: Slice
    compared: int
    differing: int
    moved: Estimate
    metrics: Mapping[str, Estimate]

    @property
    def is_small(self) -> bool:
        """Whether chance can make much of so few rows."""
        return self.compared < FEW

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {
            "field": self.slice.field,
            "slice": self.slice.says,
            "rows": self.compared,
            "small": self.is_small,
            "differing": self.differing,
            "share": self.differing / self.compared,
            "moved": {"value": self.moved.value, "low": self.moved.low, "high": self.moved.high},
            "metrics": {
                name: {"value": one.value, "low": one.low, "high": one.high}
                for name, one in self.metrics.items()
            },
        }


def slices_of(field: str, values: Sequence[object]) -> tuple[Slice, ...]:
    """Return the slices of a column: each of its few values, or bands of its numbers.

    Args:
        field: The column.
        values: For each row its value; None for none.

    Returns:
        Nothing where there are many values that are no numbers, or one alone. Values of which
        there are many numbers are cut into four bands with about as many rows each.
    """
    if any(isinstance(one, list | dict) for one in values):
        return ()
    counts = Counter(_said(one) for one in values)
    if len(counts) < 2:
        return ()
    if len(counts) <= MOST_VALUES:
        return tuple(
            Slice(field, said, frozenset(at for at, one in enumerate(values) if _said(one) == said))
            for said in sorted(counts, key=lambda said: (-counts[said], said))
        )
    return tuple(_bands(field, values))


def sliced(
    found: Sequence[Slice], differences: Differences, scores: Sequence[Scores], other: int
) -> Iterator[Sliced]:
    """Yield how another package differs from the first on slices that both answered.

    Args:
        found: The slices.
        differences: Between the two.
        scores: The metrics; of each how much more the other one has is told.
        other: Which of the packages it is.
    """
    compared = frozenset(differences.compared)
    for one in found:
        mine = one.rows & compared
        if not mine:
            continue
        moved = mean([differences.moved.get(row, 0.0) for row in sorted(mine)], least=0.0)
        differing = sum(row in differences.moved for row in mine)
        metrics = {each.wanted.name: each.among(one.rows).difference(0, other) for each in scores}
        yield Sliced(one, len(mine), differing, moved, metrics)


def where_most(found: Sequence[Sliced], differences: Differences) -> tuple[Sliced, ...]:
    """Return the slices whose answers surely moved further than all do, the surest first.

    Each has its own 95 % interval, so of many slices some stand here by chance; slices of
    fewer than ten rows never do.

    Args:
        found: All slices.
        differences: Of all rows.
    """
    far = [(one.moved.low or 0.0, one) for one in found if one.compared >= _LEAST]
    sure = [(low, one) for low, one in far if low > differences.mean_moved]
    sure.sort(key=lambda pair: (-pair[0], pair[1].slice.field, pair[1].slice.says))
    return tuple(one for _, one in sure[:_SHOWN])


def _bands(field: str, values: Sequence[object]) -> Iterator[Slice]:
    numbers = [
        (float(one), at)
        for at, one in enumerate(values)
        if isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one)
    ]
    if len(numbers) < len([one for one in values if one is not None]) or not numbers:
        return
    numbers.sort()
    cuts = [numbers[len(numbers) * part // BANDS][0] for part in range(1, BANDS)]
    ends = [-math.inf, *sorted(set(cuts)), math.inf]
    for low, high in pairwise(ends):
        mine = [(number, at) for number, at in numbers if low <= number < high]
        if mine:
            says = f"{mine[0][0]:g} to {mine[-1][0]:g}"
            yield Slice(field, says, frozenset(at for _, at in mine))
    if missing := frozenset(at for at, one in enumerate(values) if one is None):
        yield Slice(field, "null", missing)


def _said(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return str(value)[:60]
