"""A rollout as it is counted now: from decisions and outcomes to evidence and a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ketch.monitor.decisions.ids import moment_of, time_of
from ketch.monitor.decisions.losses import losses
from ketch.monitor.outcomes.outcome import instant
from ketch.monitor.rollouts.census import Census
from ketch.monitor.rollouts.pair import PROD, Pair
from ketch.rollout.evidence import Evidence, read
from ketch.rollout.stats import Units, log_e_srm_of
from ketch.rollout.stats import exposure as exposure_of
from ketch.rollout.terms import MEASURED, Exposure, Guardrail
from ketch.rollout.verdict import Verdict, decide

if TYPE_CHECKING:
    from ketch.registry.policy import Policy
    from ketch.registry.rollouts import Rollout

BEHIND_S = 5.0
"""For how long decisions may wait to be written before the numbers count as incomplete."""

MISSING_PART = 0.001
"""From which part of the units on, decisions that are missing make the numbers incomplete."""


class Tally:
    """Counts one rollout; to be closed. One implementation for reports and the guard.

    Args:
        rollout: The rollout; it keeps the guardrails and terms of its beginning.
        logs: The folders of the decision logs, one for each gateway.
        clock: Seconds of any clock that never goes back.

    Raises:
        Unavailable: ``decisions/busy``, ``outcomes/…``, ``disk/…``.
    """

    def __init__(
        self,
        rollout: Rollout,
        logs: Sequence[Path],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rollout = rollout
        self.guardrails: tuple[Guardrail, ...] = rollout.policy.guardrails
        self.census = Census(Pair.of(rollout), self.guardrails, logs, clock=clock)

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
        self.census.close()

    def catch_up(self) -> None:
        """Count what was written since the last time: milliseconds for a thousand decisions.

        Raises:
            Unavailable: ``decisions/busy``, ``outcomes/…``, ``disk/…``.
        """
        self.census.catch_up()

    @property
    def primary(self) -> Guardrail | None:
        """The guardrail that decides; see :func:`primary_of`."""
        return primary_of(self.rollout.policy)

    def units(self, guardrail: Guardrail, now: datetime) -> Units:
        """Return the units, each with its outcome, as they are known of a time."""
        return self.census.units(guardrail, now)

    def exposure(self, now: datetime, *, since: datetime | None = None) -> Exposure:
        """Return how much was seen until a time.

        Args:
            now: The time.
            since: Only of units that were exposed first at that time, or later.
        """
        primary = self.primary
        return self._exposure(now, None if primary is None else self.units(primary, now), since)

    def _exposure(self, now: datetime, primary: Units | None, since: datetime | None) -> Exposure:
        began, until = since or self.census.began, min(now, self.rollout.ended or now)
        lasted = timedelta(0) if began is None else max(until - began, timedelta(0))
        seen = exposure_of(self.census.exposed(now, since), lasted)
        if primary is None:
            return seen
        return replace(seen, outcomes=exposure_of(primary, lasted).outcomes)

    def srm(self, now: datetime) -> float:
        """Return the evidence that units were not split as planned, as a logarithm."""
        return log_e_srm_of(self.census.exposed(now))

    def counted(self, now: datetime) -> Mapping[Guardrail, Units]:
        """Return the units of each guardrail, as they are known of a time."""
        return {one: self.units(one, now) for one in self.guardrails}

    def evidence(
        self,
        now: datetime,
        problems: Sequence[str] = (),
        counted: Mapping[Guardrail, Units] | None = None,
    ) -> Evidence:
        """Return all that a verdict rests on.

        Args:
            now: The time.
            problems: Why the numbers cannot be complete, beside what is found here.
            counted: What :meth:`counted` returned of that time, where it is known already.
        """
        units, primary = counted or self.counted(now), self.primary
        return Evidence(
            tuple(read(one, units[one]) for one in self.guardrails),
            self.srm(now),
            self._exposure(now, None if primary is None else units[primary], None),
            PROD,
            (*problems, *self.problems(now)),
        )

    def verdict(self, now: datetime, problems: Sequence[str] = ()) -> Verdict:
        """Return what the evidence asks for; see :meth:`evidence`."""
        return decide(self.evidence(now, problems), self.rollout.policy.terms)

    def problems(self, now: datetime) -> tuple[str, ...]:
        """Return why the numbers cannot be complete, each as a clause."""
        return tuple(self._problems(now))

    def _problems(self, now: datetime) -> Iterator[str]:
        census = self.census
        if not census.has_one_key:
            yield "the logs have different keys, so a unit that asks at two gateways counts twice"
        if census.damaged:
            told = ", ".join(path.name for path in census.damaged[:3])
            yield f"the decision log is damaged in {told} (`ketch fsck` says where)"
        if census.unread_bytes:
            yield f"{census.unread_bytes:,} bytes of the decision log are damaged (`ketch fsck`)"
        missing = self.missing
        if missing > MISSING_PART * len(census.roster):
            yield f"{missing:,} decisions are missing from the log"
        if self.rollout.ended is None:
            if census.behind_s > BEHIND_S:
                yield f"the decision log is {census.behind_s:.0f} seconds behind"
            yield from self._stale(now)

    @property
    def missing(self) -> int:
        """How many decisions were made while the rollout lasted and are not in the logs."""
        began, ended = moment_of(self.rollout.began), self.rollout.ended
        lost = (
            one.lost
            for log in self.census.logs
            for one in losses(log)
            if (one.noticed if one.last is None else int(one.last[:16], 16)) >= began
            and (one.first is None or ended is None or time_of(one.first) <= ended)
        )
        return self.census.missing + sum(lost)

    def _stale(self, now: datetime) -> Iterator[str]:
        """Yield that no outcome came for longer than its window, which no shop has by chance."""
        primary = self.primary
        if primary is None or primary.metric in MEASURED:
            return
        last = self.census.happenings.latest(primary.metric)
        since = max(self.rollout.began, self.rollout.began if last is None else instant(last))
        silent = now - since
        if silent > primary.measure.window:
            days, minutes = silent / timedelta(days=1), silent / timedelta(minutes=1)
            told = f"{days:.1f} days" if days >= 0.1 else f"{minutes:.0f} minutes"
            yield f"no `{primary.metric}` was told for {told}"


def primary_of(policy: Policy) -> Guardrail | None:
    """Return what decides: the primary outcome, or else the first guardrail that is told."""
    told = [one for one in policy.guardrails if one.metric not in MEASURED]
    named = (one for one in told if one.metric == policy.primary)
    return next(named, None) or next(iter(told), None) or next(iter(policy.guardrails), None)
