"""Intervals of paired differences, beside what SciPy 1.17.1 prints for the same numbers."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest

from ketch.compare.trial.paired import GROUPS, Table, difference
from ketch.rollout.metric import Scored

ROWS = np.arange(80)
TRUTH = ROWS / 8
POSITIVE = ROWS * 7 % 10 < 4


def wave(factor: int) -> Table:
    """Return numbers from -1 to 1 that look as if they were drawn."""
    return (ROWS * factor % 17 - 8) / 8


def table(answers: object, right: object) -> Table:
    return np.column_stack([np.asarray(answers, float), np.asarray(right, float)])


@pytest.mark.parametrize("name", ["timing", "words"])
def test_the_examples_are_true(name: str) -> None:
    module = importlib.import_module(f"ketch.compare.trial.{name}")
    assert doctest.testmod(module).failed == 0


def test_the_interval_of_a_mean_is_students_paired_one() -> None:
    """``ttest_rel(|b - right|, |a - right|).confidence_interval(…)``."""
    right = np.arange(1.0, 11.0)
    a = [1.5, 2.1, 2.2, 4.9, 5.3, 5.1, 7.7, 8.2, 8.1, 11.4]
    b = [1.2, 2.0, 2.9, 4.4, 5.1, 6.3, 7.1, 8.9, 9.2, 10.3]
    found = difference(Scored.MAE, table(a, right), table(b, right))
    assert found.value == pytest.approx(-0.41)
    assert (found.low, found.high) == pytest.approx((-0.7562898874992, -0.0637101125008))
    wider = difference(Scored.MAE, table(a, right), table(b, right), confidence=0.99)
    assert (wider.low, wider.high) == pytest.approx((-0.907483199928, 0.087483199928))


def test_the_interval_of_an_rmse_is_that_of_the_bootstrap() -> None:
    """``bootstrap((truth, a, b), …, paired=True, n_resamples=9999, method="BCa")``."""
    a, b = TRUTH + wave(5) * 1.5, TRUTH + wave(7) + wave(11) * 0.3
    found = difference(Scored.RMSE, table(a, TRUTH), table(b, TRUTH))
    assert found.value == pytest.approx(-0.25441372484183955)
    assert (found.low, found.high) == pytest.approx((-0.36213, -0.14061), abs=0.01)


def test_the_interval_of_an_auc_is_that_of_the_bootstrap() -> None:
    """The same of ``mannwhitneyu(…).statistic`` over the pairs, with 4999 resamples."""
    a, b = POSITIVE * 0.8 + wave(5), POSITIVE * 0.5 + wave(7)
    found = difference(Scored.AUC, table(a, POSITIVE), table(b, POSITIVE))
    assert found.value == pytest.approx(-0.19108072916666663)
    assert (found.low, found.high) == pytest.approx((-0.32089, -0.07833), abs=0.015)


def test_rows_of_one_unit_are_not_taken_as_independent() -> None:
    """Each row four times is no more evidence than once; as 80 rows it seems twice as much."""
    once = table(TRUTH + wave(5), TRUTH)[:20], table(TRUTH + wave(7) / 2, TRUTH)[:20]
    many = [np.repeat(one, 4, axis=0) for one in once]
    units = [f"unit {row}" for row in np.repeat(np.arange(20), 4)]
    alone = difference(Scored.RMSE, once[0], once[1])
    together = difference(Scored.RMSE, many[0], many[1], units)
    blind = difference(Scored.RMSE, many[0], many[1])
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))
    assert blind.high is not None
    assert together.high is not None
    assert blind.high - blind.value < 0.6 * (together.high - together.value)  # type: ignore[operator]


def test_a_few_rows_answered_alike_prove_nothing() -> None:
    right = np.ones((3, 1))
    found = difference(Scored.ACCURACY, right, right)
    assert found.value == 0
    assert found.low is not None
    assert found.high is not None
    assert found.low < -0.5 < 0.5 < found.high


def test_many_rows_are_left_out_some_at_a_time_and_always_the_same() -> None:
    rows = np.random.default_rng(7).normal(size=(40 * GROUPS, 2))
    one, other = table(rows[:, 0], 0 * rows[:, 0]), table(rows[:, 1] * 1.2, 0 * rows[:, 0])
    found = difference(Scored.MAE, one, other)
    assert found == difference(Scored.MAE, one, other)
    apart = np.abs(other[:, 0]) - np.abs(one[:, 0])
    error = apart.std(ddof=1) / len(apart) ** 0.5
    assert found.high is not None
    assert found.value is not None
    assert (found.high - found.value) / 1.984 == pytest.approx(error, rel=0.15)


@pytest.mark.parametrize(("n", "drawn"), [(50, 300), (400, 60)])
def test_the_interval_covers_the_difference_as_often_as_it_says(n: int, drawn: int) -> None:
    random = np.random.default_rng(5)
    truth = np.sqrt(0.25 + 0.64) - 1
    covered = 0
    for _ in range(drawn):
        errors, more = random.normal(size=(2, n))
        zeros = np.zeros(n)
        found = difference(
            Scored.RMSE, table(errors, zeros), table(0.5 * errors + 0.8 * more, zeros)
        )
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high
    assert 0.90 <= covered / drawn <= 0.99


def test_what_has_no_interval_has_a_difference_all_the_same() -> None:
    chances = np.clip(TRUTH / 10, 0, 1)
    found = difference(Scored.CALIBRATION, table(chances, POSITIVE), table(chances / 2, POSITIVE))
    assert found.value is not None
    assert found.low is found.high is None
    nobody = np.zeros((0, 2))
    assert difference(Scored.AUC, nobody, nobody).value is None
