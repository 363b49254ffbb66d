"""How far the numbers went on average, in widths of the reference's middle half."""

from __future__ import annotations

import numpy as np

from ketch.monitor.drift.measures.spread import Spread

_RANKS = (np.arange(400) + 0.5) / 400


def distance(a: Spread, b: Spread) -> float:
    """Return the Wasserstein-1 distance, in the unit of the numbers.

    Accuracy: the mean over 400 ranks, so that the outermost 0.1 % of either end hardly
    counts: tails are told by ranks, never by this.

    Source: Vallender, "Calculation of the Wasserstein distance between probability
    distributions on the line", 1974.
    """
    return float(np.mean(np.abs(a.quantiles(_RANKS) - b.quantiles(_RANKS))))


def in_widths(reference: Spread, live: Spread) -> float | None:
    """Return the distance in interquartile ranges of the reference; None where that is 0."""
    low, high = reference.quantiles(np.array([0.25, 0.75]))
    return distance(reference, live) / float(high - low) if high > low else None
