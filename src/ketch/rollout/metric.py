"""A model metric: what of the answers is held against what of the outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Scored(StrEnum):
    """How answers are held against what was right."""

    ACCURACY = "accuracy"
    AUC = "auc"
    CALIBRATION = "calibration"
    RMSE = "rmse"
    MAE = "mae"
    PRECISION = "precision"
    NDCG = "ndcg"


RANKED = (Scored.PRECISION, Scored.NDCG)
"""Those of lists, the best first; only they have a ``k``."""

LESS_IS_BETTER = frozenset((Scored.RMSE, Scored.MAE, Scored.CALIBRATION))
"""Those of errors; of all others more is better."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What is watched of the answers of a route: no rollout is decided by it.

    Attributes:
        name: As people read it.
        measure: How answers are held against what was right.
        output: The output field that is looked at; ``items.sku`` looks into structs, also
            into each of a list of them.
        outcome: Whose ``label``, or else value, is what was right.
        k: Of lists: how many of the first items count.
        window: By unit: for how long after a decision an outcome is one of it. A decision
            without an outcome is known to have none when it is over.
        absent: What is right for a decision without an outcome, once its window is over,
            such as 0 where only purchases are told; None to leave these decisions out.
        score: Of accuracy: the output field that says how likely, or how sure, the answer is,
            by which it is estimated before outcomes come; None for no estimate.
    """

    name: str
    measure: Scored
    output: str
    outcome: str
    k: int = 10
    window: timedelta = timedelta(days=7)
    absent: float | None = None
    score: str | None = None

    def __post_init__(self) -> None:
        if self.k < 1 or self.window <= timedelta(0):
            raise ValueError(f"expected a window above 0 and a k of at least 1, found {self}")
