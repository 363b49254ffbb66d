"""From exposures and events to units that count once.

A reference for whoever counts in a database: whatever order, however often and however late
exposures and events come, the units are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from math import fsum
from typing import NamedTuple

from ketch.rollout.stats.capping import capped
from ketch.rollout.stats.units import Units
from ketch.rollout.terms import Measure


class Exposed(NamedTuple):
    """One answer that a unit got by chance: never a forced, shadow or held-out one.

    Attributes:
        unit: Who got it.
        at: When.
        candidate: Whether the candidate gave it.
        probability: That the candidate would give it, at that time.
    """

    unit: str
    at: datetime
    candidate: bool
    probability: float


class Event(NamedTuple):
    """Something that happened to a unit.

    Attributes:
        unit: To whom.
        at: When it happened, not when it was told.
        key: Says which event it is; one that is told twice counts once.
        amount: Of money; of anything else, above 0 means that it happened.
    """

    unit: str
    at: datetime
    key: str
    amount: float = 1.0


def count(
    exposures: Iterable[Exposed], events: Iterable[Event], measure: Measure, *, now: datetime
) -> Units:
    """Return the units of a rollout, each with one outcome.

    - A unit has the arm and the probability of its first exposure, even if it moves later.
    - What happened stays so: money that was given back undoes no purchase, for a bet was made
      on it. With ``amount`` it counts.
    - Events before it, after its window, or of units that were never exposed do not count.
    - With ``count`` and ``amount``, a unit enters when its window has closed. If a sum entered
      that can still grow, bets would be made on arms that have been seen already.

    Accuracy: exact; the same for every order of what it is given. Source: intention to
    treat; section "each unit once" of :mod:`ketch.rollout.stats.units`.

    >>> from datetime import timedelta
    >>> noon = datetime(2026, 3, 1, 12)
    >>> day, hour = timedelta(days=1), timedelta(hours=1)
    >>> seen = [Exposed("ana", noon, True, 0.1), Exposed("ana", noon + day, False, 0.0)]
    >>> bought = [Event("ana", noon + hour, "order-1"), Event("ana", noon + hour, "order-1")]
    >>> count(seen, bought, Measure("happened", 7 * day), now=noon + day).rows()
    [Unit(candidate=True, probability=0.1, outcome=1.0, times=1)]
    """
    first: dict[str, Exposed] = {}
    for one in exposures:
        if one.at <= now and one[1:] <= first.get(one.unit, one)[1:]:
            first[one.unit] = one
    amounts = _amounts(first, events, measure, now)
    counted = [
        one
        for one in first.values()
        if measure.kind == "happened" or one.at + measure.window <= now
    ]
    sums = [amounts.get(one.unit, 0.0) for one in counted]
    outcomes = sums if measure.kind == "happened" else capped(sums, measure.cap)
    return Units.grouped(
        [one.candidate for one in counted], [one.probability for one in counted], outcomes
    )


def _amounts(
    first: dict[str, Exposed], events: Iterable[Event], measure: Measure, now: datetime
) -> dict[str, float]:
    seen: set[Event] = set()
    for event in events:
        exposed = first.get(event.unit)
        if exposed and exposed.at <= event.at < exposed.at + measure.window and event.at <= now:
            seen.add(event)
    found: dict[str, list[float]] = {}
    for event in seen:
        found.setdefault(event.unit, []).append(event.amount)
    return {unit: _outcome(measure, amounts) for unit, amounts in found.items()}


def _outcome(measure: Measure, amounts: list[float]) -> float:
    """Return what some events of a unit amount to, whatever order they are in."""
    if measure.kind == "happened":
        return float(any(amount > 0 for amount in amounts))  # money back undoes no purchase
    return float(len(amounts)) if measure.kind == "count" else fsum(amounts)
