from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rollouts import TWENTY, log_e, unit
from tests.rollouts import Arm as Seen

from ketch.rollout.stats import Unit, Units, anytime_p, e_value, log_e_less, log_e_more
from ketch.rollout.stats.betting import BETS, HIGH_BETS, factors, mixture, path_less
from ketch.rollout.stats.units import Floats

PARTS = st.floats(0, 1, allow_subnormal=False)
ROWS = st.lists(
    st.builds(Unit, st.booleans(), st.floats(0.01, 0.99), PARTS, st.integers(1, 5)), max_size=12
)


def in_order(candidate: list[bool], chance: list[float], outcome: list[float]) -> Units:
    """Return units that are not sorted, as a path needs them."""
    ones = np.ones(len(candidate), np.int64)
    return Units(np.array(candidate), np.array(chance), np.array(outcome), ones)


def test_evidence_is_that_of_the_printed_sequence() -> None:
    """The golden values of research/rollout.md, 2.4: conversions of arms A and B, half each."""
    arrived = [arm == "B" for arm in "AABAAAAABA"]
    path = path_less(in_order(arrived, [0.5] * 10, [1.0] * 10))
    printed = [
        *(0.214870, 0.468790, 0.043672, 0.240299, 0.468127),
        *(0.731309, 1.032916, 1.374306, 0.752516, 1.026131),
    ]
    assert path.tolist() == pytest.approx(printed, abs=5e-7)


def test_a_bet_is_the_likelihood_ratio_of_its_guess() -> None:
    """The identity of research/rollout.md, 2.4, for a share of 0.1 and a guess of 0.3."""
    mine, theirs = (math.exp(factors(unit(arm, 0.1), 1.0, 0.3)[0]) for arm in (True, False))
    guess = 0.1 * 0.7 / (1 - 0.1 * 0.3)
    assert mine == pytest.approx(guess / 0.1) == pytest.approx(0.721649, abs=1e-6)
    assert theirs == pytest.approx((1 - guess) / 0.9) == pytest.approx(1.030927, abs=1e-6)


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.25])
def test_with_a_ratio_too_a_bet_is_the_likelihood_ratio_of_its_guess(ratio: float) -> None:
    share, bet = 0.2, 0.4
    of_null = share * ratio / (share * ratio + 1 - share)
    of_guess = share * ratio * (1 - bet) / (share * ratio * (1 - bet) + 1 - share)
    mine, theirs = (math.exp(factors(unit(arm, share), ratio, bet)[0]) for arm in (True, False))
    assert mine == pytest.approx(of_guess / of_null)
    assert theirs == pytest.approx((1 - of_guess) / (1 - of_null))


CHANCES = [0.5, 0.1, 0.9, 0.3, 0.5, 0.01, 0.5, 0.25, 0.5, 0.6]
OUTCOMES = [1.0, 0.3, 0.7, 1.0, 0.05, 1.0, 0.0, 1.0, 0.5, 1.0]


def every_draw() -> list[tuple[float, list[bool]]]:
    """Return every way in which chance can give the ten units their arms, and how likely."""
    return [
        (math.prod(q if arm else 1 - q for q, arm in zip(CHANCES, drawn, strict=True)), list(drawn))
        for drawn in itertools.product([False, True], repeat=len(CHANCES))
    ]


@pytest.mark.parametrize("test", [log_e_less, log_e_more])
def test_over_all_draws_the_mean_evidence_of_a_candidate_that_changes_nothing_is_one(
    test: object,
) -> None:
    assert callable(test)
    mean = math.fsum(
        likely * math.exp(test(in_order(drawn, CHANCES, OUTCOMES)))
        for likely, drawn in every_draw()
    )
    assert mean == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("ratio", "test"), [(0.8, log_e_less), (0.5, log_e_more)])
def test_over_all_draws_the_mean_evidence_at_the_tolerated_ratio_is_one(
    ratio: float, test: object
) -> None:
    assert callable(test)
    mean = 0.0
    for likely, drawn in every_draw():
        has = [f * (ratio if arm else 1) for f, arm in zip(OUTCOMES, drawn, strict=True)]
        mean += likely * math.exp(test(in_order(drawn, CHANCES, has), ratio=ratio))
    assert mean == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.5, 0.3, 0.2])
def test_over_all_draws_evidence_ever_reaches_its_mark_in_no_more_than_its_risk(
    alpha: float,
) -> None:
    reached = math.fsum(
        likely
        for likely, drawn in every_draw()
        if path_less(in_order(drawn, CHANCES, OUTCOMES)).max() >= math.log(1 / alpha)
    )
    assert 0 < reached <= alpha


