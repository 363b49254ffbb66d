"""Minimum exposure: how much must have been seen before silence means anything."""

from __future__ import annotations

from datetime import timedelta

from ketch.rollout.stats.units import Units
from ketch.rollout.terms import MINIMUM, Exposure


def exposure(units: Units, lasted: timedelta) -> Exposure:
    """Return how much has been seen.

    Accuracy: exact counts. Source: a count.

    >>> seen = exposure(Units.of([Unit(True, 0.1, 1, 3), Unit(False, 0.1, 0, 27)]), timedelta(1))
    >>> seen.units, seen.baseline_units, seen.outcomes
    (3, 27, 3)
    """
    return Exposure(
        units=units.number(candidate=True),
        baseline_units=units.number(candidate=False),
        outcomes=int(units.times[units.outcome > 0].sum()),
        lasted=lasted,
    )


def missing(seen: Exposure, minimum: Exposure = MINIMUM) -> list[str]:
    """Return what is still missing, in words; nothing if enough was seen.

    Evidence of harm needs no minimum, for it is right at any number of units. A minimum
    keeps little traffic, or a quiet Sunday, from passing for success.

    Accuracy: exact. Source: a comparison of counts.

    >>> missing(Exposure(312, 2_790, 80, timedelta(days=2)))
    ['312 of 1,000 units have the candidate', '2.0 of 7.0 days have passed']
    """
    counts = (
        (seen.units, minimum.units, "units have the candidate"),
        (seen.baseline_units, minimum.baseline_units, "units have what it is compared with"),
        (seen.outcomes, minimum.outcomes, "outcomes have arrived"),
    )
    told = [f"{have:,} of {need:,} {what}" for have, need, what in counts if have < need]
    if seen.lasted < minimum.lasted:
        day = timedelta(days=1)
        told.append(f"{seen.lasted / day:.1f} of {minimum.lasted / day:.1f} days have passed")
    return told
