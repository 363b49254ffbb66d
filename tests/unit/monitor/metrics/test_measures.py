"""Figures are those that scikit-learn 1.9.1 prints for the same columns, or all pairs counted."""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.monitor.metrics import measures
from ketch.monitor.metrics.measures import (
    auc,
    bounded_mean,
    calibration,
    is_right,
    mae,
    mean,
    ndcg_at,
    precision_at,
    rmse,
)

NUMBERS = np.arange(200)
SCORES = (NUMBERS * 37 % 101) / 101
TIES = (NUMBERS * 37 % 11) / 10
POSITIVES = (NUMBERS * 53 % 97) / 97 < 0.15 + 0.6 * SCORES
TRUTH = 10 * SCORES + (NUMBERS * 29 % 13 - 6) / 3

FLAGGED = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40)
WANTED = st.dictionaries(st.integers(0, 9), st.sampled_from([0.0, 0.5, 1.0, 3.0]), max_size=8)
ITEMS = st.lists(st.integers(0, 9), max_size=10)


@pytest.mark.parametrize("name", [one.name for one in pkgutil.iter_modules(measures.__path__)])
def test_the_examples_of_a_measure_are_true(name: str) -> None:
    module = importlib.import_module(f"{measures.__name__}.{name}")
    assert doctest.testmod(module).failed == 0
    for function in (getattr(module, word) for word in measures.__all__ if hasattr(module, word)):
        if function.__module__ == module.__name__ and callable(function) and name != "estimate":
            assert "Source:" in (function.__doc__ or ""), function
            assert ">>>" in (function.__doc__ or ""), function


class TestAuc:
    def test_the_figures_are_those_of_scikit_learn(self) -> None:
        assert auc(SCORES, POSITIVES).value == pytest.approx(0.6622886473429952, abs=1e-15)
        assert auc(TIES, POSITIVES).value == pytest.approx(0.35160024154589375, abs=1e-15)

    @given(FLAGGED)
    def test_it_is_the_part_of_all_pairs_that_are_in_order(
        self, some: list[tuple[int, bool]]
    ) -> None:
        ups = [score for score, positive in some if positive]
        downs = [score for score, positive in some if not positive]
        won = sum((up > down) + (up == down) / 2 for up in ups for down in downs)
        found = auc(*zip(*some, strict=True))
        if not ups or not downs:
            assert found.value is found.low is found.high is None
        else:
            assert found.value == pytest.approx(won / len(ups) / len(downs), abs=1e-15)
            assert found.value is not None
            assert found.low is not None
            assert found.high is not None
            assert 0 <= found.low <= found.value <= found.high <= 1
            assert found.high > found.low

    def test_its_interval_misses_about_one_in_twenty(self) -> None:
        """Normal scores, 20 positives at a distance of 1: the AUC is Φ(1 / √2)."""
        draw = np.random.default_rng(3)
        truth = 0.5 * (1 + math.erf(0.5))
        flags = np.arange(120) < 20
        found = [auc(draw.normal(size=120) + flags, flags) for _ in range(200)]
        held = sum((one.low or 0) <= truth <= (one.high or 0) for one in found)
        assert 0.9 <= held / 200 <= 0.995


class TestCalibration:
    def test_the_figures_are_those_of_scikit_learn(self) -> None:
        found = calibration(SCORES, POSITIVES)
        assert found.value == pytest.approx(0.12618811881188122, abs=1e-15)
        brier = found.more["brier"]
        assert isinstance(brier, dict)
        assert brier["value"] == pytest.approx(0.25258553083031077, abs=1e-15)
        assert brier["low"] < brier["value"] < brier["high"]

    def test_the_borders_of_bins_belong_to_the_bin_above_and_1_to_the_last(self) -> None:
        found = calibration([0.0, 0.1, 0.3, 0.6, 0.7, 0.9, 1.0], [False] * 7)
        bins = found.more["bins"]
        assert isinstance(bins, list)
        assert [(one["from"], one["n"]) for one in bins] == [
            (0.0, 1), (0.1, 1), (0.3, 1), (0.6, 1), (0.7, 1), (0.9, 2)
        ]  # fmt: skip

    def test_a_perfect_model_shows_what_chance_says(self) -> None:
        draw = np.random.default_rng(5)
        chances = draw.random((200, 300))
        found = [calibration(one, draw.random(300) < one) for one in chances]
        seen = np.mean([one.value for one in found])
        assert seen == pytest.approx(np.mean([one.more["by_chance"] for one in found]), rel=0.05)

    def test_what_is_no_probability_is_refused(self) -> None:
        with pytest.raises(ValueError, match="probabilities"):
            calibration([1.2], [True])


