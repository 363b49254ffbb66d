from __future__ import annotations

import math

import numpy as np
import pytest

from ketch.rollout.stats import Unit, Units, log_e_srm, log_e_srm_of
from ketch.rollout.stats.srm import ALARM, log_marginal

SHARES = [0.4, 0.4, 0.2]
PRINTED = [
    ([20, 17, 9], -7.028201432058012, -4.0776406466061985),
    ([18, 21, 8], -11.947847738358888, -8.265946861099877),
    ([4, 6, 4], -15.471401950257842, -11.610743519545139),
    ([18, 19, 11], -19.96484521090386, -15.781031228536165),
]
"""Counts of four days; the logarithms of both marginal likelihoods, summed over the days:
`ssrm_test/test_ssrm_test.py` of optimizely/ssrm, a prior of (1, 1, 1)."""


def ways(counts: list[int]) -> float:
    """Return the logarithm of how many sequences have these counts."""
    return math.lgamma(sum(counts) + 1) - sum(math.lgamma(count + 1) for count in counts)


def test_marginal_likelihoods_are_those_printed_day_by_day() -> None:
    prior, mismatch, planned = [1.0, 1.0, 1.0], 0.0, 0.0
    for counts, printed_mismatch, printed_planned in PRINTED:
        mismatch += ways(counts) + log_marginal(counts, prior)
        planned += ways(counts) + sum(
            count * math.log(share) for count, share in zip(counts, SHARES, strict=True)
        )
        prior = [a + count for a, count in zip(prior, counts, strict=True)]
        assert mismatch == pytest.approx(printed_mismatch, abs=1e-11)
        assert planned == pytest.approx(printed_planned, abs=1e-11)


def test_evidence_of_all_days_is_the_ratio_of_what_is_printed() -> None:
    total = [sum(day) for day in zip(*(counts for counts, _, _ in PRINTED), strict=True)]
    uniform = log_marginal(total, [1.0, 1.0, 1.0]) - sum(
        count * math.log(share) for count, share in zip(total, SHARES, strict=True)
    )
    _, mismatch, planned = PRINTED[-1]
    assert uniform == pytest.approx(mismatch - planned, abs=1e-11)


@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize("concentration", [10.0, 1_000.0])
def test_over_all_splits_the_mean_evidence_of_the_plan_is_one(
    share: float, concentration: float
) -> None:
    mean = math.fsum(
        math.comb(60, n)
        * share**n
        * (1 - share) ** (60 - n)
        * math.exp(log_e_srm([60 - n, n], [1 - share, share], concentration=concentration))
        for n in range(61)
    )
    assert mean == pytest.approx(1, abs=1e-9)


def test_a_thousand_looks_at_a_right_split_hardly_ever_alarm() -> None:
    """Research/rollout.md, 2.2: 0.03 % at 1,000 looks at a million; a χ² test at 5 %: 54 %."""
    draw = np.random.default_rng(11)
    mine = draw.binomial(1_000, 0.5, (300, 100)).cumsum(axis=1)
    looks = np.arange(1, 101) * 1_000
    chi = (2 * mine - looks) ** 2 / looks
    alarms = [
        any(
            log_e_srm([int(n - own), int(own)], [0.5, 0.5]) >= math.log(ALARM)
            for n, own in zip(looks, row, strict=True)
        )
        for row in mine
    ]
    assert np.mean(alarms) <= 1 / 300
    assert (chi > 3.841).any(axis=1).mean() > 0.25


@pytest.mark.parametrize(
    ("share", "lost", "few", "many"), [(0.1, 0.05, 60_000, 85_000), (0.1, 0.2, 4_000, 9_500)]
)
def test_lost_units_are_found_as_early_as_printed(
    share: float, lost: float, few: int, many: int
) -> None:
    """Research/rollout.md, 2.2: 5 % of a tenth at 71,000 units; 20 % at 5,000 to 9,000."""
    units = next(
        n
        for n in range(1_000, 200_000, 500)
        if log_e_srm([round(n * (1 - share)), round(n * share * (1 - lost))], [1 - share, share])
        >= math.log(ALARM)
    )
    assert few <= units <= many


def test_a_ramp_that_is_split_as_planned_at_each_step_is_no_mismatch() -> None:
    steps = [(0.01, 20_000), (0.1, 20_000), (0.5, 20_000)]
    right = [
        row
        for share, n in steps
        for row in (
            Unit(True, share, 0, round(n * share)),
            Unit(False, share, 0, round(n * (1 - share))),
        )
    ]
    assert log_e_srm_of(Units.of(right)) < 0
    lost = [row._replace(times=row.times * 9 // 10) if row.candidate else row for row in right]
    assert log_e_srm_of(Units.of(lost)) > math.log(ALARM)


def test_shares_that_are_no_plan_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a share for each of 2 arms"):
        log_e_srm([1, 2], [0.5, 0.6])
    with pytest.raises(ValueError, match="expected no units where the share is 0"):
        log_e_srm([1, 2], [0.0, 1.0])
    assert log_e_srm([0, 7], [0.0, 1.0]) == pytest.approx(0, abs=1e-9)
