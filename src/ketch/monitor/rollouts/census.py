"""The units of two packages and what became of them, kept up with the logs they are read from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ketch.monitor.decisions.keyed import have_one_key
from ketch.monitor.outcomes.outcome import instant, microseconds
from ketch.monitor.rollouts import counting
from ketch.monitor.rollouts.happenings import Events, Happenings
from ketch.monitor.rollouts.pair import Pair
from ketch.monitor.rollouts.roster import Roster
from ketch.monitor.rollouts.sources import Source
from ketch.monitor.rollouts.wrong import Wrong
from ketch.rollout.stats import Units
from ketch.rollout.terms import MEASURED, Guardrail


class Census:
    """Counts the units of two packages, each once; to be closed.

    All that was written until it is made is counted when it is made; :meth:`catch_up` adds
    what came since. Either way the units are the same, to the last bit.

    Args:
        pair: The two packages.
        guardrails: What is measured of their units.
        logs: The folders of the decision logs, one for each gateway.
        clock: Seconds of any clock that never goes back.

    Raises:
        Unavailable: ``decisions/busy``, ``outcomes/…``, ``disk/…``.
    """

    def __init__(
        self,
        pair: Pair,
        guardrails: Sequence[Guardrail],
        logs: Sequence[Path],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pair, self.guardrails, self.logs = pair, tuple(guardrails), tuple(logs)
        self._clock = clock
        self._wrong = tuple(Wrong.of(one) for one in guardrails if one.metric in MEASURED)
        self._names = tuple(one.metric for one in guardrails if one.metric not in MEASURED)
        self._sources: list[Source] = []
        self._loaded = 0
        self._load()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all files."""
        for source in self._sources:
            source.close()

    def catch_up(self) -> None:
        """Count what was written since the last time.

        Raises:
            Unavailable: ``decisions/busy``, ``outcomes/…``, ``disk/…``.
        """
        if any(source.was_erased for source in self._sources):
            self._load()  # what was forgotten can only be left out
            return
        for source in self._sources:
            source.tell(self.happenings)
        for source in self._sources:
            source.read(self.roster, self.happenings)

    def units(self, guardrail: Guardrail, now: datetime) -> Units:
        """Return the units, each with its outcome, as they are known of a time."""
        at, measure = microseconds(now), guardrail.measure
        if guardrail.metric in MEASURED:
            return counting.went_wrong(self.roster, self._kind(guardrail), measure, at)
        events = self.happenings.of(guardrail.metric, self.roster)
        count = counting.happened if measure.kind == "happened" else counting.summed
        return count(self.roster, events, measure, at)

    def exposed(self, now: datetime, since: datetime | None = None) -> Units:
        """Return the units that were exposed until a time, without outcomes.

        Args:
            now: The time.
            since: Only those that were exposed first at that time, or later.
        """
        begun = 0 if since is None else microseconds(since)
        return counting.exposed(self.roster, microseconds(now), since=begun)

    def events(self, guardrail: Guardrail) -> Events:
        """Return the events of a guardrail: outcomes, or first answers that were wrong."""
        if guardrail.metric in MEASURED:
            return counting.first_wrong(self.roster, self._kind(guardrail))
        return self.happenings.of(guardrail.metric, self.roster)

    @property
    def version(self) -> tuple[int, int, int]:
        """Another one as soon as anything new was counted."""
        return self._loaded, self.roster.version, self.happenings.version

    @property
    def size_bytes(self) -> int:
        """How much memory the columns of units and outcomes take."""
        return self.roster.size_bytes + self.happenings.size_bytes

    @property
    def began(self) -> datetime | None:
        """When the first unit was exposed; None as long as there is none."""
        at = self.roster.at
        return instant(int(at.min())) if len(at) else None

    @property
    def behind_s(self) -> float:
        """For how long decisions have been waiting to be written."""
        return max((source.follower.behind_s for source in self._sources), default=0.0)

    @property
    def damaged(self) -> tuple[Path, ...]:
        """The sealed files of which not all can be read."""
        return tuple(sorted(path for source in self._sources for path in source.sealed.harmed))

    @property
    def unread_bytes(self) -> int:
        """How many bytes of hot files are no decisions."""
        return sum(source.follower.damaged for source in self._sources)

    @property
    def missing(self) -> int:
        """How many decisions are missing of the hot files."""
        return sum(source.follower.missing for source in self._sources)

    @property
    def has_one_key(self) -> bool:
        """Whether a unit has the same hash in all logs."""
        return have_one_key(self.logs)

    def _kind(self, guardrail: Guardrail) -> int:
        return self._wrong.index(Wrong.of(guardrail))

    def _load(self) -> None:
        self.close()
        self._loaded += 1
        self.roster = Roster(len(self._wrong))
        self.happenings = Happenings(self._names, several=len(self.logs) > 1)
        self._sources = [Source(log, self.pair, self._wrong, self._clock) for log in self.logs]
        for source in self._sources:
            source.tell(self.happenings)
        for source in self._sources:
            source.read(self.roster, self.happenings)
