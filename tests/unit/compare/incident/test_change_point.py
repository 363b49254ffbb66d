"""Change points, held against a printed series, all places by hand, and series without one."""

from __future__ import annotations

from math import comb, log

import numpy as np
import pytest
from numpy.typing import NDArray

from ketch.compare.incident.change_point import change_point, likely_limit
from ketch.compare.incident.contrast import explained, stayed
from ketch.compare.incident.series import Level

NILE = """
1120 1160 963 1210 1160 1160 813 1230 1370 1140 995 935 1110 994 1020 960 1180 799 958 1140 1100
1210 1150 1250 1260 1220 1030 1100 774 840 874 694 940 833 701 916 692 1020 1050 969 831 726 456
824 702 1120 1100 832 764 821 768 845 864 862 698 845 744 796 1040 759 781 865 845 944 984 897 822
1010 771 676 649 846 812 742 801 1040 860 874 848 890 744 749 838 1050 918 986 797 923 975 815 1020
906 901 1170 912 746 919 718 714 740
"""
"""Yearly flow of the Nile at Aswan, 1871 to 1970 (Cobb, Biometrika 1978)."""


def floats(values: object) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)


def test_the_nile_fell_after_1898_by_as_much_as_is_printed() -> None:
    flow = np.array([float(one) for one in NILE.split()])
    found = change_point(flow, np.ones(100), "mean")
    assert found is not None
    assert found.is_step
    assert 1871 + found.index - 1 == 1898
    assert (round(found.before, 2), round(found.after, 2)) == (1097.75, 849.97)
    assert 1895 <= 1871 + found.first - 1 <= 1898 <= 1871 + found.last - 1 <= 1902
    assert found.p_value < 1e-10  # a t of 8.7 with 98 degrees of freedom, at one of 99 places


def test_the_place_and_its_strength_are_those_of_all_places_by_hand() -> None:
    hits, trials = (
        np.array([3, 1, 4, 1, 5, 9, 8, 11.0]),
        np.array([50, 40, 60, 30, 70, 80, 60, 90.0]),
    )

    def fit(part: slice) -> float:
        rate = hits[part].sum() / trials[part].sum()
        pairs = zip(trials[part].astype(int), hits[part].astype(int), strict=True)
        each = (comb(n, k) * rate**k * (1 - rate) ** (n - k) for n, k in pairs)
        return sum(map(log, each))

    gains = [2 * (fit(slice(at)) + fit(slice(at, None)) - fit(slice(None))) for at in range(1, 8)]
    found = change_point(hits, trials, "rate")
    assert found is not None
    assert found.index == int(np.argmax(gains)) + 1
    assert found.strength == pytest.approx(max(gains))


def test_the_limit_of_the_interval_is_the_printed_one() -> None:
    """Hansen, Econometrica 2000, table 1."""
    assert [round(likely_limit(level), 2) for level in (0.80, 0.90, 0.95, 0.99)] == [
        4.50,
        5.94,
        7.35,
        10.59,
    ]


@pytest.mark.parametrize("rate", [0.05, 0.002])
def test_series_without_a_change_seldom_show_one_and_intervals_hold_the_true_one(
    rate: float,
) -> None:
    draw = np.random.default_rng(5)
    trials = np.full(60, 200.0)
    p_values, inside = [], 0
    for seed in range(120):
        none = change_point(
            floats(draw.binomial(200, rate, 60)), trials, "rate", rounds=399, seed=seed
        )
        p_values.append(1.0 if none is None else none.p_value)
        rates = np.where(np.arange(60) < 40, rate, rate * 3)
        found = change_point(floats(draw.binomial(200, rates)), trials, "rate", rounds=19)
        inside += found is not None and found.first <= 40 <= found.last
    assert np.mean(np.array(p_values) <= 0.05) <= 0.11  # 120 at 5 %: above in 1 of 200 runs
    assert inside >= 0.9 * 120


def test_a_slow_drift_is_no_step_and_a_known_place_needs_less_evidence() -> None:
    place = np.arange(60)
    drift = change_point(floats(40 - 0.4 * place), np.full(60, 500.0), "rate")
    assert drift is not None
    assert not drift.is_step
    draw = np.random.default_rng(3)
    hits = floats(draw.binomial(300, np.where(place < 30, 0.05, 0.040)))
    anywhere = change_point(hits, np.full(60, 300.0), "rate")
    there = change_point(hits, np.full(60, 300.0), "rate", places=[30])
    assert anywhere is not None
    assert there is not None
    assert there.index == 30
    assert there.p_value < anywhere.p_value


def test_stretches_without_anything_are_passed_over() -> None:
    hits, trials = np.array([1, 0, 1, 0, 9, 0, 8, 9.0]), np.array([50, 0, 50, 0, 50, 0, 50, 50.0])
    found = change_point(hits, trials, "rate")
    assert found is not None
    assert (found.index, found.before, found.after) == (4, 0.02, 26 / 150)
    assert change_point(np.zeros(9), np.ones(9), "rate") is None
    assert change_point(np.ones(3), np.ones(3), "rate") is None
    with pytest.raises(ValueError, match="one length"):
        change_point(np.ones(3), np.ones(4), "rate")


def test_a_change_is_of_the_groups_or_of_their_shares() -> None:
    """Kitagawa's two parts, by hand: 60 % of the fall comes from the shares."""
    before = {"a": Level(80, 800), "b": Level(10, 200)}
    after = {"a": Level(35, 500), "b": Level(25, 500)}
    shares = (0.5 - 0.8) * (0.1 + 0.07) / 2 + (0.5 - 0.2) * 0.05
    assert explained(before, after) == pytest.approx(shares / (60 / 1000 - 90 / 1000))
    assert explained({"a": Level(5, 100)}, {"b": Level(1, 100)}) is None
    assert stayed(Level(50, 1000), Level(26, 500), Level(5, 500))
    assert not stayed(Level(50, 1000), Level(6, 500), Level(5, 500))
