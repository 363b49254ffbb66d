"""How good answers were, given what was right: pure functions, one measure a file.

Each says its range, its interval and its source. Intervals are 95 % of one look, as if
answers were independent of each other: they tell how much a number may move by chance, and
no rollout is decided by them.
"""

from ketch.monitor.metrics.measures.accuracy import is_right
from ketch.monitor.metrics.measures.auc import auc
from ketch.monitor.metrics.measures.calibration import calibration
from ketch.monitor.metrics.measures.estimate import Estimate
from ketch.monitor.metrics.measures.mae import mae
from ketch.monitor.metrics.measures.mean import bounded_mean, mean
from ketch.monitor.metrics.measures.ndcg import ndcg_at
from ketch.monitor.metrics.measures.precision import precision_at
from ketch.monitor.metrics.measures.rmse import rmse

__all__ = [
    "Estimate",
    "auc",
    "bounded_mean",
    "calibration",
    "is_right",
    "mae",
    "mean",
    "ndcg_at",
    "precision_at",
    "rmse",
]
