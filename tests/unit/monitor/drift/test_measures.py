"""Each measure against figures that are known otherwise, and against chance alone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from math import comb
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.monitor.drift.profiled import profile

from ketch.monitor.drift.holm import holm
from ketch.monitor.drift.measures.categories import categories_p_value, l_infinity
from ketch.monitor.drift.measures.ks import ks_distance, ks_p_value, noise
from ketch.monitor.drift.measures.outside import outside_p_value, outside_shares
from ketch.monitor.drift.measures.psi import decile_psi, psi
from ketch.monitor.drift.measures.rates import rate_p_value
from ketch.monitor.drift.measures.spread import SKETCH_ERROR, Spread, spreads
from ketch.monitor.drift.measures.unseen import unseen_p_value, unseen_share
from ketch.monitor.drift.measures.wasserstein import distance
from ketch.tables.frequent import Plain


def pair(before: list[float], after: list[float]) -> tuple[Spread, Spread]:
    one, other = spreads(profile("x", values) for values in (before, after))
    return one, other


def normal(mean: float, width: float, count: int, seed: int) -> list[float]:
    return list(map(float, np.random.default_rng(seed).normal(mean, width, count)))


def counted(counts: Iterable[int]) -> dict[Plain, int]:
    return {str(at): int(count) for at, count in enumerate(counts) if count}


class TestNumbers:
    def test_distances_of_normals_are_those_of_the_formulas(self) -> None:
        """KS 2Φ(½) - 1 = .3829 and W1 = 1 between N(0, 1) and N(1, 1); W1 = 4 for N(-4, 1)."""
        near = pair(normal(0, 1, 40_000, 1), normal(1, 1, 40_000, 2))
        assert ks_distance(*near) == pytest.approx(0.3829, abs=0.01)
        assert distance(*near) == pytest.approx(1, abs=0.02)
        far = pair(normal(0, 1, 40_000, 1), normal(-4, 1, 40_000, 3))
        assert distance(*far) == pytest.approx(4, abs=0.03)

    def test_a_sketch_tells_the_distance_within_its_error(self) -> None:
        draw = np.random.default_rng(4)
        before, after = draw.lognormal(0, 1.5, 20_000), draw.lognormal(0.2, 1.5, 20_000)
        at = np.sort(np.concatenate([before, after]))
        ranks = [np.searchsorted(np.sort(one), at, "right") / len(one) for one in (before, after)]
        exact = float(np.abs(ranks[0] - ranks[1]).max())
        found = ks_distance(*pair(before.tolist(), after.tolist()))
        assert found == pytest.approx(exact, abs=2 * SKETCH_ERROR)

    def test_what_many_rows_have_is_a_number_of_many_ranks(self) -> None:
        draw = np.random.default_rng(6)
        values = np.where(draw.random(20_000) < 0.4, 0.0, draw.lognormal(0, 1, 20_000))
        (found,) = spreads([profile("x", values.tolist())])
        assert found.sketch is not None
        numbers = found.quantiles(np.linspace(0, 1, 2_001))
        assert (np.diff(numbers) >= 0).all()
        assert float(np.mean(numbers == 0)) == pytest.approx(0.4, abs=SKETCH_ERROR)

    def test_few_values_are_compared_exactly(self) -> None:
        was, now = pair([1.0] * 30 + [2.0] * 70, [1.0] * 10 + [2.0] * 60 + [3.0] * 30)
        assert was.sketch is None
        assert ks_distance(was, now) == pytest.approx(0.3)
        assert now.quantiles(np.array([0.0, 0.1, 0.11, 0.7, 0.71, 1.0])).tolist() == [
            *(1.0, 1.0, 2.0, 2.0, 3.0, 3.0)
        ]

    def test_the_index_of_known_shares_is_known(self) -> None:
        assert psi([0.25] * 4, [0.25] * 4) == 0
        assert psi([0.5, 0.5], [0.75, 0.25]) == pytest.approx(0.274653, abs=1e-6)
        moved = pair(normal(0, 1, 40_000, 1), normal(0.5, 1, 40_000, 2))
        assert decile_psi(*moved) == pytest.approx(0.245, abs=0.02)  # 0.25, in ten bins

    def test_numbers_beyond_the_reference_are_counted(self) -> None:
        was, now = pair([float(one) for one in range(500)], [one * 1.1 for one in range(500)])
        below, above = outside_shares(was, now)
        assert below == 0
        assert above == pytest.approx(1 / 11, abs=0.005)
        assert outside_p_value((below, above), 500, 500) < 1e-9
        assert outside_shares(was, was) == (0, 0)

    def test_what_lies_at_the_end_of_the_reference_is_not_beyond_it(self) -> None:
        capped = [min(100.0, one) for one in normal(90, 12, 4_000, 7)]
        floored = [-one for one in capped]
        assert max(outside_shares(*pair(capped, [*capped, 101.0]))) < 0.001
        assert max(outside_shares(*pair(floored, [*floored, -101.0]))) < 0.001


class TestRates:
    def test_the_exact_test_adds_up_what_is_enumerated(self) -> None:
        for n, m in ((4, 6), (7, 7), (1, 9)):
            for a, b in product(range(n + 1), range(m + 1)):
                k = a + b
                chances = [
                    comb(n, x) * comb(m, k - x) / comb(n + m, k) if x <= k else 0.0
                    for x in range(n + 1)
                ]
                tails = sum(chances[: a + 1]), sum(chances[a:])
                expected = 1.0 if k in (0, n + m) else min(1.0, 2 * min(tails))
                assert rate_p_value(a, n, b, m) == pytest.approx(expected)

    def test_many_rows_are_as_exact(self) -> None:
        """SciPy's hypergeom: 2 · cdf(9800; 2 000 000, 20 100, 1 000 000)."""
        assert rate_p_value(9_800, 10**6, 10_300, 10**6) == pytest.approx(4.0368807e-4, rel=1e-6)

    def test_the_value_that_moved_is_named(self) -> None:
        """The two figures are those of NannyML's own test of its L-infinity distance."""
        new = l_infinity({"a": 2, "b": 2, "c": 2}, {"a": 2, "b": 2, "c": 2, "d": 1})
        assert (new.value, round(new.distance, 2)) == ("d", 0.14)
        total = l_infinity({"a": 2, "b": 2, "c": 2}, {"b": 5})
        assert (total.value, round(total.distance, 2)) == ("b", 0.67)

    def test_unseen_values_are_counted(self) -> None:
        assert unseen_share({"a": 1, "b": 9}, {"a": 5, "c": 5}) == 0.5
        assert unseen_p_value({"a": 500, "b": 500}, {"a": 450, "b": 450, "c": 100}) < 1e-20
        assert unseen_p_value({"a": 5}, {"a": 9}) == 1

    def test_a_small_reference_may_lack_what_is_common_by_chance(self) -> None:
        """C(10 000, 200)/C(10 100, 200): all rows of the value are among the live ones."""
        exact = comb(10_000, 200) / comb(10_100, 200)
        found = unseen_p_value({"a": 100}, {"a": 9_800, "b": 200})
        assert found == pytest.approx(exact, rel=1e-6)


