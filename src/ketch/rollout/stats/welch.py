"""Welch's t-test: amounts at a horizon that was fixed before. Never decide by it."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from ketch.rollout.stats.fixed import FixedHorizon
from ketch.rollout.stats.special import student_t_quantile, student_t_two_sided


class Sample(NamedTuple):
    """What the test needs of one arm: how many units, their mean, their variance."""

    units: int
    mean: float
    variance: float


def welch(baseline: Sample, candidate: Sample) -> FixedHorizon:
    """Compare two means as if this were the only look at them.

    With heavy tails and a small share it is wrong even then, and looked at again and again
    it rolls back half of the rollouts that change nothing.

    Args:
        baseline: Its units, their mean and their unbiased variance.
        candidate: The same of the other arm.

    Returns:
        The difference of the means, its 95 % interval and the two-sided p-value; without
        numbers where an arm has fewer than two units or nothing varies.

    Accuracy: the p-value to 1e-9, given normal means. Source: Welch, Biometrika 1947.

    >>> seen = welch(Sample(15, 20.82, 2.88 ** 2), Sample(15, 23.00, 4.20 ** 2))
    >>> round(seen.difference, 2), round(seen.p_value, 3)
    (2.18, 0.11)
    """
    if not baseline.units or not candidate.units:
        return FixedHorizon(None, None, None, None)
    difference = candidate.mean - baseline.mean
    if min(baseline.units, candidate.units) < 2 or not baseline.variance + candidate.variance:
        return FixedHorizon(difference, None, None, None)
    parts = [one.variance / one.units for one in (baseline, candidate)]
    spread = sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (one.units - 1) for part, one in zip(parts, (baseline, candidate), strict=True)
    )
    wide = student_t_quantile(0.975, freedom) * spread
    p_value = student_t_two_sided(difference / spread, freedom)
    return FixedHorizon(difference, difference - wide, difference + wide, p_value)
