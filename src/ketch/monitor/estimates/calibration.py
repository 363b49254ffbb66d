"""What a score means: which part of what was scored so did happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ketch.monitor.metrics.measures.estimate import Floats, checked


@dataclass(frozen=True, slots=True)
class Calibration:
    """How likely what was scored is, which never falls when the score grows.

    Attributes:
        scores: Growing, at least one.
        chances: How likely each is, from 0 to 1; straight lines lie between them, and what
            is beyond them is as likely as the nearest of them.
    """

    scores: Floats
    chances: Floats

    def at(self, scores: ArrayLike) -> Floats:
        """Return how likely scores are."""
        found: Floats = np.interp(np.asarray(scores, np.float64), self.scores, self.chances)
        return found


def calibration_of(
    scores: ArrayLike, happened: ArrayLike, weights: ArrayLike | None = None
) -> Calibration:
    """Return the chances that fit what happened best, and never fall when the score grows.

    Args:
        scores: Any finite numbers, more for what is more likely; at least one.
        happened: 0 or 1, or which part of several; in the same order.
        weights: How many each is, above 0; one by default.

    Returns:
        The least squares among all that never fall, by pooling adjacent violators: exact,
        and linear in the number of scores once they are sorted.

    Source: Ayer et al., Annals of Mathematical Statistics 1955; for scores of classifiers
    Zadrozny & Elkan, KDD 2002. Equal to scikit-learn's ``IsotonicRegression``.

    >>> found = calibration_of([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1])
    >>> found.at([0.05, 0.25, 0.3, 0.9]).tolist()
    [0.0, 0.5, 0.5, 1.0]
    """
    numbers, truth = np.asarray(scores, np.float64), np.asarray(happened, np.float64)
    heavy = np.ones(len(numbers)) if weights is None else np.asarray(weights, np.float64)
    if not checked(numbers, truth, heavy):
        raise ValueError("expected at least one score, found none")
    places, which = np.unique(numbers, return_inverse=True)
    ups, alls = np.bincount(which, heavy * truth), np.bincount(which, heavy)
    firsts, lasts, chances = _pooled(ups.tolist(), alls.tolist())
    ends = np.stack([places[firsts], places[lasts]], axis=1).ravel()
    kept = np.append(True, ends[1:] > ends[:-1])
    return Calibration(ends[kept], np.repeat(chances, 2)[kept])


def _pooled(
    happened: Sequence[float], sums: Sequence[float]
) -> tuple[list[int], list[int], Floats]:
    """Return the first and the last place of each pool, and its mean."""
    firsts: list[int] = []
    ups: list[float] = []
    alls: list[float] = []
    for place in range(len(sums)):
        first, up, all_ = place, happened[place], sums[place]
        while firsts and ups[-1] * all_ >= up * alls[-1]:
            first, up, all_ = firsts.pop(), up + ups.pop(), all_ + alls.pop()
        firsts.append(first)
        ups.append(up)
        alls.append(all_)
    lasts = [*(one - 1 for one in firsts[1:]), len(sums) - 1]
    return firsts, lasts, np.array(ups) / np.array(alls)
