"""AUC: how well scores tell what was right from what was not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ketch.monitor.metrics.measures.estimate import Estimate, Floats, Z, checked


def auc(scores: ArrayLike, positives: ArrayLike) -> Estimate:
    """Return the probability that a positive scores above a negative.

    Args:
        scores: Any finite numbers, more for what is more likely.
        positives: Whether each was a positive.

    Returns:
        The area under the ROC curve, from 0 to 1: equal scores count a half. Without a value
        where there is no positive or no negative. ``more`` has the number of positives.

    Accuracy: the value is exact; the interval covers it in 93 to 99 % of samples with ten
    positives and ten negatives or more. Source: Mann & Whitney 1947; variance of Hanley &
    McNeil, Radiology 1982, at the ends of the interval as Newcombe, Statistics in Medicine
    2006, has it, so that it stays within 0 and 1.

    >>> one = auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
    >>> one.value, round(one.low, 3), round(one.high, 3)
    (0.75, 0.227, 0.967)
    """
    numbers, flags = np.asarray(scores, np.float64), np.asarray(positives, np.bool_)
    n = checked(numbers, flags)
    ups = int(flags.sum())
    downs = n - ups
    more = {"positives": ups}
    if not ups or not downs:
        return Estimate(n, more=more)
    twice = twice_ranks(numbers)[flags].sum() - ups * (ups + 1)
    value = float(twice) / (2 * ups * downs)

    def is_far(truth: float) -> bool:
        return (value - truth) ** 2 > Z * Z * _variance(truth, ups, downs)

    return Estimate(n, value, _border(is_far, 0.0, value), _border(is_far, 1.0, value), more)


def twice_ranks(numbers: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return two times the mean rank of each number, which is whole."""
    _, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    ranks: np.ndarray[tuple[int], np.dtype[np.int64]] = (2 * last - counts + 1)[places]
    return ranks


def _variance(truth: float, ups: int, downs: int) -> float:
    """Return the variance of an AUC, if scores are exponential."""
    both = (ups - 1) * (1 - truth) / (2 - truth) + (downs - 1) * truth / (1 + truth)
    return truth * (1 - truth) * (1 + both) / (ups * downs)


def _border(is_far: Callable[[float], bool], out: float, inside: float) -> float:
    """Return the truth that is farthest from the value and not too far."""
    while abs(out - inside) > 1e-9:
        middle = (out + inside) / 2
        out, inside = (middle, inside) if is_far(middle) else (out, middle)
    return inside
