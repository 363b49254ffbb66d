"""Amounts as outcomes from 0 to 1: capped where few orders are larger."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ketch.rollout.stats.units import Floats


def capped(amounts: ArrayLike, cap: float) -> Floats:
    """Return amounts over the cap, from 0 to 1.

    One order of a reseller cannot decide a rollout then, and the test stays exact with any
    tail. What is compared is the mean of the capped amounts.

    Args:
        amounts: What each unit spent; refunds may make it negative, which counts as 0.
        cap: Above 0, in the same currency, fixed before the rollout starts.

    Raises:
        ValueError: The cap is not above 0, or an amount is not a number.

    Accuracy: exact. Source: winsorising; Waudby-Smith & Ramdas (arXiv 2010.09686) need
    outcomes that are bounded.

    >>> capped([0, 45, 900], cap=450).tolist()
    [0.0, 0.1, 1.0]
    """
    if not 0 < cap < np.inf:
        raise ValueError(f"expected a cap above 0, found {cap}")
    values = np.asarray(amounts, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("expected amounts, found one that is not a number")
    shares: Floats = np.clip(values / cap, 0, 1)
    return shares


def cap_of(past_amounts: ArrayLike, *, share_below: float = 0.99) -> float:
    """Return the cap for a rollout, from the orders before it.

    Args:
        past_amounts: Of orders, not of all visitors; those of 0 or less are left out.
        share_below: How many of them the cap leaves as they are.

    Raises:
        ValueError: There is no order above 0.

    Accuracy: the empirical quantile, linear between orders. Source: NumPy's ``quantile``.

    >>> round(cap_of(range(1, 1001)), 2)
    990.01
    """
    values = np.asarray(past_amounts, dtype=np.float64)
    orders = values[values > 0]
    if not len(orders):
        raise ValueError("expected past orders, found none above 0")
    return float(np.quantile(orders, share_below))
