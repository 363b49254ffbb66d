"""Rows that are alike: a tree divides them by whichever column tells a number apart best.

It asks one column after the other, so that columns may matter together, and divides rows no
further where few are left.

Source: Breiman et al., Classification and Regression Trees, 1984, with columns in parts as in
Ke et al., NeurIPS 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.metrics.measures.estimate import Floats

Column: TypeAlias = "NDArray[Any]"
Whole: TypeAlias = "NDArray[np.int64]"

PARTS = 32
"""Into how many parts a column is divided; what is missing is one more."""
DEPTH = 9
LEAST = 30
"""Rows that stay together, at least; and one in 1,000 of all."""


@dataclass(frozen=True, slots=True)
class Parting:
    """How a column is divided.

    Attributes:
        ends: Where parts of numbers end, growing; the texts that have a part of their own,
            sorted.
        order: Of these texts, which place each has; None for numbers.
    """

    ends: Column
    order: Whole | None = None

    @classmethod
    def of(cls, column: Column, numbers: Floats) -> Self:
        """Divide a column: numbers into parts of as many rows; texts by what they are.

        Texts that are common stand in the order of the numbers that their rows have.
        """
        if column.dtype.kind == "f":
            known = column[~np.isnan(column)]
            ends = np.quantile(known, np.arange(1, PARTS) / PARTS) if len(known) else known
            return cls(np.unique(ends))
        texts, which, counts = np.unique(column, return_inverse=True, return_counts=True)
        most = np.sort(np.argsort(-counts, kind="stable")[: PARTS - 1])
        means = (np.bincount(which, numbers) / counts)[most]
        return cls(texts[most], np.argsort(np.argsort(means, kind="stable")))

    def places(self, column: Column) -> Whole:
        """Return the part of each row: the last for what is missing, or is no common text."""
        if self.order is None:
            found = np.searchsorted(self.ends, column, side="right")
            return np.where(np.isnan(column), PARTS, found)
        near = np.minimum(np.searchsorted(self.ends, column), len(self.ends) - 1)
        return np.where(self.ends[near] == column, self.order[near], PARTS)


@dataclass(frozen=True, slots=True)
class Tree:
    """How rows are divided.

    Attributes:
        columns: By depth, the column that each part of the rows is asked for.
        cuts: By depth, up to which place of it a row goes left.
    """

    columns: Sequence[Whole]
    cuts: Sequence[Whole]

    @classmethod
    def grown(cls, places: Whole, numbers: Floats) -> Self:
        """Return the tree that brings numbers nearest to the mean of their part, step by step.

        Args:
            places: The part of each column of each row.
            numbers: Of each row.
        """
        node = np.zeros(len(places), np.int64)
        columns: list[Whole] = []
        cuts: list[Whole] = []
        for depth in range(DEPTH):
            column, cut = _cuts(node, 2**depth, places, numbers)
            columns.append(column)
            cuts.append(cut)
            node = _next(node, places, column, cut)
        return cls(columns, cuts)

    def leaves(self, places: Whole) -> Whole:
        """Return the part of each row at the end."""
        node = np.zeros(len(places), np.int64)
        for column, cut in zip(self.columns, self.cuts, strict=True):
            node = _next(node, places, column, cut)
        return node


def _next(node: Whole, places: Whole, column: Whole, cut: Whole) -> Whole:
    return 2 * node + (places[np.arange(len(places)), column[node]] > cut[node])


def _cuts(node: Whole, nodes: int, places: Whole, numbers: Floats) -> tuple[Whole, Whole]:
    """Return by which column and place each node is divided best; all left for not at all."""
    width = places.shape[1]
    cells = ((node[:, None] * width + np.arange(width)) * (PARTS + 1) + places).ravel()
    shape, size = (nodes, width, PARTS + 1), nodes * width * (PARTS + 1)
    rows = np.bincount(cells, minlength=size).reshape(shape)
    sums = np.bincount(cells, np.repeat(numbers, width), size).reshape(shape)
    least = max(LEAST, len(node) // 1_000)
    gains = _gains(rows.cumsum(axis=2), sums.cumsum(axis=2), least).reshape(nodes, -1)
    best = gains.argmax(axis=1)
    is_divided = np.isfinite(gains[np.arange(nodes), best])
    return best // (PARTS + 1), np.where(is_divided, best % (PARTS + 1), PARTS)


def _gains(rows: Whole, sums: Floats, least: int) -> Floats:
    """Return by how much each cut brings numbers nearer to the means of their parts."""
    others, rest = rows[:, :, -1:] - rows, sums[:, :, -1:] - sums
    gains = sums**2 / np.maximum(rows, 1) + rest**2 / np.maximum(others, 1)
    return np.where((rows >= least) & (others >= least), gains, -np.inf)
