"""Errors of a regressor before outcomes come, by how far it was off where it said the like.

Where answers are off as far as those were whose prediction and inputs were alike, the mean
error of many answers is known but for chance. It follows inputs into regions where the model
was always worse. It cannot see that what was right moves apart from what is predicted.

Source: direct loss estimation, as in NannyML 0.13, where boosted trees learn the error; here
one tree does (:mod:`~ketch.monitor.estimates.tree`). Intervals are our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.estimates.expected import GROUPS, Expected, Span, spanned
from ketch.monitor.estimates.tree import Column, Parting, Tree, Whole
from ketch.monitor.metrics.measures.estimate import Floats
from ketch.rollout.metric import Scored


@dataclass(frozen=True, slots=True)
class Errors:
    """How far answers were off so far, by which the error of later ones is expected.

    Attributes:
        measure: RMSE or MAE.
        partings: How each column is divided.
        tree: How rows are.
        means: The mean error, or squared error, of each part of the rows: in the first
            column of all, then without each group of units in turn.
        spread: The variance of one, relative to its square.
    """

    measure: Scored
    partings: Sequence[Parting]
    tree: Tree
    means: Floats
    spread: float

    @classmethod
    def learned(
        cls,
        measure: Scored,
        columns: Sequence[Column],
        off: Floats,
        groups: NDArray[np.int64],
    ) -> Self:
        """Learn how far answers are off.

        Args:
            measure: The metric.
            columns: What was predicted, and inputs: numbers, NaN where there is none, or
                texts; at least one row.
            off: By how much each was wrong.
            groups: The group of the unit of each, from 0 to 19.
        """
        errors = np.abs(off) if measure is Scored.MAE else off**2
        partings = [Parting.of(one, errors) for one in columns]
        places = _places(partings, columns)
        tree = Tree.grown(places, errors)
        leaves = tree.leaves(places)
        means = _means(leaves, errors, groups)
        there = means[leaves, 0]
        square = float((there**2).sum())
        spread = float(((errors - there) ** 2).sum()) / square if square else 0.0
        return cls(measure, partings, tree, means, spread)

    def of(self, columns: Sequence[Column]) -> Span:
        """Return the error of answers of which it is not known what was right.

        Args:
            columns: The same columns of them; at least one row.

        Returns:
            In the unit of the predictions, with a 95 % interval for what will be realised,
            as if answers were independent of each other, and as if the tree were the right
            one.

        >>> past = [np.repeat([1.0, 9.0], 200)], np.repeat([0.5, 2.0], 200), np.arange(400) % 20
        >>> round(Errors.learned(Scored.MAE, *past).of([np.full(10, 9.0)]).value, 1)
        2.0
        """
        places = _places(self.partings, columns)
        each = self.means[self.tree.leaves(places)]
        # What is off by more is off by more or less: the spread is relative.
        variance = self.spread * float((each[:, 0] ** 2).sum()) / len(each) ** 2
        whole, *without = (Expected(float(one), variance) for one in each.mean(axis=0))
        found = spanned(whole, without, inf)
        return found if self.measure is Scored.MAE else Span(*(sqrt(one) for one in found))


def _means(leaves: Whole, errors: Floats, groups: NDArray[np.int64]) -> Floats:
    """Return the mean of each leaf: of all rows, then without each group."""
    cells, leaf_count = leaves * GROUPS + groups, int(leaves.max()) + 1
    size = leaf_count * GROUPS
    rows = np.bincount(cells, minlength=size).reshape(leaf_count, GROUPS)
    sums = np.bincount(cells, errors, size).reshape(leaf_count, GROUPS)
    left = rows.sum(axis=1, keepdims=True) - rows
    mean = sums.sum(axis=1, keepdims=True) / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    without = (sums.sum(axis=1, keepdims=True) - sums) / np.maximum(left, 1)
    return np.hstack([mean, np.where(left > 0, without, mean)])


def _places(partings: Sequence[Parting], columns: Sequence[Column]) -> Whole:
    pairs = zip(partings, columns, strict=True)
    return np.stack([parting.places(column) for parting, column in pairs], axis=1)
