"""Whether the guard watches a route for drift: how often it looks, and at how long a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ketch.registry.reading import Reader, Reading, one_of, span
from ketch.rollout.spans import write_span
from ketch.rollout.terms import Reaction

_LEAST = timedelta(hours=1)
_REACTIONS = (Reaction.OBSERVE, Reaction.HOLD)  # what stood there before sees the same world
_READERS: Mapping[str, Reader] = {
    "window": span,
    "every": span,
    "reaction": lambda value: Reaction(one_of(*_REACTIONS)(value)),
}


@dataclass(frozen=True, slots=True)
class DriftWatch:
    """How the guard watches a route for drift.

    Attributes:
        window: The time that is looked at, up to the present; an hour at least.
        every: How often; an hour at least. Each look has its own risk of a false alarm.
        reaction: ``observe`` tells of it; ``hold`` also keeps shares from growing by themselves.
    """

    window: timedelta = timedelta(days=7)
    every: timedelta = timedelta(days=1)
    reaction: Reaction = Reaction.OBSERVE


def read_drift(given: object, reading: Reading) -> DriftWatch | None:
    """Return how a route is watched; tell what is wrong with it."""
    found = reading.table(given, _READERS, "drift")
    for name, value in found.items():
        if isinstance(value, timedelta) and value < _LEAST:
            told = write_span(value)
            reading.wrong(f"expected an hour or more, found `{told}`", f"drift.{name}")
            return None
    return DriftWatch(**found)  # type: ignore[arg-type] # each was read by its own reader


def write_drift(watch: DriftWatch) -> dict[str, object]:
    """Return it as a table of a policy."""
    return {
        "window": write_span(watch.window),
        "every": write_span(watch.every),
        "reaction": str(watch.reaction),
    }