class TestChance:
    """With nothing but chance, a p-value of 5 % or less comes in 5 % of looks at most."""

    RUNS = 400

    def _rate(self, p_values: list[float]) -> float:
        return sum(one <= 0.05 for one in p_values) / self.RUNS

    def test_no_measure_is_surprised_more_often_than_it_says(self) -> None:
        draw, found = (
            np.random.default_rng(8),
            {name: list[float]() for name in ("k", "c", "u", "o")},
        )
        weights = np.array([2.0 ** -min(at, 9) for at in range(40)])  # a long tail of rare values
        for _ in range(self.RUNS):
            numbers = [draw.normal(0, 1, count).tolist() for count in (300, 200)]
            was, now = pair(*numbers)
            found["k"].append(ks_p_value(ks_distance(was, now), 300, 200))
            found["o"].append(outside_p_value(outside_shares(was, now), 300, 200))
            values = [draw.multinomial(count, weights / weights.sum()) for count in (120, 200)]
            before, after = (counted(one) for one in values)
            moved = l_infinity(before, after).value
            found["c"].append(categories_p_value(before, after, moved))
            found["u"].append(unseen_p_value(before, after))
        rates = {name: self._rate(one) for name, one in found.items()}
        assert max(rates.values()) <= 0.05, rates
        assert rates["k"] > 0.005, "a bound that never fires would tell nothing"

    def test_noise_is_where_the_p_value_says(self) -> None:
        edge = noise(1e-4, 3_000, 900)
        assert ks_p_value(edge, 3_000, 900) == pytest.approx(1e-4)
        assert noise(1e-4, 10, 10) == 1
        assert noise(0.01, 0, 10) == 1

    @given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.2))
    def test_holm_rejects_no_less_than_bonferroni_and_no_more_than_each(
        self, p_values: list[float], risk: float
    ) -> None:
        found = holm(p_values, risk)
        for p_value, rejected in zip(p_values, found, strict=True):
            assert rejected or p_value > risk / len(p_values)
            assert not rejected or p_value <= risk


def test_seeds_of_the_standard_library_stay_out_of_it() -> None:
    """A measure draws nothing: the same profiles give the same figures."""
    chance = Random(3)
    values = [chance.random() for _ in range(500)]
    assert [ks_distance(*pair(values, values[::2])) for _ in range(2)] == [
        ks_distance(*pair(values, values[::2]))
    ] * 2
