"""The units of a rollout, in columns: about 50 bytes each, however many answers they got.

Whatever is entered is entered by its minimum: the earliest exposure, the earliest error.
So a decision may be seen twice, late, or after later ones, and the roster is the same.

The first exposure is one number: the time in microseconds since 1970, then 12 bits for what
was drawn, and with which odds. The smaller number is the earlier exposure; of two of the same
microsecond it is the one that :func:`ketch.rollout.stats.counting.count` takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.rollouts.pair import Odds
from ketch.rollout.stats.units import Floats, Ints

CODE_BITS = 12
_MOST_CODES = 1 << CODE_BITS
NEVER = (1 << 63) - 1
_FEW = 32_768
"""Units that are kept apart, for it is quicker to insert into a short column."""

Hashes = NDArray[np.uint64]


class Roster:
    """Who was exposed, to what, and when it first went wrong.

    Args:
        kinds: How many ways there are in which an answer may go wrong.
    """

    def __init__(self, kinds: int) -> None:
        self._old, self._new = _Index(), _Index()
        self._first = np.full(0, NEVER, np.int64)
        self._wrong = np.full((kinds, 0), NEVER, np.int64)
        self._odds: list[Odds] = []
        self._size = 0
        self.version = 0

    def __len__(self) -> int:
        return self._size

    @property
    def at(self) -> Ints:
        """When each unit was exposed first, in microseconds since 1970."""
        return self._first[: self._size] >> CODE_BITS

    @property
    def codes(self) -> Ints:
        """What each unit drew: places in :attr:`candidate` and :attr:`probability`."""
        return self._first[: self._size] & (_MOST_CODES - 1)

    @property
    def size_bytes(self) -> int:
        """How much memory the columns take."""
        columns = (self._first, self._wrong, *self._old.columns, *self._new.columns)
        return sum(column.nbytes for column in columns)

    @property
    def candidate(self) -> NDArray[np.bool_]:
        """Of each code, whether it is the candidate."""
        return np.array([one.candidate for one in self._odds], np.bool_)

    @property
    def probability(self) -> Floats:
        """Of each code, how likely the candidate was."""
        return np.array([one.probability for one in self._odds], np.float64)

    def wrong(self, kind: int) -> Ints:
        """Return when each unit first had an answer that was wrong in a way."""
        return self._wrong[kind, : self._size]

    def codes_of(self, drawn: Sequence[Odds]) -> Ints:
        """Return the codes of what was drawn; they hold until others are asked for.

        Raises:
            ValueError: There are more odds than anybody sets.
        """
        for odds in set(drawn).difference(self._odds):
            self._add(odds)
        place = {odds: code for code, odds in enumerate(self._odds)}
        return np.array([place[odds] for odds in drawn], np.int64)

    def see(self, hashes: Hashes, first: Ints, wrong: Ints) -> None:
        """Enter what was read of units.

        Args:
            hashes: Of units; one may be there more than once.
            first: An exposure of each: its time, moved by the bits of its code, which it has
                in the lowest.
            wrong: When each had a wrong answer, a row for each way; else :data:`NEVER`.
        """
        if not len(hashes):
            return
        places = self._places(hashes)
        np.minimum.at(self._first, places, first)
        for column, times in zip(self._wrong, wrong, strict=True):
            some = times != NEVER
            np.minimum.at(column, places[some], times[some])
        self.version += 1

    def find(self, hashes: Hashes) -> Ints:
        """Return the places of units; -1 of one that was never exposed."""
        places = self._old.find(hashes)
        unknown = np.flatnonzero(places < 0)
        if len(self._new) and len(unknown):
            places[unknown] = self._new.find(hashes[unknown])
        return places

    def _places(self, hashes: Hashes) -> Ints:
        """Return the places of units; those that are new get one."""
        places = self.find(hashes)
        unknown = places < 0
        if unknown.any():
            new = np.unique(hashes[unknown])
            self._grow(len(new))
            self._new.add(new, np.arange(self._size, self._size + len(new), dtype=np.int64))
            self._size += len(new)
            if len(self._new) > _FEW:
                self._old.add(*self._new.columns)
                self._new = _Index()
            places[unknown] = self.find(hashes[unknown])
        return places

    def _grow(self, more: int) -> None:
        need, room = self._size + more, len(self._first)
        if need > room:
            add = max(need - room, room // 4, 1024)
            self._first = np.concatenate([self._first, np.full(add, NEVER, np.int64)])
            free = np.full((len(self._wrong), add), NEVER, np.int64)
            self._wrong = np.concatenate([self._wrong, free], axis=1)

    def _add(self, odds: Odds) -> None:
        """Give new odds a code, so that codes sort as odds do."""
        if len(self._odds) == _MOST_CODES:
            raise ValueError(f"expected at most {_MOST_CODES} different shares in one rollout")
        before, self._odds = self._odds, sorted([*self._odds, odds])
        moved = np.array([self._odds.index(one) for one in before], np.int64)
        if self._size:
            first = self._first[: self._size]
            first[:] = (first >> CODE_BITS << CODE_BITS) | moved[first & (_MOST_CODES - 1)]


class _Index:
    """From hashes to places: two columns, sorted by hash."""

    def __init__(self) -> None:
        self.columns: tuple[Hashes, Ints] = np.zeros(0, np.uint64), np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self.columns[0])

    def find(self, hashes: Hashes) -> Ints:
        known, places = self.columns
        if not len(known):
            return np.full(len(hashes), -1, np.int64)
        at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        return np.where(known[at] == hashes, places[at], -1)

    def add(self, hashes: Hashes, places: Ints) -> None:
        """Add hashes that are sorted and not there yet."""
        at = np.searchsorted(self.columns[0], hashes)
        self.columns = (
            np.insert(self.columns[0], at, hashes),
            np.insert(self.columns[1], at, places),
        )
