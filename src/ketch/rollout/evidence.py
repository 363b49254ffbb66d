"""What a rollout knows at a moment, as one value: what a verdict reads and history keeps.

A **guardrail** is a measure that must not get worse: conversion, revenue, the error rate,
the share of slow answers. It is frozen before the rollout starts, so that nobody chooses it
to fit what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ketch.rollout.stats import Exposure, Lift, Units, lift, log_e_less, log_e_more


class Reaction(StrEnum):
    """What follows when a guardrail is hurt."""

    ROLL_BACK = "rollback"
    HOLD = "hold"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A measure that must not get worse.

    Attributes:
        metric: Its name, as people read it: ``conversion``, ``error rate``.
        worse: Whether a ``lower`` or a ``higher`` mean is worse.
        tolerated: The relative loss that promotion may risk, above 0; a proof that nothing
            at all is lost would never end.
        reaction: What follows when it is hurt.
        margin: From which relative loss on it counts as hurt; 0 for any.
    """

    metric: str
    worse: Literal["lower", "higher"]
    tolerated: float = 0.05
    reaction: Reaction = Reaction.ROLL_BACK
    margin: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.margin < 1 or not 0 < self.tolerated < 1:
            raise ValueError(
                f"expected a margin of 0 to 1 and a tolerated loss between them, "
                f"found {self.margin} and {self.tolerated}"
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """What one guardrail says.

    Attributes:
        guardrail: Which.
        log_e_harm: Evidence that the candidate is worse, by more than the margin.
        log_e_safe: Evidence that it loses less than is tolerated.
        lift: How much it differs, with an interval that holds at every look.
    """

    guardrail: Guardrail
    log_e_harm: float
    log_e_safe: float
    lift: Lift


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict rests on.

    Attributes:
        readings: One for each guardrail.
        log_e_srm: Evidence that units were not split as planned.
        seen: How much has been seen.
        against: The arm that the candidate is compared with, as people read it.
        problems: Why the numbers cannot be complete, each a clause such as ``the decision
            log is 4 minutes behind``.
    """

    readings: tuple[Reading, ...]
    log_e_srm: float
    seen: Exposure
    against: str = "prod"
    problems: tuple[str, ...] = ()

    def harm(self, reaction: Reaction) -> Mapping[str, float]:
        """Return the evidence of harm by metric, for the guardrails of one reaction."""
        return {
            one.guardrail.metric: one.log_e_harm
            for one in self.readings
            if one.guardrail.reaction is reaction
        }


def read(guardrail: Guardrail, units: Units) -> Reading:
    """Return what a guardrail says of the units that were counted.

    Loss is relative to the arm the candidate is compared with: at 0.05, a conversion of less
    than 0.95 times, or an error rate of more than 1.05 times as much.

    Accuracy, source: those of :mod:`ketch.rollout.stats.betting`.

    >>> from ketch.rollout.stats import Unit
    >>> bought = Units.of([Unit(False, 0.5, 1, 900), Unit(True, 0.5, 1, 1100)])
    >>> seen = read(Guardrail("conversion", "lower"), bought)
    >>> seen.log_e_harm < 0 < seen.log_e_safe
    True
    """
    some = units.with_outcome()
    if guardrail.worse == "lower":
        harm = log_e_less(some, ratio=1 - guardrail.margin)
        safe = log_e_more(some, ratio=1 - guardrail.tolerated)
    else:
        harm = log_e_more(some, ratio=1 + guardrail.margin)
        safe = log_e_less(some, ratio=1 + guardrail.tolerated)
    return Reading(guardrail, harm, safe, lift(some))
