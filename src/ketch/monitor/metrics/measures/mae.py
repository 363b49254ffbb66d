"""MAE: how far numbers were off."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ketch.monitor.metrics.measures.estimate import Estimate, checked
from ketch.monitor.metrics.measures.mean import mean


def mae(answers: ArrayLike, right: ArrayLike) -> Estimate:
    """Return the mean absolute error.

    Args:
        answers: Numbers that were answered.
        right: What was right, in the same order and unit.

    Returns:
        0 or more, in the unit of the answers; its interval is that of :func:`~.mean.mean`.

    Source: textbook.

    >>> mae([3, -0.5, 2, 7], [2.5, 0.0, 2, 8]).value
    0.5
    """
    numbers, truth = np.asarray(answers, np.float64), np.asarray(right, np.float64)
    checked(numbers, truth)
    return mean(np.abs(numbers - truth), least=0.0)
