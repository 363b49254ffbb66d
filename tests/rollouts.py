"""Simulated rollouts, many at once, judged by the functions that judge real ones.

A simulation draws what a look at a rollout sees: how many units each arm got since the last
look, and what became of them. Arrays have one row a rollout and one column a look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from ketch.rollout.stats.betting import BETS, HIGH_BETS, factors, fortunes, mixture
from ketch.rollout.stats.capping import capped
from ketch.rollout.stats.units import Bools, Floats, Ints, Units

TWENTY = float(np.log(20))


@dataclass(frozen=True)
class Plan:
    """Which rollouts are simulated.

    ``visitors`` are those of both arms until the last look; ``lift`` is what the candidate
    does to ``rate``: -0.5 halves it.
    """

    share: float = 0.5
    rate: float = 0.03
    lift: float = 0.0
    visitors: int = 200_000
    looks: int = 100
    runs: int = 2_000


class Arm(NamedTuple):
    """What the looks at one arm saw: sums from the start of the rollout."""

    units: Ints
    total: Floats
    squares: Floats


def binary(plan: Plan, draw: Generator) -> tuple[Arm, Arm]:
    """Return baseline and candidate of rollouts whose outcomes are 0 or 1."""
    mine, theirs = _exposed(plan, draw)
    won = draw.binomial(mine, plan.rate * (1 + plan.lift)).cumsum(axis=1)
    had = draw.binomial(theirs, plan.rate).cumsum(axis=1)
    arms = (theirs.cumsum(axis=1), had), (mine.cumsum(axis=1), won)
    first, second = (Arm(units, total * 1.0, total * 1.0) for units, total in arms)
    return first, second


def _exposed(plan: Plan, draw: Generator) -> tuple[Ints, Ints]:
    each = np.full((plan.runs, plan.looks), plan.visitors // plan.looks)
    mine = draw.binomial(each, plan.share)
    return mine, each - mine


def log_e(
    baseline: Arm,
    candidate: Arm,
    share: float,
    *,
    more: bool = False,
    ratio: float = 1.0,
    bets: Sequence[float] | None = None,
) -> Floats:
    """Return the evidence at each look of rollouts whose outcomes are 0 or 1."""
    one = [unit(arm, share) for arm in (False, True)]
    if more:
        one = [each.exchanged() for each in one]
    bets = bets or (HIGH_BETS if more else BETS)
    of = 1 / ratio if more else ratio
    theirs, mine = (fortunes(each, of, bets)[:, None, None] for each in one)
    return mixture(theirs * baseline.total + mine * candidate.total)


def unit(candidate: bool, share: float) -> Units:  # noqa: FBT001 - a row of a table
    return Units.grouped([candidate], [share], [1.0])


class Amounts(NamedTuple):
    """What looks at rollouts saw of amounts: the evidence, and the sums of both arms."""

    log_e: Floats
    baseline: Arm
    candidate: Arm


def amounts(plan: Plan, draw: Generator, orders: Floats, cap: float) -> Amounts:
    """Return the evidence on what each unit spends, and what other tests need.

    Args:
        plan: ``lift`` is what the candidate does to the amount of an order, not to the rate.
        draw: Chance.
        orders: What orders are worth; each paying unit draws one of them.
        cap: Of the amounts.
    """
    mine, theirs = _exposed(plan, draw)
    paying = [draw.binomial(one, plan.rate) for one in (theirs, mine)]
    spent = [draw.choice(orders, number.sum()) for number in paying]
    spent[1] = spent[1] * (1 + plan.lift)
    wealth = np.zeros((len(BETS), plan.runs, plan.looks))
    for candidate, (number, values) in enumerate(zip(paying, spent, strict=True)):
        rows = _rows(values, bool(candidate), plan.share, cap)
        for index, bet in enumerate(BETS):
            wealth[index] += _by_look(factors(rows, 1.0, bet), number)
    arms = [
        Arm(
            units.cumsum(axis=1),
            _by_look(values, number).cumsum(axis=1),
            _by_look(values**2, number).cumsum(axis=1),
        )
        for units, number, values in zip((theirs, mine), paying, spent, strict=True)
    ]
    return Amounts(mixture(wealth.cumsum(axis=2)), *arms)


def _rows(values: Floats, candidate: bool, share: float, cap: float) -> Units:  # noqa: FBT001 - a row
    size = values.shape
    return Units(
        np.full(size, candidate), np.full(size, share), capped(values, cap), np.ones(size, np.int64)
    )


def _by_look(values: Floats, number: Ints) -> Floats:
    """Return the sum of each look's values, of which there are so many."""
    sums = np.concatenate([[0.0], values.cumsum()])
    ends = number.ravel().cumsum()
    parts: Floats = sums[ends] - sums[ends - number.ravel()]
    return parts.reshape(number.shape)


