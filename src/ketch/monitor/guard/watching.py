"""One rollout under the guard's eyes: its units as far as they are known, and what they say.

What cannot be read is never good news: a log that is damaged, a disk that is full, a fault
of ours all come to the verdict **hold**, with the reason in its sentence.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ketch.errors import KetchError
from ketch.logs import told, trace_of
from ketch.monitor.guard.change import Change
from ketch.monitor.guard.numbers import numbers
from ketch.monitor.guard.steps import Memory, Situation
from ketch.monitor.rollouts import Tally, standing
from ketch.registry import Place, Route
from ketch.registry.rollouts import Rollout
from ketch.rollout.evidence import Evidence
from ketch.rollout.stats.srm import ALARM
from ketch.rollout.terms import Action, Exposure, Ramp
from ketch.rollout.verdict import Verdict, decide

AGAIN_S = 5.0
"""How long to wait before logs that could not be read are read again."""
DUE_S = 2.0
"""How often a verdict is made without news: windows close, and days pass."""

NOT_YET = Verdict(Action.HOLD, "Hold: nothing was read yet.", None, 1.0, 1.0)


class Watch:
    """Follows one rollout.

    Args:
        rollout: The rollout.
        logs: The folders of the decision logs, with the outcomes in them.

    Attributes:
        rollout: The rollout.
        memory: What the guard remembers of it.
        verdict: On it, as of the last look; :data:`NOT_YET` before the first.
        evidence: What that rests on; None where nothing could be read.
        tally: Its units; None while they cannot be read.
        is_over: Whether this guard ended it.
    """

    def __init__(self, rollout: Rollout, logs: Sequence[Path]) -> None:
        self.rollout = rollout
        self.memory = Memory()
        self.verdict = NOT_YET
        self.evidence: Evidence | None = None
        self.tally: Tally | None = None
        self.is_over = False
        self._logs = logs
        self._due = self._again = 0.0
        self._seen: tuple[int, int, int] | None = None

    def follow(self, rollout: Rollout) -> None:
        """Take notice of its new share, or of a verdict on record."""
        self.rollout = rollout
        if self.tally is not None:
            self.tally.rollout = rollout

    def look(self, now: datetime) -> None:
        """Take notice of what came."""
        moment = time.monotonic()
        if moment < self._again:
            return
        try:
            self._look(now, moment)
        except Exception as problem:  # noqa: BLE001 # the border of this rollout; see guard.py
            level, trace = logging.ERROR, trace_of(problem)
            told("a rollout cannot be read", level=level, why=str(problem), trace=trace)
            self.close()
            self._again = moment + AGAIN_S
            self.verdict = Verdict(Action.HOLD, _unreadable(problem), None, 1.0, 1.0)

    def close(self) -> None:
        """Let go of what was read."""
        tally, self.tally, self.evidence = self.tally, None, None
        if tally is not None:
            tally.close()

    def change(self, did: str, says: str, **more: Any) -> Change:
        """Return something that happened with it."""
        rollout, candidate = self.rollout, self.rollout.candidate
        return Change(
            more.pop("time", None) or datetime.now(UTC),
            rollout.route,
            did,
            rollout.id,
            candidate.package,
            str(candidate.digest),
            says,
            **more,
        )

    def to_json(self) -> dict[str, object]:
        """Return how it stands, as ``ketch guard --once --json`` prints it."""
        rollout, verdict = self.rollout, self.standing
        return {
            "route": rollout.route,
            "rollout": rollout.id,
            "package": rollout.candidate.package,
            "digest": str(rollout.candidate.digest),
            "against": rollout.against.package,
            "share": rollout.shares[-1][1].fraction,
            "action": str(verdict.action),
            "sentence": verdict.sentence,
            "evidence": self.numbers,
        }

    def __str__(self) -> str:
        return f"{self.rollout.route}  {self.rollout.candidate.package}  {self.standing.sentence}"

    @property
    def standing(self) -> Verdict:
        """The verdict on it: that on record, where it outlasts what is asked for now."""
        return standing(self.verdict, self.rollout)

    @property
    def numbers(self) -> dict[str, object]:
        """What its verdict rests on."""
        return {} if self.evidence is None else numbers(self.evidence, self.verdict)

    def situation(self, route: Route, now: datetime) -> Situation | None:
        """Return where the rollout stands on its route; None if it is over, or was not seen."""
        arm, judged = route.at(Place.LIMITED), route.verdict
        if arm is None or route.rollout != self.rollout.id or self.verdict is NOT_YET:
            return None
        policy = route.policy  # who may act is asked now; the terms are those of the beginning
        return Situation(
            self.verdict.action,
            None if judged is None else judged.action,
            arm.share.millionths,
            Exposure() if policy.ramp is None else self._at_this_share(policy.ramp, now),
            self.rollout.policy.terms.minimum,
            policy.ramp,
            policy.auto_rollback,
            _alarm(self.verdict.action, self.numbers),
            None if judged is None else _alarm(judged.action, judged.evidence),
        )

    def _look(self, now: datetime, moment: float) -> None:
        if self.tally is None:
            self.tally, self._seen = Tally(self.rollout, self._logs), None
        else:
            self.tally.catch_up()
        seen = self.tally.census.version
        if seen != self._seen or moment >= self._due:
            self.evidence = self.tally.evidence(now)
            self.verdict = decide(self.evidence, self.rollout.policy.terms)
            self._seen, self._due = seen, moment + DUE_S

    def _at_this_share(self, ramp: Ramp, now: datetime) -> Exposure:
        """Return what was seen since the candidate has the share that it has now."""
        since = self.rollout.shares[-1][0]
        if self.tally is None or now - since < ramp.step:  # then it is not worth counting
            return Exposure()
        return self.tally.exposure(now, since=since)


def _alarm(action: str, numbers: Mapping[str, object]) -> str | None:
    """Return what a person must look at: the split, or the guardrail that is hurt."""
    if action != Action.HOLD:
        return None
    split, cause = numbers.get("log_e_srm"), numbers.get("cause")
    if isinstance(split, float) and split >= math.log(ALARM):
        return "split"
    return cause if isinstance(cause, str) else None


def _unreadable(problem: Exception) -> str:
    """Return the sentence of a verdict that nothing could be read for."""
    if not isinstance(problem, KetchError):
        return f"Hold: the numbers cannot be read, by a fault in ketch: {type(problem).__name__}."
    return f"Hold: the numbers cannot be read: {problem.message[:300]}."
