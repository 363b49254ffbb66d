"""What the guard does next about one rollout: a pure function of what it knows.

The rules, in this order; the first that applies decides:

1. A rollout that was once to be **rolled back** stays so, whatever its evidence says later:
   the registry has the verdict. It is rolled back if the policy lets the guard do so; else a
   person is told, and nothing more happens. One that was **ready to promote** stays so until
   something speaks against it: see :meth:`~ketch.rollout.terms.Action.outlasts`.
2. Evidence of harm is **recorded** at once; any other change once it has lasted, so that
   evidence that wavers around a mark does not fill the history. A guard records only what
   changed for itself, and not what the registry has already: so two of them agree, or each
   says its own once, and neither undoes the other's for ever. A hold that a person must look
   at is another than one that waits for traffic.
3. A share **grows** as :mod:`ketch.rollout.ramp` says, on a verdict that is on record.

One step at a time: it changes the registry, and the next one is made of what stands there
then. Nothing is remembered that matters, so a guard that was killed goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from ketch.rollout.ramp import next_share
from ketch.rollout.terms import Action, Exposure, Ramp

SETTLED_S = 5.0
"""How long a change must last before it is recorded; evidence of harm never waits."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A rollout at this moment.

    Attributes:
        action: What its evidence asks for.
        recorded: What the registry last recorded of this rollout; None if nothing.
        share: Of the candidate, in millionths.
        seen: What was seen at this share.
        minimum: What promotion waits for.
        ramp: How the share grows; None if a person grows it.
        auto_rollback: Whether the guard may roll back.
        alarm: What a hold asks a person to look at: the guardrail that is hurt, or the split;
            None where nothing but time and traffic is missing.
        recorded_alarm: The same of what the registry last recorded.
    """

    action: Action
    recorded: Action | None
    share: int
    seen: Exposure
    minimum: Exposure
    ramp: Ramp | None = None
    auto_rollback: bool = False
    alarm: str | None = None
    recorded_alarm: str | None = None

    @property
    def stands(self) -> Action:
        """What it comes to: the verdict on record, where that outlasts what is asked for now."""
        recorded = self.recorded
        return recorded if recorded is not None and recorded.outlasts(self.action) else self.action


@dataclass(frozen=True, slots=True)
class Memory:
    """What a guard remembers of one rollout, and can do without.

    Attributes:
        said: The last action that it recorded, or found recorded and agreed with.
        action: What it came to when it looked last.
        since: Since when it comes to that, in seconds.
        alarms: What it, or whoever recorded the same, asked a person to look at.
    """

    said: Action | None = None
    action: Action | None = None
    since: float = 0.0
    alarms: frozenset[str] = frozenset()

    def seeing(self, situation: Situation, now: float) -> Memory:
        """Return what it remembers after a look."""
        action = situation.stands
        seen = self if action is self.action else replace(self, action=action, since=now)
        if situation.alarm is not None and situation.alarm == situation.recorded_alarm:
            seen = replace(seen, alarms=seen.alarms | {situation.alarm})
        return replace(seen, said=action) if action is situation.recorded else seen


@dataclass(frozen=True, slots=True)
class Judge:
    """Record what the evidence asks for."""

    action: Action


@dataclass(frozen=True, slots=True)
class RollBack:
    """Take the candidate out of live traffic."""


@dataclass(frozen=True, slots=True)
class Grow:
    """Give the candidate more of the units: this share, in millionths."""

    share: int


Step: TypeAlias = Judge | RollBack | Grow


def next_step(
    memory: Memory, situation: Situation, now: float, *, settled_s: float = SETTLED_S
) -> Step | None:
    """Return what to do next; None for nothing.

    Args:
        memory: What is remembered, this look included.
        situation: The rollout.
        now: The present, in seconds of any clock that never goes back.
        settled_s: How long a change must have lasted.

    >>> much, minimum = Exposure(units=5_000), Exposure(units=1_000)
    >>> bad = Situation(Action.ROLL_BACK, None, 100_000, much, minimum, auto_rollback=True)
    >>> next_step(Memory().seeing(bad, 0.0), bad, 0.0)
    Judge(action=<Action.ROLL_BACK: 'roll-back'>)
    >>> latched = replace(bad, action=Action.CONTINUE, recorded=Action.ROLL_BACK)
    >>> next_step(Memory().seeing(latched, 9.0), latched, 9.0)
    RollBack()
    """
    action, recorded = situation.stands, situation.recorded
    if recorded is Action.ROLL_BACK:
        return RollBack() if situation.auto_rollback else None
    if action is Action.ROLL_BACK:
        return Judge(action)
    if action is not memory.said:
        is_first = memory.said is None and recorded is None
        return Judge(action) if is_first or now - memory.since >= settled_s else None
    if situation.alarm is not None and situation.alarm not in memory.alarms:
        return Judge(action)
    if situation.ramp is None:
        return None
    share = next_share(situation.ramp, situation.share, action, situation.seen, situation.minimum)
    return None if share is None else Grow(share)
