"""From a roster and its events to units that count once, as statistics read them.

The figures are those of :func:`ketch.rollout.stats.counting.count`, to the last bit, at a
small part of its cost: a million units are a few passes over their columns.
"""

from __future__ import annotations

from datetime import timedelta
from math import fsum

import numpy as np

from ketch.monitor.rollouts.happenings import Events
from ketch.monitor.rollouts.roster import NEVER, Roster
from ketch.rollout.stats import Units, capped
from ketch.rollout.stats.units import Bools, Floats, Ints
from ketch.rollout.terms import Measure

_MICROSECOND = timedelta(microseconds=1)


def exposed(roster: Roster, now: int, *, since: int = 0) -> Units:
    """Return the units that were exposed until a time, without any outcome.

    Args:
        roster: Who was exposed.
        now: The time, in microseconds since 1970.
        since: Only those that were exposed first at that time, or later.
    """
    at = roster.at
    some = at <= now if not since else (at <= now) & (at >= since)
    return _units(roster, np.zeros(len(roster.candidate), np.int64), _by_code(roster, some))


def went_wrong(roster: Roster, kind: int, measure: Measure, now: int) -> Units:
    """Return the units, each with whether any of its answers was wrong in a way."""
    return happened(roster, first_wrong(roster, kind), measure, now)


def first_wrong(roster: Roster, kind: int) -> Events:
    """Return the first answer of each unit that was wrong in a way; later ones add nothing."""
    times = roster.wrong(kind)
    places = np.flatnonzero(times != NEVER)
    return Events(places, times[places], np.ones(len(places)))


def happened(roster: Roster, events: Events, measure: Measure, now: int) -> Units:
    """Return the units, each with whether an event of its window has happened."""
    some = inside(roster, events, measure, now) & (events.values > 0)
    won = np.zeros(len(roster), np.bool_)
    won[events.places[some]] = True
    return _units(roster, _by_code(roster, won), _by_code(roster, roster.at <= now))


def summed(roster: Roster, events: Events, measure: Measure, now: int) -> Units:
    """Return the units whose window has closed, each with the count or the sum of its events."""
    window = microseconds_of(measure.window)
    closed = roster.at + window <= now
    some = inside(roster, events, measure, now) & closed[events.places]
    values = np.ones(int(some.sum())) if measure.kind == "count" else events.values[some]
    places, sums = totals(events.places[some], values)
    rest = closed.copy()
    rest[places] = False
    zeros, codes = _by_code(roster, rest), roster.codes[places]
    return Units.grouped(
        np.concatenate([roster.candidate, roster.candidate[codes]]),
        np.concatenate([roster.probability, roster.probability[codes]]),
        np.concatenate([np.zeros(len(zeros)), capped(sums, measure.cap)]),
        np.concatenate([zeros, np.ones(len(places), np.int64)]),
    )


def inside(roster: Roster, events: Events, measure: Measure, now: int) -> Bools:
    """Return which events lie in the windows of their units."""
    first = roster.at[events.places]
    window = microseconds_of(measure.window)
    return (events.at >= first) & (events.at < first + window) & (events.at <= now)


def microseconds_of(window: timedelta) -> int:
    """Return how long a window is, in microseconds."""
    return window // _MICROSECOND


def totals(places: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Return the sum of the values of each place, rounded once, whatever their order."""
    order = np.argsort(places, kind="stable")
    places, values = places[order], values[order]
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    sizes = np.diff(starts, append=len(places))
    sums = np.add.reduceat(values, starts) if len(starts) else values
    for index in np.flatnonzero(sizes > 2):  # of two, a sum has one rounding anyway
        sums[index] = fsum(values[starts[index] : starts[index] + sizes[index]])
    return places[starts], sums


def _units(roster: Roster, won: Ints, everybody: Ints) -> Units:
    candidate, probability = roster.candidate, roster.probability
    return Units.grouped(
        np.concatenate([candidate, candidate]),
        np.concatenate([probability, probability]),
        np.repeat([1.0, 0.0], len(candidate)),
        np.concatenate([won, everybody - won]),
    )


def _by_code(roster: Roster, some: Bools) -> Ints:
    """Return how many of some units have each code."""
    counts: Ints = np.bincount(roster.codes[some], minlength=len(roster.candidate))
    return counts
