"""RMSE: how far numbers were off, where far counts more."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from ketch.monitor.metrics.measures.estimate import Estimate, checked
from ketch.monitor.metrics.measures.mean import mean


def rmse(answers: ArrayLike, right: ArrayLike) -> Estimate:
    """Return the root of the mean squared error.

    Args:
        answers: Numbers that were answered.
        right: What was right, in the same order and unit.

    Returns:
        0 or more, in the unit of the answers. The interval is the root of that of the mean
        squared error (:func:`~.mean.mean`).

    Source: textbook.

    >>> round(rmse([3, -0.5, 2, 7], [2.5, 0.0, 2, 8]).value, 4)
    0.6124
    """
    numbers, truth = np.asarray(answers, np.float64), np.asarray(right, np.float64)
    checked(numbers, truth)
    squares = mean((numbers - truth) ** 2, least=0.0)
    value, low, high = (
        None if one is None else sqrt(one) for one in (squares.value, squares.low, squares.high)
    )
    return Estimate(squares.n, value, low, high)
