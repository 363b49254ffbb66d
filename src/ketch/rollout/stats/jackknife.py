"""How sure a statistic is, told by what it is without each part of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum


def jackknife_variance(without: Sequence[float]) -> float:
    """Return the variance of a statistic by the delete-a-group jackknife.

    Args:
        without: The statistic without each of the groups in turn; two at least.

    Accuracy: exact but for rounding; what it estimates, it makes a little too large on average.
    Source: Efron & Stein, "The Jackknife Estimate of Variance", Annals of Statistics 1981;
    Kott, "The Delete-a-Group Jackknife", Journal of Official Statistics 2001.

    >>> round(jackknife_variance([1.0, 2.0, 3.0]), 12)  # 2 / 3 of the sum of squares
    1.333333333333
    """
    count = len(without)
    mean = fsum(without) / count
    return (count - 1) / count * fsum((one - mean) ** 2 for one in without)
