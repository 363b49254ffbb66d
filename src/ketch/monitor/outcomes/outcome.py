"""One outcome: what the business saw later of a decision, or of a unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is told of a decision or of a unit: it bought, it failed, it spent so much.

    Attributes:
        route: The route whose answers it is an outcome of.
        name: What happened, such as ``purchase``; a policy names it.
        at: When it happened, not when it is told; None for when it is recorded.
        key: Says which event it is, among all of this name on this route: told again it
            counts once. None for the decision, or for the unit together with ``at``.
        value: How much: an amount of money, a number of pages; 1 for something that happened.
        label: What would have been right, or anything else in JSON form; None for nothing.
        decision: The decision that it came of; an answer names it as ``Ketch-Decision``.
        unit: To whom it happened, where no decision is known. Only a keyed hash is written.
    """

    route: str
    name: str
    at: datetime | None = None
    key: str | None = None
    value: float = 1.0
    label: object = None
    decision: str | None = None
    unit: str | None = None


class Entry(NamedTuple):
    """One outcome as it lies on the disk.

    Attributes:
        seq: Its number, in the order in which outcomes were recorded; not without gaps.
        route, name, key, value: As they were told; the key is never empty.
        at: When it happened, in microseconds since 1970.
        told: When it was recorded, the same.
        label: As JSON text; None for nothing.
        decision: The decision that it came of, or None.
        unit: The keyed hash of the unit, 16 hexadecimal digits, or None.
    """

    seq: int
    route: str
    name: str
    key: str
    at: int
    told: int
    value: float
    label: str | None
    decision: str | None
    unit: str | None


class Recorded(NamedTuple):
    """What became of outcomes that were told.

    Attributes:
        new: How many are on the disk now that were not before.
        known: How many were there already, each counted once.
    """

    new: int
    known: int


def microseconds(when: datetime) -> int:
    """Return the microseconds since 1970 of a time that has a zone."""
    return (when - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """Return the time, in UTC, of microseconds since 1970."""
    return _EPOCH + at * _MICROSECOND
