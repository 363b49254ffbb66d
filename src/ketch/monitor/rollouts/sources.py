"""One log folder, read for one pair: its sealed decisions, its hot ones, its outcomes.

Every segment is read once, and every hot file as far as it goes. What is sealed between two
looks is read again from its segment, which a roster does not mind: so nothing is missed,
whatever is sealed, put together or written anew in the meantime.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ketch.monitor.decisions.erased import FILE as ERASED
from ketch.monitor.decisions.erased import Erased
from ketch.monitor.decisions.following import Brief, Follower
from ketch.monitor.rollouts.happenings import NOBODY, Happenings
from ketch.monitor.rollouts.identities import Identities, Known
from ketch.monitor.rollouts.ledgers import Ledger
from ketch.monitor.rollouts.pair import Odds, Pair, halves
from ketch.monitor.rollouts.roster import CODE_BITS, NEVER, Roster
from ketch.monitor.rollouts.sealed import TRIES, SealedUnits, Stamps, busy
from ketch.monitor.rollouts.wrong import Wrong


@dataclass
class Source:
    """A log folder.

    Args:
        log: The folder.
        pair: Whose decisions are read.
        wrong: In which ways an answer may be wrong.
        clock: Seconds of any clock that never goes back.

    Attributes:
        sealed: Its segments.
        follower: Of its hot files.
    """

    log: Path
    pair: Pair
    wrong: Sequence[Wrong]
    clock: Callable[[], float] = time.monotonic
    sealed: SealedUnits = field(init=False)
    follower: Follower = field(init=False)
    _ledger: Ledger = field(init=False)
    _stamps: Stamps = field(default_factory=dict)
    _hot: dict[Path, Identities] = field(default_factory=dict)
    _searched: set[tuple[int, int]] = field(default_factory=set)
    _erased: Erased = field(default_factory=Erased)
    _odds: dict[tuple[str, str], Odds | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sealed = SealedUnits(self.log, self.pair, self.wrong)
        self.follower = Follower(self.log, self.clock)
        self._ledger = Ledger(self.log, self.pair)
        self._erased = Erased.read(self.log)

    def close(self) -> None:
        """Let go of the outcomes."""
        self._ledger.close()

    def tell(self, happenings: Happenings) -> None:
        """Add the outcomes that were told since the last look."""
        self._ledger.tell(happenings)

    @property
    def was_erased(self) -> bool:
        """Whether a unit was erased since this source was opened."""
        if not (self.log / ERASED).exists():
            return False
        now, before = Erased.read(self.log).units, self._erased.units
        return any(moment > before.get(unit, -1) for unit, moment in now.items())

    def read(self, roster: Roster, happenings: Happenings) -> None:
        """Enter the decisions that were written since the last look.

        Raises:
            Unavailable: ``decisions/busy``: the log changes faster than it can be read.
        """
        for _ in range(TRIES):
            stamps = self.sealed.stamps()
            if stamps != self._stamps:
                self.sealed.read(roster)
                self._stamps = stamps
                self._searched.clear()
            for path, found in self.follower.new():
                self._enter(path, found, roster, happenings)
            for gone in self._hot.keys() - self.follower.files:
                del self._hot[gone]
            if self.sealed.stamps() == self._stamps:
                self._search(happenings)
                return
        raise busy(self.log)

    def _enter(
        self, path: Path, found: Sequence[Brief], roster: Roster, happenings: Happenings
    ) -> None:
        here = [one for one in found if one.route == self.pair.route]
        identities = [halves(one.id) for one in here]
        units = [NOBODY if one.unit is None else int(one.unit, 16) for one in here]
        moments, tails = np.array(identities, np.uint64).reshape(-1, 2).T
        known = Known(moments, tails, np.array(units, np.uint64))
        self._hot.setdefault(path, Identities()).add(known)
        happenings.resolve(*known)
        mine = [(one, self._odds_of(one.arm, one.shares)) for one in here if self._has(one)]
        drawn = [(one, odds) for one, odds in mine if odds is not None]
        codes = roster.codes_of([odds for _, odds in drawn])
        at = np.array([one.at for one, _ in drawn], np.int64)
        wrong = [[one.at if kind.has(one) else NEVER for one, _ in drawn] for kind in self.wrong]
        roster.see(
            np.array([int(one.unit or "0", 16) for one, _ in drawn], np.uint64),
            (at << CODE_BITS) | codes,
            np.array(wrong, np.int64).reshape(len(self.wrong), len(drawn)),
        )

    def _odds_of(self, arm: str, shares: str) -> Odds | None:
        if (arm, shares) not in self._odds:
            self._odds[arm, shares] = self.pair.odds(arm, shares)
        return self._odds[arm, shares]

    def _has(self, one: Brief) -> bool:
        if not self.pair.has(one):
            return False
        return int(one.id[:16], 16) > self._erased.units.get(one.unit or "", -1)

    def _search(self, happenings: Happenings) -> None:
        """Find out whose the decisions were that outcomes name; what is not found waits.

        It is looked for again when something is sealed; what comes hot tells by itself.
        """
        wanted = set(happenings.wanted) - self._searched
        if not wanted:
            return
        for known in (one for file in self._hot.values() for one in file.of(wanted)):
            happenings.resolve(*known)
        self._searched |= wanted
        left = wanted.intersection(happenings.wanted)
        if left and self._stamps:
            self.sealed.tell(happenings, sorted(left))
