"""Calibration and estimates, held against scikit-learn 1.9.1, NannyML 0.13.1 and simulation."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ketch.monitor.estimates.calibration import calibration_of
from ketch.monitor.estimates.cbpe import Scores
from ketch.monitor.estimates.checking import broken_since
from ketch.monitor.estimates.dle import Errors
from ketch.monitor.estimates.expected import groups_of
from ketch.monitor.metrics.measures import auc, calibration
from ketch.rollout.metric import Scored

NUMBERS = np.arange(400)
SCORES = (NUMBERS * 37 % 101) / 101
HAPPENED = ((NUMBERS * 53 % 97) / 97 < SCORES**2).astype(float)
LATER = (NUMBERS[:100] * 29 % 83) / 83
GROUPS = groups_of(NUMBERS.astype(np.uint64))
NOBODY = np.empty(0)


@pytest.mark.parametrize("name", ["calibration", "cbpe", "checking", "dle", "expected"])
def test_the_examples_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"ketch.monitor.estimates.{name}")).failed == 0


def realised_of(
    measure: Scored, scores: NDArray[np.float64], said: NDArray[np.bool_], truth: NDArray[np.bool_]
) -> float | None:
    if measure is Scored.ACCURACY:
        return float((said == truth).mean())
    return (auc if measure is Scored.AUC else calibration)(scores, truth).value


class TestCalibration:
    def test_it_is_the_isotonic_regression_of_scikit_learn(self) -> None:
        asked = [-1, 0.05, 0.305, 0.5, 0.777, 0.9, 2]
        found = calibration_of(SCORES, HAPPENED).at(asked)
        known = [0, 0, 0.08333333333333333, 0.25, 0.6458333333333334, 0.8181818181818182, 1]
        assert found == pytest.approx(known, abs=1e-15)
        heavy = calibration_of(SCORES, HAPPENED, 1 + NUMBERS % 3).at([0.305, 0.777])
        assert heavy == pytest.approx([0.0625, 0.6379310344827587], abs=1e-15)

    @given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
    def test_it_never_falls_and_keeps_how_much_happened(self, some: list[tuple[int, bool]]) -> None:
        scores, happened = (np.array(one, float) for one in zip(*some, strict=True))
        found = calibration_of(scores, happened)
        assert (np.diff(found.chances) >= 0).all()
        assert found.at(scores).sum() == pytest.approx(happened.sum())

    def test_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one score"):
            calibration_of([], [])


class TestScores:
    def test_the_estimates_are_those_of_nannyml(self) -> None:
        """``estimate_roc_auc`` of the calibrated scores; the mean of right answers above 0.6."""
        found = Scores.learned(Scored.AUC, SCORES, HAPPENED, GROUPS).of(LATER, NOBODY)
        assert found is not None
        assert found.value == pytest.approx(0.8667304087042611, abs=1e-6)
        learned = Scores.learned(Scored.ACCURACY, SCORES, HAPPENED, GROUPS)
        right = learned.of(LATER, (LATER > 0.6).astype(float))
        assert right is not None
        assert right.value == pytest.approx(0.7931221214615664, abs=1e-12)

    def test_what_is_realised_has_the_mean_that_was_expected(self) -> None:
        """Outcomes drawn 2,000 times by the calibrated chances; AUC, and calibration error."""
        draw = np.random.default_rng(5)
        chances = calibration_of(SCORES, HAPPENED).at(LATER)
        drawn = [draw.random(len(LATER)) < chances for _ in range(2_000)]
        for measure, of in ((Scored.AUC, auc), (Scored.CALIBRATION, calibration)):
            values = [of(LATER, one).value or 0.0 for one in drawn]
            found = Scores.learned(measure, SCORES, HAPPENED, GROUPS).of(LATER, NOBODY)
            assert found is not None
            assert found.value == pytest.approx(np.mean(values), abs=0.006)

    @pytest.mark.parametrize("measure", [Scored.AUC, Scored.ACCURACY, Scored.CALIBRATION])
    def test_its_interval_misses_about_one_in_twenty(self, measure: Scored) -> None:
        """Other people ask than before, and a score means the same: its square."""
        draw, held = np.random.default_rng(7), 0
        for _ in range(120):
            past, now = draw.beta(2, 2, 1_000), draw.beta(3, 2, 300)
            groups = draw.integers(0, 20, 1_000)
            learned = Scores.learned(
                measure, past, (draw.random(1_000) < past**2).astype(np.float64), groups
            )
            said, truth = now > 0.7, draw.random(300) < now**2
            found = learned.of(now, said.astype(float))
            realised = realised_of(measure, now, said, truth)
            assert found is not None
            assert realised is not None
            held += found.low <= realised <= found.high
        assert 0.9 <= held / 120 <= 0.995

    def test_without_anything_that_may_happen_there_is_no_auc(self) -> None:
        learned = Scores.learned(Scored.AUC, SCORES, HAPPENED, GROUPS)
        assert learned.of(np.zeros(50), NOBODY) is None


class TestErrors:
    def test_the_error_follows_predictions_and_inputs_that_are_harder(self) -> None:
        """Twice as far off for one kind, three times for large numbers; RMSE, and MAE."""
        draw = np.random.default_rng(3)
        kind = draw.choice(["a", "b"], 4_000)
        number = np.where(draw.random(4_000) < 0.1, np.nan, draw.uniform(0, 1, 4_000))
        scale = np.where(kind == "b", 2.0, 1.0) + np.where(number > 0.5, 2.0, 0.0)
        off = draw.normal(0, scale)
        groups = draw.integers(0, 20, 4_000)
        hard = [np.full(500, 0.9), np.full(500, "b")]
        for measure, truth in ((Scored.MAE, 4 * np.sqrt(2 / np.pi)), (Scored.RMSE, 4.0)):
            found = Errors.learned(measure, [number, kind], off, groups).of(hard)
            assert found.low < truth < found.high
            assert found.value == pytest.approx(truth, rel=0.12)

    def test_its_interval_misses_about_one_in_twenty(self) -> None:
        draw, held = np.random.default_rng(9), 0
        for _ in range(120):
            past, now = draw.uniform(0, 1, 1_000), draw.uniform(0.5, 1, 200)
            off, truth = draw.normal(0, 1 + 3 * past), draw.normal(0, 1 + 3 * now)
            learned = Errors.learned(Scored.MAE, [past], off, draw.integers(0, 20, 1_000))
            found = learned.of([now])
            held += found.low <= np.abs(truth).mean() <= found.high
        assert 0.9 <= held / 120 <= 0.995

    def test_a_column_that_nobody_had_before_changes_nothing(self) -> None:
        learned = Errors.learned(Scored.MAE, [SCORES, np.full(400, np.nan)], np.ones(400), GROUPS)
        assert learned.of([LATER, np.full(100, 7.0)]).value == pytest.approx(1, abs=0.02)


class TestTrust:
    def test_where_intervals_hold_it_is_hardly_ever_lost(self) -> None:
        """Two weeks of 95 % intervals, 2,000 times: at most 1 in 100 by chance."""
        draw = np.random.default_rng(1)
        lost = sum(
            broken_since((draw.random(14) < 0.95).tolist()) is not None for _ in range(2_000)
        )
        assert lost <= 0.01 * 2_000

    def test_three_misses_after_a_good_week_are_enough(self) -> None:
        assert broken_since([True] * 7 + [False] * 3) == 7
        assert broken_since([True] * 7 + [False]) is None
        assert broken_since([]) is None
