"""The two-proportion z-test: for a horizon that was fixed before. Never decide by it."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from ketch.rollout.stats.fixed import FixedHorizon


def z_test(baseline: tuple[int, int], candidate: tuple[int, int]) -> FixedHorizon:
    """Compare two rates as if this were the only look at them.

    Looked at again and again, it cries wolf: of rollouts that change nothing, a third is
    below 5 % at one of a hundred looks.

    Args:
        baseline: Units with the outcome, and all units.
        candidate: The same of the other arm.

    Returns:
        The difference of the rates, its 95 % interval (unpooled), and the two-sided p-value
        (pooled); without numbers where an arm is empty or nothing varies.

    Accuracy: normal approximation; p within 0.01 of the exact test once each arm has ten
    units with and ten without the outcome. Source: textbook; Agresti, "Categorical Data
    Analysis", section 3.2.

    >>> seen = z_test((300, 10_000), (240, 10_000))
    >>> round(seen.difference, 4), round(seen.p_value, 4)
    (-0.006, 0.0089)
    """
    (bought, all_), (mine, all_mine) = baseline, candidate
    if not all_ or not all_mine:
        return FixedHorizon(None, None, None, None)
    rate, my_rate = bought / all_, mine / all_mine
    pooled = (bought + mine) / (all_ + all_mine)
    spread = sqrt(pooled * (1 - pooled) * (1 / all_ + 1 / all_mine))
    own = sqrt(rate * (1 - rate) / all_ + my_rate * (1 - my_rate) / all_mine)
    difference = my_rate - rate
    if not spread:
        return FixedHorizon(difference, None, None, None)
    normal = NormalDist()
    wide = normal.inv_cdf(0.975) * own
    p_value = 2 * normal.cdf(-abs(difference) / spread)
    return FixedHorizon(difference, difference - wide, difference + wide, p_value)
