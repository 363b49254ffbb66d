"""The outcomes that were told of a route, in columns, each of the unit that it happened to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.rollouts.roster import Hashes, Roster
from ketch.rollout.stats.units import Floats, Ints

NOBODY = 0
"""In place of the hash of a unit, as long as nobody knows whose a decision was."""


class Told(NamedTuple):
    """One outcome.

    Attributes:
        name, key: Its name, and which event it is.
        at, told: When it happened and when it was told, in microseconds since 1970.
        value: How much.
        moment, tail: The halves of the identity of its decision; 0 where none is named.
        unit: The keyed hash of the unit; :data:`NOBODY` where none is named.
    """

    name: str
    key: str
    at: int
    told: int
    value: float
    moment: int
    tail: int
    unit: int


@dataclass(frozen=True, slots=True)
class Events:
    """Outcomes of one name, each of one unit that was exposed.

    Attributes:
        places: Of the units, in the roster.
        at: When each happened, in microseconds since 1970.
        values: How much.
    """

    places: Ints
    at: Ints
    values: Floats


class Happenings:
    """Outcomes of some names; nothing but what counting needs is kept of them.

    Args:
        names: Of the outcomes.
        several: Whether they come from several ledgers, where the same may be told twice.
    """

    def __init__(self, names: Sequence[str], *, several: bool) -> None:
        self._named = {name: _Named() for name in names}
        self._waiting: dict[tuple[int, int], list[tuple[_Named, int]]] = {}
        self._several = several
        self.version = 0

    def add(self, told: Sequence[Told]) -> None:
        """Add outcomes; those of names that nobody asks for are passed by."""
        for name, named in self._named.items():
            mine = [one for one in told if one.name == name]
            start = named.add(mine, with_keys=self._several)
            self.version += bool(mine)
            for index, one in enumerate(mine, start):
                if one.unit == NOBODY:
                    self._waiting.setdefault((one.moment, one.tail), []).append((named, index))

    @property
    def wanted(self) -> tuple[tuple[int, int], ...]:
        """The decisions whose units are not known yet."""
        return tuple(self._waiting)

    def resolve(self, moments: Hashes, tails: Hashes, units: Hashes) -> None:
        """Tell whose some decisions were; 0 is a unit that nobody named."""
        if not self._waiting:
            return
        for *decision, unit in zip(moments.tolist(), tails.tolist(), units.tolist(), strict=True):
            for named, index in self._waiting.pop(tuple(decision), ()):
                named.set_unit(index, unit)
                self.version += 1

    def of(self, name: str, roster: Roster) -> Events:
        """Return the outcomes of a name that happened to units of the roster."""
        events = self._named[name].events(roster)
        return events if not self._several else self._named[name].once(events)

    def latest(self, name: str) -> int | None:
        """Return when an outcome of a name was told last; None if never."""
        return self._named[name].latest

    @property
    def size_bytes(self) -> int:
        """How much memory the columns take."""
        return sum(named.size_bytes for named in self._named.values())

    def names(self) -> Iterator[str]:
        """Yield the names that are counted."""
        yield from self._named


class _Named:
    """The outcomes of one name."""

    def __init__(self) -> None:
        self._size = 0
        self._unit = np.zeros(0, np.uint64)
        self._at = np.zeros(0, np.int64)
        self._value = np.zeros(0, np.float64)
        self._key = np.zeros(0, np.uint64)
        self._place = np.zeros(0, np.int64)
        self._seen = -1
        self.latest: int | None = None

    def add(self, told: Sequence[Told], *, with_keys: bool) -> int:
        """Add outcomes; return the index of the first."""
        start, self._size = self._size, self._size + len(told)
        if not told:
            return start
        _, keys, at, when, values, _, _, units = zip(*told, strict=True)
        self._reserve(with_keys=with_keys)
        mine = slice(start, self._size)
        self._unit[mine], self._at[mine], self._value[mine] = units, at, values
        self._place[mine] = -1
        if with_keys:
            self._key[mine] = [_key(key) for key in keys]
        self.latest = max(when) if self.latest is None else max(self.latest, *when)
        self._seen = -1
        return start

    def set_unit(self, index: int, unit: int) -> None:
        self._unit[index] = unit
        self._seen = -1

    def events(self, roster: Roster) -> Events:
        if self._seen != len(roster):
            units, places = self._unit[: self._size], self._place[: self._size]
            lost = np.flatnonzero((places < 0) & (units != NOBODY))
            places[lost] = roster.find(units[lost])
            self._seen = len(roster)
        some = self._found()
        return Events(self._place[some], self._at[some], self._value[some])

    def once(self, events: Events) -> Events:
        """Return each event once, by its key: the earliest of those that share one."""
        keys = self._key[self._found()]
        order = np.lexsort((events.values, events.at, keys))
        new = np.ones(len(order), np.bool_)
        new[1:] = np.diff(keys[order]) != 0
        kept = order[new]
        return Events(events.places[kept], events.at[kept], events.values[kept])

    @property
    def size_bytes(self) -> int:
        columns = (self._unit, self._at, self._value, self._key, self._place)
        return sum(column.nbytes for column in columns)

    def _found(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._place[: self._size] >= 0)

    def _reserve(self, *, with_keys: bool) -> None:
        add = self._size - len(self._unit)
        if add > 0:
            add = max(add, self._size // 4, 256)
            for name in ("_unit", "_at", "_value", "_place", *(("_key",) if with_keys else ())):
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.zeros(add, column.dtype)]))


def _key(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest())
