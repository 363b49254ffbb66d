from __future__ import annotations

import math

import numpy as np
import pytest
from tests.rollouts import Plan, binary, z_score

from ketch.rollout.stats import Sample, outcomes_needed, units_needed_fixed, welch, z_test
from ketch.rollout.stats.special import beta_share, student_t_quantile, student_t_two_sided

SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)
"""Student's sleep data, Biometrika 1908."""


def sample(values: list[float]) -> Sample:
    return Sample(len(values), float(np.mean(values)), float(np.var(values, ddof=1)))


def test_welch_says_of_the_sleep_data_what_r_says() -> None:
    """R's `t.test(extra ~ group, data = sleep)`: p = 0.07939, -3.3654832 to 0.2054832."""
    seen = welch(*(sample(values) for values in SLEEP))
    assert seen.p_value == pytest.approx(0.07939, abs=5e-6)
    assert (seen.low, seen.high) == pytest.approx((-0.2054832, 3.3654832), abs=5e-7)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (2, 4.303), (5, 2.571), (30, 2.042), (120, 1.980)]
)
def test_quantiles_of_student_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert student_t_quantile(0.975, freedom) == pytest.approx(quantile, abs=5e-4)
    assert student_t_two_sided(quantile, freedom) == pytest.approx(0.05, abs=4e-5)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (3, 7), (40, 60), (200, 300)])
def test_the_incomplete_beta_is_a_sum_of_binomials(a: int, b: int) -> None:
    """Exact: NIST DLMF 8.17.5."""
    n = a + b - 1
    for x in (0.001, 0.2, 0.4, 0.5, 0.9):
        terms = [math.comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1)]
        assert beta_share(a, b, x) == pytest.approx(math.fsum(terms), abs=1e-12)


def test_the_z_test_is_close_to_the_exact_test() -> None:
    """Two-sided, over all tables of two arms of 1,000 units at the rate that was seen."""
    draw = np.random.default_rng(1)
    seen = draw.binomial(1_000, 0.05, (20_000, 2))
    p_values = [z_test((a, 1_000), (b, 1_000)).p_value or 1.0 for a, b in seen.tolist()]
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.006)


def test_the_z_test_says_what_is_easily_computed() -> None:
    """A hundred units of each arm, 20 against 40: the squared statistic is χ² = 9.5238."""
    seen = z_test((20, 100), (40, 100))
    assert seen.p_value == pytest.approx(math.erfc(math.sqrt(9.523809523809524 / 2)), abs=1e-12)
    assert seen.difference == pytest.approx(0.2)
    half = 1.959964 * math.sqrt(0.2 * 0.8 / 100 + 0.4 * 0.6 / 100)
    assert (seen.low, seen.high) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-6)
    assert "one planned look only" in seen.label


def test_a_hundred_looks_at_the_z_test_cry_wolf() -> None:
    """Armitage, McPherson & Rowe, JRSS A 1969: 37.4 % at 100 looks, two-sided at 5 %."""
    arms = binary(Plan(runs=3_000, rate=0.3), np.random.default_rng(4))
    assert (abs(z_score(*arms)) > 1.959964).any(axis=1).mean() == pytest.approx(0.374, abs=0.03)


@pytest.mark.parametrize("empty", [z_test((0, 0), (1, 5)), welch(Sample(0, 0, 0), Sample(3, 1, 1))])
def test_an_empty_arm_has_no_numbers(empty: object) -> None:
    assert getattr(empty, "difference", 0) is None
    assert getattr(empty, "p_value", 0) is None


def test_where_nothing_varies_there_is_no_p_value() -> None:
    assert z_test((0, 5), (0, 5)).p_value is None
    assert welch(Sample(5, 1.0, 0.0), Sample(5, 2.0, 0.0)).p_value is None


@pytest.mark.parametrize(
    ("drop", "share", "printed"),
    [
        (0.1, 0.5, 76_029),
        (0.1, 0.1, 211_191),
        (0.2, 0.5, 17_992),
        (0.2, 0.1, 49_978),
        (0.5, 0.5, 2_349),
        (0.5, 0.1, 6_526),
    ],
)
def test_units_for_one_planned_look_are_those_printed(
    drop: float, share: float, printed: int
) -> None:
    """The last column of the first table of research/rollout.md, 2.1."""
    assert units_needed_fixed(0.03, drop, share) == printed


def test_outcomes_that_bets_need_are_those_printed() -> None:
    """Research/rollout.md, 2.1: about 860 for a drop of 20 % at 50/50."""
    assert outcomes_needed(0.2, 0.5) == pytest.approx(860, abs=5)
