"""How much better or worse the candidate is, with an interval that holds at every look."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ketch.rollout.stats.betting import LIFT_BETS, log_e_less, log_e_more
from ketch.rollout.stats.units import Bools, Floats, Units

WIDEST = 12.0
"""Ratios are looked for up to ``exp(12)``, 160,000 times as much; beyond lies no bound."""

EXACT = 1e-5
"""How exactly the ends of the interval are found, as a part of the ratio."""


@dataclass(frozen=True, slots=True)
class Lift:
    """The candidate's mean over the baseline's, less one: -0.03 is three percent less.

    Attributes:
        estimate: The single best guess; None as long as the baseline has no outcome.
        low, high: The interval. -1 and None are where it has no end yet.
        level: How sure the interval is, such as 0.95.
    """

    estimate: float | None
    low: float
    high: float | None
    level: float


def lift(units: Units, *, level: float = 0.95) -> Lift:
    """Return the lift, with a confidence sequence around it.

    All ratios of the means are in the interval that neither of two bets speaks against, one
    that the candidate has less and one that it has more. Whoever looks at it all the time
    sees it miss the true lift even once in at most ``1 - level`` of all rollouts.

    Where the lift is not the same all the time, in at least ``level`` of all rollouts no
    interval ever lies wholly below its smallest, or wholly above its largest value.

    Args:
        units: All that were counted so far, those without an outcome, too.
        level: Between 0 and 1.

    Accuracy: coverage exact, at every number of units, any shares, any tail; 1.7 times
    as wide as the interval of a fixed horizon at 100 outcomes, 1.8 times at a million. Ends
    are found to 1e-5 of the ratio. Amounts are compared as they were capped.

    Source: inversion of the test in :mod:`ketch.rollout.stats.betting`; Howard et al.,
    "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics
    2021 (arXiv 1810.08240).

    >>> bought = [Unit(False, 0.5, 1, 1000), Unit(True, 0.5, 1, 900)]
    >>> left = [Unit(False, 0.5, 0, 9000), Unit(True, 0.5, 0, 9100)]
    >>> seen = lift(Units.of(bought + left))
    >>> round(seen.estimate, 3), round(seen.low, 3), round(seen.high, 3)
    (-0.1, -0.229, 0.05)
    """
    some = units.with_outcome()
    enough = math.log(2 / (1 - level))
    high = _first(lambda log_ratio: _less(some, log_ratio) >= enough)
    low = _first(lambda log_ratio: _more(some, -log_ratio) >= enough)
    return Lift(
        estimate=estimate(units),
        low=-1.0 if low is None else math.exp(-low) - 1,
        high=None if high is None else math.exp(high) - 1,
        level=level,
    )


def estimate(units: Units) -> float | None:
    """Return by how much the means of the arms differ; None if the baseline has nothing.

    Units are weighted by how unlikely their arm was, so that a share that grew while
    everybody bought more says nothing about the candidate (Simpson's paradox). As long as
    the share stays, it is what the rates of the arms say.

    Accuracy: consistent. Source: overlap weights that sum to one in each arm, Li, Morgan &
    Zaslavsky, JASA 2018 (arXiv 1404.1785).

    >>> quiet = [Unit(True, 0.1, 1, 10), Unit(False, 0.1, 1, 90)]
    >>> busy = [Unit(True, 0.5, 1, 500), Unit(False, 0.5, 1, 500)]
    >>> idle = [Unit(True, 0.1, 0, 90), Unit(False, 0.1, 0, 810)]
    >>> estimate(Units.of(quiet + busy + idle))
    0.0
    """
    theirs = _mean(units, ~units.candidate, units.probability)
    return _mean(units, units.candidate, 1 - units.probability) / theirs - 1 if theirs > 0 else None


def _mean(units: Units, arm: Bools, weights: Floats) -> float:
    weight = (weights * units.times)[arm]
    everybody = float(weight.sum())
    return float(weight @ units.outcome[arm]) / everybody if everybody else 0.0


def _less(units: Units, log_ratio: float) -> float:
    return log_e_less(units, ratio=math.exp(log_ratio), bets=LIFT_BETS)


def _more(units: Units, log_ratio: float) -> float:
    return log_e_more(units, ratio=math.exp(log_ratio), bets=LIFT_BETS)


def _first(holds: Callable[[float], bool]) -> float | None:
    """Return the smallest number a monotone claim holds for; None where there is none."""
    low, high = -WIDEST, WIDEST
    if not holds(high):
        return None
    while high - low > EXACT:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
