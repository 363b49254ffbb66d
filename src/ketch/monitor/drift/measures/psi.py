"""The population stability index: told beside the others, for people who know it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ketch.monitor.drift.measures.spread import Spread

LEAST = 1e-4
"""A share that is 0 counts as this: the index of an empty bin would be infinite."""

_DECILES = np.linspace(0.1, 0.9, 9)


def psi(reference: Sequence[float], live: Sequence[float]) -> float:
    """Return the index of two lists of shares, bin by bin; 0 for the same.

    It is no p-value: by chance alone it is about (bins - 1)(1/n + 1/m).

    Source: Siddiqi, "Credit Risk Scorecards", 2006; twice Jeffreys' divergence.

    >>> round(psi([0.5, 0.5], [0.6, 0.4]), 4)
    0.0405
    """
    a, b = (np.maximum(np.asarray(one, dtype=np.float64), LEAST) for one in (reference, live))
    return float(np.sum((b - a) * np.log(b / a)))


def decile_psi(reference: Spread, live: Spread) -> float:
    """Return the index over the bins between the reference's deciles."""
    edges = np.unique(reference.quantiles(_DECILES))
    return psi(
        *(np.diff(one.ranks(edges), prepend=0.0, append=1.0).tolist() for one in (reference, live))
    )
