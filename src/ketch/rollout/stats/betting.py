"""The test that decides: bets on which arm the next outcome comes from.

Each unit drew its arm by chance, so before its outcome arrives one can bet at fair odds on
which arm it will come from. Whoever starts with 1 and bets that the candidate is worse
cannot expect to win if it is not: fortunes of 20 are reached in at most one of 20 rollouts,
**however often one looks, and whenever one stops** (Ville's inequality). The fortune is
the evidence, an *e-value*.

Ten fortunes run beside each other, one for each guess of how much worse the candidate is;
their mean is the evidence, and there is nothing to tune. With outcomes that are 0 or 1 each
is the likelihood ratio of that guess. For a unit with outcome ``f`` and probability ``q`` of
the candidate, and the guess that the candidate has ``r`` less than ``ratio`` times the
baseline's mean, a fortune is multiplied by ``1 + stake · f · odds``:

    stake = r / (1 - q + q·ratio·(1 - r))
    odds  = q·ratio       if the unit had the baseline
            -(1 - q)      if it had the candidate

That nothing else is assumed is the point. Seasons, weekends, ramps, late outcomes and any
mix of shoppers act on both arms alike, and each unit carries its own ``q``. The outcome of
a unit may enter only once, when it can no longer change, for after its arm has been seen
there is nothing left to bet on.

Accuracy: exact; for every number of units and any tail. Source: Lindon & Malek,
"Anytime-Valid Inference for Multinomial Count Data", NeurIPS 2022 (arXiv 2011.03567), and for
outcomes between 0 and 1 Waudby-Smith & Ramdas, "Estimating means of bounded random variables
by betting", JRSS B 2024 (arXiv 2010.09686).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ketch.rollout.stats.units import Floats, Units

BETS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
"""How much worse the candidate may be, as the test of a smaller mean guesses."""

HIGH_BETS = (*BETS, 0.97, 0.995)
"""The same for a larger mean, where 0.995 stands for two hundred times as much."""

LIFT_BETS = (0.005, 0.01, *HIGH_BETS)
"""For intervals, which large rollouts make narrower than one percent."""


def log_e_less(units: Units, *, ratio: float = 1.0, bets: Sequence[float] = BETS) -> float:
    """Return the evidence that the candidate's mean is less than ``ratio`` times the baseline's.

    Args:
        units: All that were counted so far.
        ratio: 1 asks whether the candidate is worse at all, 0.9 whether by more than 10 %.
        bets: The guesses; frozen before the rollout starts.

    Returns:
        The natural logarithm of the e-value; 0 says nothing, ``log(20)`` and more has a
        probability of at most 1/20 ever to be seen if the candidate is as good.

    Accuracy, source: those of this module.

    >>> bought = Units.of([Unit(False, 0.5, 1, 80), Unit(True, 0.5, 1, 40)])
    >>> round(math.exp(log_e_less(bought)))
    176
    >>> round(math.exp(log_e_less(bought, ratio=0.8)))
    7
    """
    return float(mixture(fortunes(units, ratio, bets)))


def log_e_more(units: Units, *, ratio: float = 1.0, bets: Sequence[float] = HIGH_BETS) -> float:
    """Return the evidence that the candidate's mean is more than ``ratio`` times the baseline's.

    The test of :func:`log_e_less` with the arms exchanged: for errors and slow answers, and
    for the proof that a candidate loses no more than is tolerated.

    Accuracy, source: those of this module.

    >>> failed = Units.of([Unit(False, 0.9, 1, 2), Unit(True, 0.9, 1, 98)])
    >>> round(math.exp(log_e_more(failed)), 1)
    30.4
    >>> bought = Units.of([Unit(False, 0.5, 1, 1000), Unit(True, 0.5, 1, 1000)])
    >>> round(math.exp(log_e_more(bought, ratio=0.85)))
    115
    """
    return float(mixture(fortunes(units.exchanged(), 1 / ratio, bets)))


def fortunes(units: Units, ratio: float, bets: Sequence[float]) -> Floats:
    """Return the logarithm of each bet's fortune, for the test of a smaller mean.

    Accuracy: 1e-13 of the sum of magnitudes. Source: that of this module.

    >>> fortunes(Units.of([Unit(True, 0.5, 1, 2)]), 1.0, (0.02, 0.9)).round(6).tolist()
    [-0.020305, -3.409496]
    """
    all_bets, sums = np.array(bets)[:, None], np.zeros(len(bets))
    for part in units.parts():
        sums += (factors(part, ratio, all_bets) * part.times).sum(axis=1)
    return sums


def path_less(units: Units, *, ratio: float = 1.0, bets: Sequence[float] = BETS) -> Floats:
    """Return what :func:`log_e_less` says after each row, in the order of the rows.

    Args:
        units: In the order in which their outcomes arrived; not made with
            :meth:`~ketch.rollout.stats.units.Units.grouped`, which sorts them.
        ratio: As for :func:`log_e_less`.
        bets: As for :func:`log_e_less`.

    Accuracy, source: those of this module.

    >>> arrived = Units(
    ...     np.array([False, False, True]), np.full(3, 0.5), np.ones(3), np.ones(3, int)
    ... )
    >>> path_less(arrived).round(6).tolist()
    [0.21487, 0.46879, 0.043672]
    """
    gains = factors(units, ratio, np.array(bets)[:, None]) * units.times
    return mixture(gains.cumsum(axis=1))


def factors(units: Units, ratio: float, bet: float | Floats) -> Floats:
    """Return the logarithm of what each row multiplies a bet's fortune by.

    Many bets are a column; then each has a row of the result.

    >>> bought = Units.of([Unit(False, 0.1, 1), Unit(True, 0.1, 1)])
    >>> np.exp(factors(bought, 1.0, 0.3)).round(6).tolist()
    [1.030928, 0.721649]
    """
    chance = units.probability
    stake = bet / (1 - chance + chance * ratio * (1 - bet))
    odds = np.where(units.candidate, chance - 1, chance * ratio)
    logs: Floats = np.log1p(stake * units.outcome * odds)
    return logs


def mixture(fortunes: Floats) -> Floats:
    """Return the logarithm of the mean fortune, of those along the first axis.

    >>> round(math.exp(mixture(np.log([1.0, 5.0]))), 12)
    3.0
    """
    highest = fortunes.max(axis=0)
    mean: Floats = highest + np.log(np.exp(fortunes - highest).mean(axis=0))
    return mean


def e_value(log_e: float) -> float:
    """Return the e-value of its logarithm; beyond ``1e300`` it no longer grows.

    >>> e_value(0.0), e_value(5000.0)
    (1.0, 1e+300)
    """
    return 1e300 if log_e > 690 else math.exp(log_e)


def anytime_p(log_es: Sequence[float] | Floats) -> float:
    """Return the p-value that may be looked at as often as one likes.

    Args:
        log_es: The evidence at every look so far, as logarithms.

    Returns:
        One over the largest e-value, and at most 1: the probability of ever seeing as much
        if the candidate is as good.

    Accuracy: exact, an upper bound. Source: Ville's inequality; Ramdas et al.,
    "Game-theoretic statistics and safe anytime-valid inference", Statistical Science 2023.

    >>> round(anytime_p([0.0, math.log(25), math.log(4)]), 6)
    0.04
    """
    return min(1.0, math.exp(-max(log_es, default=0.0)))
