"""What each arm has of each measure, and what the usual tests say of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from ketch.monitor.rollouts.arms import ArmReport, Rate
from ketch.monitor.rollouts.census import Census
from ketch.rollout.stats import FixedHorizon, Sample, Units, rate_interval, welch, z_test
from ketch.rollout.terms import Guardrail


def arms_of(
    census: Census,
    shares: Mapping[str, float],
    counted: Mapping[Guardrail, Units],
    primary: Guardrail | None,
    at: datetime,
) -> tuple[ArmReport, ...]:
    """Return the arms of a pair, with what each of them has.

    Args:
        census: The pair.
        shares: Of all units, by arm.
        counted: The units of each guardrail.
        primary: The guardrail that decides.
        at: As of when.
    """
    exposed = census.exposed(at)
    return tuple(
        ArmReport(
            side.arm,
            side.package,
            side.digest,
            shares.get(side.arm, 0.0),
            exposed.number(candidate=mine),
            {one.metric: rate_of(one, counted[one], candidate=mine) for one in census.guardrails},
            None if primary is None else primary.metric,
        )
        for side, mine in zip(census.pair.sides, (True, False), strict=False)
    )


def rate_of(guardrail: Guardrail, units: Units, *, candidate: bool) -> Rate:
    """Return what one arm has of a measure."""
    number = units.number(candidate=candidate)
    outcomes = units.with_outcome().number(candidate=candidate)
    if guardrail.measure.kind == "happened":
        rate = outcomes / number if number else None
        return Rate(number, outcomes, rate, rate_interval(outcomes, number) if number else None)
    total = units.total(candidate=candidate) * guardrail.measure.cap
    return Rate(number, outcomes, total / number if number else None, None)


def fixed_of(guardrail: Guardrail, units: Units) -> FixedHorizon:
    """Return what the usual test says, in the unit of the outcome."""
    if guardrail.measure.kind != "happened":
        theirs, mine = (_sample(guardrail, units, candidate=one) for one in (False, True))
        return welch(theirs, mine)
    counts = [
        (units.with_outcome().number(candidate=one), units.number(candidate=one))
        for one in (False, True)
    ]
    return z_test(*counts)


def _sample(guardrail: Guardrail, units: Units, *, candidate: bool) -> Sample:
    mine = units.candidate == candidate
    values, times = units.outcome[mine] * guardrail.measure.cap, units.times[mine]
    number = int(times.sum())
    if number < 2:  # one has no variance
        return Sample(number, float((values * times).sum()), 0.0)
    mean = float((values * times).sum()) / number
    spread = float((np.square(values - mean) * times).sum()) / (number - 1)
    return Sample(number, mean, spread)
