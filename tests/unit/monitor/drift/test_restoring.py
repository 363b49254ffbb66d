"""Rows given back what they were, and changed in nothing else."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.monitor.drift.profiled import profile

from ketch.monitor.drift.measures.spread import Spread, spreads
from ketch.monitor.drift.restoring import restored_numbers, restored_values
from ketch.tables.frequent import Plain

Shares = dict[Plain | None, float]


def spread(values: list[float]) -> Spread:
    (found,) = spreads([profile("x", values)])
    return found


def test_numbers_lie_as_the_reference_and_keep_their_order() -> None:
    draw = np.random.default_rng(1)
    was, now = draw.normal(0, 1, 20_000), draw.gamma(2, 30, 1_000)
    found = restored_numbers(now.tolist(), spread(was.tolist()), 0.0, Random(1))
    restored = np.array(found, dtype=float)
    assert (np.diff(restored[np.argsort(now)]) >= 0).all()
    ranks = np.linspace(0.05, 0.95, 19)
    gaps = np.quantile(restored, ranks) - np.quantile(was, ranks)
    assert np.abs(gaps).max() < 0.05


def test_nothing_is_the_smallest_number() -> None:
    values = [None, None, None, None, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    few = restored_numbers(values, spread([1.0, 2.0] * 50), 0.1, Random(1))
    assert sum(one is None for one in few) == 1
    assert few[4:] == [1.0, 1.0, 2.0, 2.0, 2.0, 2.0]
    many = restored_numbers(values, spread([1.0, 2.0] * 50), 0.6, Random(1))
    assert [one is None for one in many] == [True] * 6 + [False] * 4


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=200),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
)
def test_values_that_are_as_frequent_as_they_ought_to_be_stay(
    values: list[str], weights: list[int]
) -> None:
    counts = Counter(values)
    same: Shares = {one: count / len(values) for one, count in counts.items()}
    assert restored_values(values, same, Random(1)) == values
    wanted: Shares = {
        one: weight / sum(weights) for one, weight in zip("abc", weights, strict=True)
    }
    found = restored_values(values, wanted, Random(1))
    for before, after in zip(values, found, strict=True):
        lost = counts[before] / len(values) > wanted[before]
        assert before == after or lost, "only what is too frequent may change"


def test_values_come_as_often_as_in_the_reference() -> None:
    now = ["new"] * 500 + ["red"] * 400 + [None] * 100
    found = restored_values(now, {"red": 0.6, "blue": 0.38, None: 0.02}, Random(1))
    counts = Counter(found)
    assert counts["new"] == 0
    assert counts["red"] / 1_000 == pytest.approx(0.6, abs=0.04)
    assert counts["blue"] / 1_000 == pytest.approx(0.38, abs=0.04)
    assert counts[None] / 1_000 == pytest.approx(0.02, abs=0.02)
    assert all(one == "red" for one in found[500:900])
