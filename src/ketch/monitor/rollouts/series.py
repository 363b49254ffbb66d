"""How a lift came about: the same figures as of some forty times, at the cost of one look.

A unit enters at its first exposure, and has its outcome from when it happened on; of amounts
and counts it enters when its window has closed. So each unit is put once into the stretch of
time in which it enters, and the stretches are added up.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from ketch.monitor.outcomes.outcome import instant, microseconds
from ketch.monitor.rollouts import counting
from ketch.monitor.rollouts.arms import Point
from ketch.monitor.rollouts.census import Census
from ketch.rollout.stats import Units, capped, lift
from ketch.rollout.stats.units import Floats, Ints
from ketch.rollout.terms import Guardrail

POINTS = 40
STEPS = 256
"""Into how many steps amounts are rounded, which the eye does not see and computing does."""


def series(
    census: Census, guardrail: Guardrail, until: datetime, points: int = POINTS
) -> tuple[Point, ...]:
    """Return the lift as of evenly spaced times, from the first exposure on.

    Args:
        census: The units.
        guardrail: What is measured.
        until: The last time.
        points: How many times.
    """
    at, last = census.roster.at, microseconds(until)
    begun = int(at.min()) if len(at) else last
    if begun >= last or points < 1:
        return ()
    times = np.linspace(begun, last, points + 1).astype(np.int64)[1:]
    at_once = guardrail.measure.kind == "happened"
    codes, outcomes, stretches = (_happened if at_once else _summed)(census, guardrail, times)
    enters = at if at_once else at + counting.microseconds_of(guardrail.measure.window)
    entered = _added(census.roster.codes, enters, times, len(census.roster.candidate))
    exposed = np.searchsorted(np.sort(at), times, side="right")
    return tuple(
        Point(instant(int(time)), int(units), lift(_units(census, codes, outcomes, seen, there)))
        for time, units, seen, there in zip(
            times, exposed, _grown(stretches), _grown(entered), strict=True
        )
    )


def _happened(census: Census, guardrail: Guardrail, times: Ints) -> tuple[Ints, Floats, Ints]:
    """Return what each row is, and how many units with the outcome each stretch adds to it."""
    roster, events = census.roster, census.events(guardrail)
    inside = counting.inside(roster, events, guardrail.measure, int(times[-1]))
    some = inside & (events.values > 0)
    first = np.full(len(roster), np.iinfo(np.int64).max, np.int64)
    np.minimum.at(first, events.places[some], events.at[some])
    places = np.flatnonzero(first <= times[-1])
    codes = np.arange(len(roster.candidate))
    added = _added(roster.codes[places], first[places], times, len(codes))
    return codes, np.ones(len(codes)), added


def _summed(census: Census, guardrail: Guardrail, times: Ints) -> tuple[Ints, Floats, Ints]:
    roster, events, measure = census.roster, census.events(guardrail), guardrail.measure
    inside = counting.inside(roster, events, measure, int(times[-1]))
    values = np.ones(len(events.at)) if measure.kind == "count" else events.values
    places, sums = counting.totals(events.places[inside], values[inside])
    steps = np.round(capped(sums, measure.cap) * STEPS).astype(np.int64)
    rows, row_of = np.unique(roster.codes[places] * (STEPS + 1) + steps, return_inverse=True)
    closed = roster.at[places] + counting.microseconds_of(measure.window)
    added = _added(row_of, closed, times, len(rows))
    return rows // (STEPS + 1), rows % (STEPS + 1) / STEPS, added


def _added(rows: Ints, when: Ints, times: Ints, number: int) -> Ints:
    """Return how many units each stretch of time adds to each row."""
    stretch = np.searchsorted(times, when, side="left")
    kept = stretch < len(times)
    flat = stretch[kept] * number + rows[kept]
    counts: Ints = np.bincount(flat, minlength=len(times) * number)
    return counts.reshape(len(times), number)


def _grown(stretches: Ints) -> Ints:
    grown: Ints = stretches.cumsum(axis=0)
    return grown


def _units(census: Census, codes: Ints, outcomes: Floats, times: Ints, entered: Ints) -> Units:
    """Return the units with an outcome, and all others that entered, without one."""
    roster = census.roster
    some = np.bincount(codes, times, len(entered)).astype(np.int64)
    return Units.grouped(
        np.concatenate([roster.candidate[codes], roster.candidate]),
        np.concatenate([roster.probability[codes], roster.probability]),
        np.concatenate([outcomes, np.zeros(len(entered))]),
        np.concatenate([times, entered - some]),
    )
