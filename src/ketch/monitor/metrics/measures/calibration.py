"""Calibration: whether of the answers that say 20 %, one in five happens."""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.typing import ArrayLike

from ketch.monitor.metrics.measures.estimate import Bools, Estimate, Floats, checked
from ketch.monitor.metrics.measures.mean import bounded_mean

BINS = 10


def calibration(probabilities: ArrayLike, positives: ArrayLike, *, bins: int = BINS) -> Estimate:
    """Return the expected calibration error, and the Brier score.

    Args:
        probabilities: From 0 to 1.
        positives: Whether each happened.
        bins: How many parts of equal width from 0 to 1; the upper end belongs to the last.

    Returns:
        The mean distance, over all answers, between the mean probability of a bin and what
        part of it happened. It has no simple interval: it is above 0 for a perfect model,
        too; ``by_chance`` says how much about. ``more`` also has ``brier`` with its interval
        and each ``bins`` that is not empty.

    Accuracy: the values are exact for these bins; ``by_chance`` takes each bin as normal.
    Source: Naeini et al., AAAI 2015; Brier, Monthly Weather Review 1950; the mean of a
    folded normal distribution.

    >>> one = calibration([0.15, 0.15, 0.15, 0.15, 0.9], [0, 0, 0, 1, 1])
    >>> round(one.value, 3), round(one.more["brier"]["value"], 4)
    (0.1, 0.16)
    """
    chances, flags = np.asarray(probabilities, np.float64), np.asarray(positives, np.bool_)
    n = checked(chances, flags)
    if not n:
        return Estimate(0)
    if not 0 <= chances.min() <= chances.max() <= 1:
        raise ValueError(f"expected probabilities, found {chances.min()} to {chances.max()}")
    brier = bounded_mean((chances - flags) ** 2)
    rows, error, noise = _binned(chances, flags, bins)
    more = {
        "brier": {"value": brier.value, "low": brier.low, "high": brier.high},
        "by_chance": noise,
        "bins": rows,
    }
    return Estimate(n, error, more=more)


def _binned(
    chances: Floats, flags: Bools, bins: int
) -> tuple[list[dict[str, object]], float, float]:
    """Return the bins that are not empty, the error, and what chance alone makes of it."""
    edges = np.arange(bins + 1) / bins
    places = np.searchsorted(edges[1:-1], chances, side="right")

    def sums(weights: Floats | Bools | None) -> Floats:
        return np.bincount(places, weights, minlength=bins).astype(np.float64)

    counts, said, happened = sums(None), sums(chances), sums(flags)
    error = float(np.abs(said - happened).sum() / len(chances))
    noise = float(np.sqrt(2 / pi * sums(chances * (1 - chances))).sum() / len(chances))
    rows: list[dict[str, object]] = [
        {
            "from": float(edges[index]),
            "to": float(edges[index + 1]),
            "n": int(counts[index]),
            "said": float(said[index] / counts[index]),
            "happened": float(happened[index] / counts[index]),
        }
        for index in np.flatnonzero(counts)
    ]
    return rows, error, noise
