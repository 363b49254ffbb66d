from __future__ import annotations

import math

import numpy as np
import pytest

from ketch.rollout.stats import rate_interval
from ketch.rollout.stats.rate import best_rho, log_e_rate, log_mixture


def test_the_mixture_is_the_one_printed() -> None:
    """`test/uniform_boundaries_unittest.cpp` of gostevehoward/confseq."""
    assert best_rho(100) == pytest.approx(12.60056, abs=1e-5)
    assert log_mixture(10, 100, best_at=100, g=0.2, h=0.8) == pytest.approx(-0.6941012, abs=1e-7)


def test_the_bound_is_the_one_printed() -> None:
    """The same: where the mixture of a variance of 100 reaches 20 lies 31.4308."""
    low, high = 10.0, 100.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        small = log_mixture(middle, 100, best_at=100, g=0.2, h=0.8) < math.log(20)
        low, high = (middle, high) if small else (low, middle)
    assert high == pytest.approx(31.4308, abs=1e-4)


@pytest.mark.parametrize(
    ("successes", "trials", "tightest", "printed"),
    [
        (700, 1000, 100, (0.651629, 0.745949)),
        (15, 50, 50, (0.129556, 0.511896)),
        (1, 50, 50, (0.0, 0.13489)),
    ],
)
def test_intervals_are_those_printed(
    successes: int, trials: int, tightest: int, printed: tuple[float, float]
) -> None:
    assert rate_interval(successes, trials, tightest=tightest) == pytest.approx(printed, abs=2e-6)


def test_over_all_sequences_the_mean_evidence_at_the_true_rate_is_one() -> None:
    mean = math.fsum(
        math.comb(80, n) * 0.1**n * 0.9 ** (80 - n) * math.exp(log_e_rate(n, 80, 0.1, tightest=50))
        for n in range(81)
    )
    assert mean == pytest.approx(1, abs=1e-9)


def test_at_two_hundred_looks_the_interval_misses_the_rate_in_one_of_twenty_arms_at_most() -> None:
    draw = np.random.default_rng(2)
    seen = draw.binomial(500, 0.03, (300, 200)).cumsum(axis=1)
    missed = [
        any(
            log_e_rate(int(n), 500 * (look + 1), 0.03) >= math.log(20) for look, n in enumerate(row)
        )
        for row in seen
    ]
    assert 0 < np.mean(missed) <= 0.05


def test_nothing_seen_says_nothing() -> None:
    assert rate_interval(0, 0) == (0.0, 1.0)
    assert rate_interval(0, 10)[0] == 0.0
    assert rate_interval(10, 10)[1] == 1.0
