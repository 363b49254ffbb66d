"""What each measure takes of a row, and what it makes of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.metrics.measures import Estimate, auc, bounded_mean, calibration, mae, rmse
from ketch.rollout.metric import Scored

_OF_ONE: Mapping[Scored, Callable[..., Estimate]] = {
    Scored.ACCURACY: bounded_mean,
    Scored.PRECISION: bounded_mean,
    Scored.NDCG: bounded_mean,
}
_OF_TWO: Mapping[Scored, Callable[..., Estimate]] = {
    Scored.AUC: auc,
    Scored.CALIBRATION: calibration,
    Scored.RMSE: rmse,
    Scored.MAE: mae,
}

MEANS = frozenset(_OF_ONE)
"""Measures that are the mean of a number from 0 to 1 that each row has."""


def measured(measure: Scored, numbers: NDArray[np.float64]) -> Estimate:
    """Return what a measure makes of rows.

    Args:
        measure: Which.
        numbers: Of each row what :func:`ketch.monitor.metrics.answers.pairs` returned, one
            row after the other: one number, or an answer and what was right.
    """
    if measure in _OF_ONE:
        return _OF_ONE[measure](numbers)
    return _OF_TWO[measure](numbers[::2], numbers[1::2])