class TestNumbers:
    def test_the_figures_are_those_of_scikit_learn(self) -> None:
        assert rmse(10 * SCORES, TRUTH).value == pytest.approx(1.2516655570345725, abs=1e-14)
        assert mae(10 * SCORES, TRUTH).value == pytest.approx(1.08, abs=1e-14)
        right = [is_right(one % 7, one * one % 7) for one in range(200)]
        assert bounded_mean(right).value == 0.29

    @pytest.mark.parametrize("measure", [rmse, mae])
    def test_one_number_has_no_interval_and_none_no_value(self, measure: object) -> None:
        assert callable(measure)
        one, none = measure([3], [1]), measure([], [])
        assert (one.n, one.value, one.low, one.high) == (1, 2.0, None, None)
        assert (none.n, none.value) == (0, None)

    def test_columns_that_do_not_fit_are_refused(self) -> None:
        with pytest.raises(ValueError, match="one length"):
            mae([1, 2], [1])
        with pytest.raises(ValueError, match="finite"):
            mean([math.nan])

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
    def test_an_interval_of_parts_holds_the_mean_and_stays_within(self, some: list[float]) -> None:
        found = bounded_mean(some)
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert 0 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1
        assert found.high > found.low


class TestRanked:
    @pytest.mark.parametrize(
        ("gains", "expected"),
        [
            (
                [3, 2, 3, 0, 1, 2, 0, 0, 3, 1],
                {1: 1.0, 3: 0.9013060296780449, 5: 0.7659228626423699, 10: 0.9238181240894009},
            ),
            (
                [0, 0, 1, 0, 0, 0, 0, 0, 0, 1],
                {1: 0.0, 3: 0.30657359638272924, 10: 0.48381288316677684},
            ),
            ([0, 5, 0, 0, 2.5, 0, 0, 0, 0, 0], {3: 0.4796249331362628, 5: 0.6266652738026729}),
        ],
    )
    def test_the_figures_are_those_of_scikit_learn(
        self, gains: list[float], expected: dict[int, float]
    ) -> None:
        wanted = dict(enumerate(gains))
        for k, value in expected.items():
            assert ndcg_at(range(10), wanted, k) == pytest.approx(value, abs=1e-15)

    @given(ITEMS, WANTED, st.integers(1, 12))
    def test_no_order_is_better_than_the_best(
        self, items: list[int], gains: dict[int, float], k: int
    ) -> None:
        value = ndcg_at(items, gains, k)
        best = ndcg_at(sorted(gains, key=lambda one: -gains[one]), gains, k)
        if not any(gains.values()):
            assert value is best is None
        else:
            assert best == pytest.approx(1.0)
            assert value is not None
            assert 0 <= value <= 1 + 1e-12

    @given(ITEMS, WANTED, st.integers(1, 12))
    def test_precision_counts_each_wanted_item_once(
        self, items: list[int], gains: dict[int, float], k: int
    ) -> None:
        wanted = {one for one in items[:k] if gains.get(one, 0) > 0}
        assert precision_at(items, gains, k) == len(wanted) / k

    def test_what_could_be_wanted_and_was_not_answered_counts_in_the_best(self) -> None:
        assert ndcg_at(["tea"], {"tea": 1, "mug": 1}, 10) == pytest.approx(
            1 / (1 + 1 / math.log2(3))
        )
        assert ndcg_at(["tea", "tea"], {"tea": 1}, 10) == 1.0

    def test_less_than_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="0 or more"):
            ndcg_at(["tea"], {"tea": -1}, 10)
        with pytest.raises(ValueError, match="at least 1"):
            precision_at(["tea"], {}, 0)
