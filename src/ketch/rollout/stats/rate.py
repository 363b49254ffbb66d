"""The rate of one arm, such as its conversion, with an interval that holds at every look."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, log1p

from ketch.rollout.stats.special import log_beta

TIGHTEST = 1_000
"""The number of units at which the interval is as narrow as it can be made.

Both at a tenth and at a hundred times of it, it is 1.2 times as wide as it could be."""


def rate_interval(
    successes: int, trials: int, *, level: float = 0.95, tightest: float = TIGHTEST
) -> tuple[float, float]:
    """Return the confidence sequence of a rate.

    Args:
        successes: Units with the outcome.
        trials: All units of the arm.
        level: Whoever looks all the time sees the interval miss the true rate even once in
            at most ``1 - level`` of all cases.
        tightest: The number of units that it is tuned for; it holds at all others too.

    Accuracy: coverage exact; ends to 1e-12. Source: Howard et al., Annals of Statistics 2021
    (arXiv 1810.08240), the beta-binomial mixture; figures of its reference implementation.

    >>> low, high = rate_interval(300, 10_000)
    >>> round(low, 4), round(high, 4)
    (0.0247, 0.0358)
    """
    if not trials:
        return 0.0, 1.0
    enough = log(1 / (1 - level))

    def ruled_out(rate: float) -> bool:
        return log_e_rate(successes, trials, rate, tightest=tightest) >= enough

    seen = successes / trials
    low = _border(ruled_out, 0.0, seen) if successes else 0.0
    high = _border(ruled_out, 1.0, seen) if successes < trials else 1.0
    return low, high


def log_e_rate(successes: int, trials: int, rate: float, *, tightest: float = TIGHTEST) -> float:
    """Return the evidence against a rate: the logarithm of an e-value.

    Accuracy, source: those of :func:`rate_interval`.

    >>> round(log_e_rate(300, 10_000, 0.03), 2), round(log_e_rate(300, 10_000, 0.04), 2)
    (-2.22, 11.95)
    """
    if not 0 < rate < 1:
        return inf
    spread = rate * (1 - rate)
    return log_mixture(
        successes - trials * rate, trials * spread, best_at=tightest * spread, g=rate, h=1 - rate
    )


def log_mixture(s: float, v: float, *, best_at: float, g: float, h: float) -> float:
    """Return the beta-binomial mixture of a sum whose steps are ``-g`` or ``h``.

    Args:
        s: The sum.
        v: Its variance so far.
        best_at: The variance at which the bound is tightest, for a level of 95 %.
        g: Above 0.
        h: Above 0.

    Accuracy: 1e-9. Source: Howard et al., "Time-uniform Chernoff bounds via nonnegative
    supermartingales", Probability Surveys 2020 (arXiv 1808.03204), proposition 2.

    >>> round(log_mixture(10, 100, best_at=100, g=0.2, h=0.8), 7)
    -0.6941012
    """
    r = best_rho(best_at) - g * h
    ups, downs = (v + h * s) / (h * (g + h)), (v - g * s) / (g * (g + h))
    prior_ups, prior_downs = r / (h * (g + h)), r / (g * (g + h))
    return (
        (ups + downs) * log(g + h)
        - ups * log(g)
        - downs * log(h)
        + log_beta(prior_ups + ups, prior_downs + downs)
        - log_beta(prior_ups, prior_downs)
    )


def best_rho(best_at: float, *, level: float = 0.95) -> float:
    """Return the weight of a mixture whose bound is tightest at a variance.

    Accuracy: as published, an approximation to a Lambert function within 2 %. Source: the
    same, proposition 3, as its reference implementation has it.

    >>> round(best_rho(100), 5)
    12.60056
    """
    odds = 2 * log(1 / (1 - level))
    return best_at / (odds + log1p(odds))


def _border(ruled_out: Callable[[float], bool], out: float, inside: float) -> float:
    while abs(out - inside) > 1e-12:
        middle = (out + inside) / 2
        out, inside = (middle, inside) if ruled_out(middle) else (out, middle)
    return out