def heavy(draw: np.random.Generator) -> Floats:
    """Return orders of 45 in the middle, of which one in a thousand is above 1,300."""
    return np.exp(draw.normal(np.log(45), 1.1, 100_000))


def ramp(draw: np.random.Generator, lift: float, runs: int) -> tuple[Floats, list[Arm], Floats]:
    """Return evidence, pooled arms and estimates of a ramp while the shop sells ever more.

    Five steps of twenty looks; the rate rises to five times of what it was. Half of the
    conversions arrive ten looks late, with the share of their exposure.
    """
    wealth = np.zeros((len(BETS), runs, 110))
    sums = [Arm(*(np.zeros((runs, 110)) for _ in range(3))) for _ in range(2)]  # type: ignore[arg-type]  # whole numbers all the same
    balance, everybody = np.zeros((2, runs)), np.zeros((2, runs))
    for look in range(100):
        share = (0.01, 0.05, 0.1, 0.25, 0.5)[look // 20]
        rate = 0.01 * (1 + 4 * look / 99)
        step = replace(Plan(share, rate, lift, visitors=2_000), looks=1, runs=runs)
        for arm, seen in enumerate(binary(step, draw)):
            late = draw.binomial(seen.total[:, 0].astype(int), 0.5)
            factor = fortunes(unit(bool(arm), share), 1.0, BETS)[:, None]
            for when, number in ((look, seen.total[:, 0] - late), (look + 10, late)):
                wealth[:, :, when] += factor * number
                sums[arm].total[:, when] += number
            sums[arm].units[:, look] += seen.units[:, 0]
            balance[arm] += seen.total[:, 0] * ((1 - share) if arm else share)
            everybody[arm] += seen.units[:, 0] * ((1 - share) if arm else share)
    pooled = [
        Arm(one.units.cumsum(axis=1), one.total.cumsum(axis=1), one.total.cumsum(axis=1))
        for one in sums
    ]
    means = balance / everybody
    return mixture(wealth.cumsum(axis=2)), pooled, means[1] / means[0] - 1


def ever(seen: Floats, mark: float = TWENTY) -> float:
    """Return the part of the rollouts in which evidence ever reached a mark."""
    return float((seen >= mark).any(axis=1).mean())


def first_look(reached: Bools) -> Ints:
    """Return the first look that saw it, for each rollout; the number of looks if none."""
    number = reached.shape[1]
    first: Ints = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, number + 1)
    return first


def z_score(baseline: Arm, candidate: Arm) -> Floats:
    """Return the statistic of the naive test (Welch's) at each look: negative is less."""
    (first, spread), (second, own) = (_mean(arm) for arm in (baseline, candidate))
    width = np.sqrt(spread + own)
    return np.divide(second - first, width, out=np.zeros_like(width), where=width > 0)


def asymptotic_upper(baseline: Arm, candidate: Arm, tuned: float, alpha: float = 0.05) -> Floats:
    """Return the upper end of the one-sided asymptotic confidence sequence of a difference.

    The method that A/B testing tools ship: Waudby-Smith et al. (arXiv 2103.06476), eq. 134.
    """
    (first, spread), (second, own) = (_mean(arm) for arm in (baseline, candidate))
    n = baseline.units + candidate.units
    odds = -2 * np.log(2 * alpha)
    rho2 = n * (odds + np.log1p(odds)) / tuned
    width = np.sqrt(2 * (rho2 + 1) / rho2 * np.log1p(np.sqrt(rho2 + 1) / (2 * alpha)))
    upper: Floats = second - first + width * np.sqrt(spread + own)
    return upper


def _mean(arm: Arm) -> tuple[Floats, Floats]:
    mean = arm.total / np.maximum(arm.units, 1)
    variance = (arm.squares - arm.total * mean) / np.maximum(arm.units - 1, 1)
    return mean, variance / np.maximum(arm.units, 1)
