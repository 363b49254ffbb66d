"""The Kolmogorov-Smirnov distance: the largest change of the share below any one number."""

from __future__ import annotations

import math

import numpy as np

from ketch.monitor.drift.measures.spread import Spread


def ks_distance(a: Spread, b: Spread) -> float:
    """Return the largest difference of the two distributions' ranks, from 0 to 1.

    Accuracy: exact where all numbers are named; within twice the error of a sketch's rank
    else.
    """
    at = np.union1d(a.places, b.places)
    return float(np.max(np.abs(a.ranks(at) - b.ranks(at))))


def ks_p_value(distance: float, n: float, m: float) -> float:
    """Return a bound on the chance that two samples of one distribution lie so far apart.

    Args:
        distance: Between the two, without the error of sketches.
        n: How many independent numbers the first has.
        m: And the second.

    Returns:
        e · exp(-2 d² nm/(n + m)), at most 1: for any distribution, also of few values; three
        times the asymptotic p-value at most where that is small. It is proven for samples of
        one size; of others it was computed up to 200, and is conjectured beyond.

    Source: Wei, Dudley, "Two-sample Dvoretzky-Kiefer-Wolfowitz inequalities", Statistics and
    Probability Letters 82, 2012.

    >>> round(ks_p_value(0.1, 1_000, 1_000), 6)
    0.000123
    """
    if not n or not m:
        return 1.0
    return min(1.0, math.exp(1 - 2 * max(0.0, distance) ** 2 * n * m / (n + m)))


def noise(p_value: float, n: float, m: float) -> float:
    """Return the smallest difference of shares whose p-value is as small as this one.

    It holds for any share, for a share is a rank of something.

    >>> round(noise(0.000123, 1_000, 1_000), 3)
    0.1
    """
    if not n or not m:
        return 1.0
    return min(1.0, math.sqrt((1 - math.log(p_value)) * (n + m) / (2 * n * m)))