def stops(share: float, ratio: float, outcomes: int) -> Floats:
    """Return the exact probability that evidence has reached 20, after each outcome.

    A walk over how many of the outcomes the candidate has, absorbed at the mark.
    """
    has = share * ratio / (share * ratio + 1 - share)
    grid = np.arange(outcomes + 1.0)
    walking = np.zeros(outcomes + 1)
    walking[0] = 1.0
    stopped = []
    for n in range(1, outcomes + 1):
        walking[1:] = walking[1:] * (1 - has) + walking[:-1] * has
        walking[0] *= 1 - has
        mine = grid[: n + 1][None, :]
        none = np.zeros_like(mine, np.int64)
        seen = log_e(Seen(none, n - mine, mine), Seen(none, mine, mine), share)[0]
        walking[: n + 1][seen >= TWENTY] = 0.0
        stopped.append(1 - walking.sum())
    return np.array(stopped)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_looking_after_each_of_six_hundred_outcomes_rolls_back_one_in_twenty_at_most(
    share: float,
) -> None:
    """Exact, not simulated; 600 conversions are 20,000 shoppers at 3 %."""
    assert 0.005 < stops(share, 1.0, 600)[-1] <= 0.05


@pytest.mark.parametrize(
    ("drop", "share", "visitors"),
    [(0.5, 0.5, 3_000), (0.5, 0.1, 8_700), (0.2, 0.5, 24_000), (0.9, 0.5, 700)],
)
def test_a_drop_is_found_as_early_as_printed(drop: float, share: float, visitors: int) -> None:
    """The medians of research/rollout.md, 2.1, which looked 400 times; here always."""
    outcomes = visitors * 0.03 * (1 - share * drop)
    found = stops(share, 1 - drop, int(outcomes * 1.5))
    median = int(np.argmax(found >= 0.5)) + 1
    assert 0.75 * outcomes <= median <= 1.15 * outcomes


@given(ROWS, st.randoms(use_true_random=False))
def test_evidence_is_the_same_to_the_last_bit_in_any_order(
    rows: list[Unit], chance: object
) -> None:
    single = [row._replace(times=1) for row in rows for _ in range(row.times)]
    chance.shuffle(single)  # type: ignore[attr-defined]  # hypothesis hands out a Random
    assert log_e_less(Units.of(single)) == log_e_less(Units.of(rows))


@given(ROWS)
def test_the_path_ends_where_all_units_together_are(rows: list[Unit]) -> None:
    units = Units.of(rows)
    if rows:
        assert path_less(units)[-1] == pytest.approx(log_e_less(units), abs=1e-9)


@given(ROWS, st.floats(0.2, 5), st.floats(0.2, 5))
def test_a_larger_ratio_is_never_harder_to_miss(rows: list[Unit], one: float, two: float) -> None:
    units = Units.of(rows)
    low, high = sorted([one, two])
    assert log_e_less(units, ratio=low) <= log_e_less(units, ratio=high) + 1e-9
    assert log_e_more(units, ratio=high) <= log_e_more(units, ratio=low) + 1e-9


@given(ROWS)
def test_units_that_had_no_choice_and_units_without_outcome_say_nothing(rows: list[Unit]) -> None:
    silent = [Unit(True, 1.0, 1.0, 9), Unit(False, 0.0, 0.4, 9), Unit(True, 0.3, 0.0, 9)]
    units, more = Units.of(rows), Units.of([*rows, *silent])
    assert log_e_less(more) == pytest.approx(log_e_less(units), abs=1e-12)
    assert log_e_more(more) == pytest.approx(log_e_more(units), abs=1e-12)
    assert log_e_less(more.with_outcome()) == pytest.approx(log_e_less(more), abs=1e-12)


def test_bets_that_lose_all_lose_no_more_than_their_stake() -> None:
    lost = Units.of([Unit(True, 0.5, 1.0, 100_000)])
    assert -3_000 < log_e_less(lost) < 0
    assert e_value(log_e_more(lost)) == 1e300


def test_a_candidate_that_fails_at_every_call_needs_few_calls() -> None:
    """At most 10 units at 50/50, and 3 at 10/90: no circuit breaker is needed beside it."""
    half = [log_e_more(Units.of([Unit(True, 0.5, 1.0, n)])) >= TWENTY for n in (5, 10)]
    tenth = [log_e_more(Units.of([Unit(True, 0.1, 1.0, n)])) >= TWENTY for n in (2, 3)]
    assert half == [False, True]
    assert tenth == [False, True]


def test_the_p_value_only_ever_falls() -> None:
    seen = [0.0, math.log(25), math.log(4)]
    values = [anytime_p(seen[:looks]) for looks in range(4)]
    assert values == pytest.approx([1, 1, 0.04, 0.04])


def test_the_mean_of_fortunes_neither_overflows_nor_vanishes() -> None:
    assert mixture(np.array([9_000.0, -9_000.0])) == pytest.approx(9_000 - math.log(2))
    assert HIGH_BETS[: len(BETS)] == BETS
