from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rollouts import Plan, binary, log_e, unit

from ketch.rollout.stats import Unit, Units, lift, log_e_less, log_e_more
from ketch.rollout.stats.betting import LIFT_BETS

COUNTS = st.integers(0, 3_000)


def bought(theirs: int, mine: int, share: float = 0.5) -> Units:
    """Return a hundred thousand units, split as planned, of whom so many bought."""
    mine_of = round(100_000 * share)
    rest = [
        Unit(False, share, 0, 100_000 - mine_of - theirs),
        Unit(True, share, 0, mine_of - mine),
    ]
    return Units.of([Unit(False, share, 1, theirs), Unit(True, share, 1, mine), *rest])


@given(COUNTS, COUNTS, st.sampled_from([0.5, 0.1]))
def test_the_interval_ends_where_bets_begin_to_speak_against_it(
    theirs: int, mine: int, share: float
) -> None:
    units, enough = bought(theirs, mine, share), math.log(2 / 0.05)
    seen = lift(units)
    if seen.high is not None:
        ratio = 1 + seen.high
        assert log_e_less(units, ratio=ratio * 1.0001, bets=LIFT_BETS) > enough
        assert log_e_less(units, ratio=ratio * 0.9999, bets=LIFT_BETS) < enough
    if seen.low > -1:
        ratio = 1 + seen.low
        assert log_e_more(units, ratio=ratio * 0.9999, bets=LIFT_BETS) > enough
        assert log_e_more(units, ratio=ratio * 1.0001, bets=LIFT_BETS) < enough


@given(st.integers(20, 3_000), st.integers(20, 3_000), st.sampled_from([0.5, 0.2]))
def test_the_guess_lies_in_the_interval(theirs: int, mine: int, share: float) -> None:
    seen = lift(bought(theirs, mine, share))
    assert seen.estimate is not None
    assert seen.low < seen.estimate
    assert seen.high is None or seen.estimate < seen.high


@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_exchanging_the_arms_turns_the_interval_round(theirs: int, mine: int) -> None:
    one, other = lift(bought(theirs, mine)), lift(bought(mine, theirs))
    if one.high is not None:
        assert (1 + one.high) * (1 + other.low) == pytest.approx(1, rel=1e-4)


def test_without_outcomes_nothing_is_known() -> None:
    seen = lift(Units.of([Unit(True, 0.1, 0, 50), Unit(False, 0.1, 0, 450)]))
    assert (seen.estimate, seen.low, seen.high) == (None, -1.0, None)


@pytest.mark.parametrize(("share", "true"), [(0.5, -0.2), (0.1, 0.3), (0.1, 0.0)])
def test_at_a_hundred_looks_the_interval_misses_the_truth_in_one_of_twenty_rollouts_at_most(
    share: float, true: float
) -> None:
    """The truth is missed when a bet on less, or on more than it, reaches 40."""
    plan = Plan(share=share, lift=true, visitors=200_000, looks=100, runs=2_000)
    arms = binary(plan, np.random.default_rng(3))
    missed = [
        log_e(*arms, share, more=more, ratio=1 + true, bets=LIFT_BETS) >= math.log(40)
        for more in (False, True)
    ]
    assert 0.005 < np.any(missed, axis=(0, 2)).mean() <= 0.05


def test_the_guess_is_what_the_rates_of_the_arms_say() -> None:
    """By chance, more units had the candidate, and more of them bought: a smaller part did."""
    mine = [Unit(True, 0.5, 1, 100), Unit(True, 0.5, 0, 221)]
    theirs = [Unit(False, 0.5, 1, 90), Unit(False, 0.5, 0, 189)]
    seen = lift(Units.of(mine + theirs))
    assert seen.estimate == pytest.approx((100 / 321) / (90 / 279) - 1)
    assert seen.estimate is not None
    assert seen.estimate < 0


def test_a_share_that_grows_while_everybody_buys_more_is_no_lift() -> None:
    """Simpson's paradox: pooled, the candidate seems to sell three times as much."""
    steps = [(0.01, 0.01), (0.1, 0.02), (0.5, 0.05)]
    rows = []
    for share, rate in steps:
        for arm, part in ((True, share), (False, 1 - share)):
            all_ = round(100_000 * part)
            rows += [Unit(arm, share, 1, round(all_ * rate))]
            rows += [Unit(arm, share, 0, all_ - round(all_ * rate))]
    units = Units.of(rows)
    pooled = [units.total(candidate=arm) / units.number(candidate=arm) for arm in (False, True)]
    assert pooled[1] > 1.5 * pooled[0]
    seen = lift(units)
    assert seen.estimate == pytest.approx(0, abs=1e-9)
    assert seen.low < 0 < (seen.high or 0)


def test_the_evidence_of_counts_is_that_of_units() -> None:
    """The simulations of these tests judge by the same function as a report."""
    plan = Plan(visitors=2_000, looks=2, runs=3)
    theirs, mine = binary(plan, np.random.default_rng(0))
    for more, test in ((False, log_e_less), (True, log_e_more)):
        seen = log_e(theirs, mine, 0.5, more=more)
        for at in np.ndindex(seen.shape):
            units = bought(int(theirs.total[at]), int(mine.total[at]))
            assert seen[at] == pytest.approx(test(units), abs=1e-9)
    assert unit(True, 0.5).rows() == [Unit(True, 0.5, 1.0)]
