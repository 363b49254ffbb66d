"""The terms of a rollout: what is measured, what may not get worse, at which risk.

They are frozen before the rollout starts, so that nobody chooses them to fit what was
seen: a rollout keeps the terms of the policy that its route had when it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

ERRORS = "errors"
SLOW = "slow"
MEASURED = (ERRORS, SLOW)
"""What the decision log itself tells of a unit, without anybody telling an outcome."""


class Reaction(StrEnum):
    """What follows when a guardrail is hurt."""

    ROLL_BACK = "rollback"
    HOLD = "hold"
    OBSERVE = "observe"


class Action(StrEnum):
    """What a verdict asks for."""

    CONTINUE = "continue"
    PROMOTE_READY = "promote-ready"
    ROLL_BACK = "roll-back"
    HOLD = "hold"

    def outlasts(self, later: Action) -> bool:
        """Whether it stays on record when the evidence asks for another action later.

        To roll back stays for good. Promote-ready stays until something speaks against the
        candidate: its risk is that of ever reaching the mark, so evidence that falls below it
        again takes back no proof.
        """
        if self is Action.PROMOTE_READY:
            return later is Action.CONTINUE
        return self is Action.ROLL_BACK


@dataclass(frozen=True, slots=True)
class Measure:
    """What of its events is a unit's outcome.

    Attributes:
        kind: ``happened``: whether there was any, such as an order, an error, a slow answer;
            known at once, and then for good. ``count``: how many there were; ``amount``: their
            sum. Both are known when the window has closed.
        window: For how long after its first exposure a unit's events count.
        cap: Of ``count`` and ``amount``; see :func:`~ketch.rollout.stats.capping.cap_of`.
    """

    kind: Literal["happened", "count", "amount"] = "happened"
    window: timedelta = timedelta(days=7)
    cap: float = 1.0

    def __post_init__(self) -> None:
        if self.window <= timedelta(0) or not 0 < self.cap < float("inf"):
            raise ValueError(f"expected a window and a cap above 0, found {self}")


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A measure that must not get worse.

    Attributes:
        metric: Its name, as people read it: an outcome such as ``purchase``, or
            :data:`ERRORS` or :data:`SLOW`.
        worse: Whether a ``lower`` or a ``higher`` mean is worse.
        tolerated: The relative loss that promotion may risk, above 0; a proof that nothing
            at all is lost would never end. None asks for no proof: what hardly ever happens,
            such as an error, cannot be proved to happen no more often.
        reaction: What follows when it is hurt.
        margin: From which relative loss on it counts as hurt; 0 for any.
        measure: What of its events is a unit's outcome.
        limit_ms: Of :data:`SLOW`: answers that took longer are slow, in milliseconds.
    """

    metric: str
    worse: Literal["lower", "higher"]
    tolerated: float | None = 0.05
    reaction: Reaction = Reaction.ROLL_BACK
    margin: float = 0.0
    measure: Measure = Measure()
    limit_ms: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.margin < 1 or not (self.tolerated is None or 0 < self.tolerated < 1):
            raise ValueError(
                f"expected a margin of 0 to 1 and a tolerated loss between them, "
                f"found {self.margin} and {self.tolerated}"
            )


@dataclass(frozen=True, slots=True)
class Exposure:
    """How much a rollout has seen, or must have seen.

    Attributes:
        units: With the candidate.
        baseline_units: With the arm it is compared with.
        outcomes: Of both arms together, other than 0.
        lasted: Since the first unit.
    """

    units: int = 0
    baseline_units: int = 0
    outcomes: int = 0
    lasted: timedelta = timedelta(0)


MINIMUM = Exposure(units=1_000, baseline_units=1_000, outcomes=50, lasted=timedelta(days=7))
"""What promotion waits for by default: weekdays and a weekend, and enough to compare."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """How the share of a candidate grows by itself.

    Attributes:
        shares: Its steps, in millionths of all units, each above the one before.
        step: How long each step lasts at least.
    """

    shares: tuple[int, ...]
    step: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """The risks and minimums of a rollout.

    Attributes:
        alpha: The risk that a candidate that is as good is ever rolled back.
        beta: The risk that one that loses more than is tolerated is ever promote-ready.
        srm_alarm: The e-value from which on a split counts as wrong.
        minimum: What must have been seen before a candidate is promote-ready.
    """

    alpha: float = 0.05
    beta: float = 0.05
    srm_alarm: float = 1000.0
    minimum: Exposure = MINIMUM

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not 0 < self.beta < 1 or self.srm_alarm < 1:
            raise ValueError(f"expected risks between 0 and 1 and an alarm above, found {self}")
