"""What a rollout knows at a moment, as one value: what a verdict reads and history keeps.

Guardrails are told in :mod:`ketch.rollout.terms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ketch.rollout.stats import Lift, Units, lift, log_e_less, log_e_more
from ketch.rollout.terms import Exposure, Guardrail, Reaction


@dataclass(frozen=True, slots=True)
class Reading:
    """What one guardrail says.

    Attributes:
        guardrail: Which.
        log_e_harm: Evidence that the candidate is worse, by more than the margin.
        log_e_safe: Evidence that it loses less than is tolerated; None where no proof is asked
            for.
        lift: How much it differs, with an interval that holds at every look.
    """

    guardrail: Guardrail
    log_e_harm: float
    log_e_safe: float | None
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
    >>> seen.log_e_harm < 0, seen.log_e_safe > 0
    (True, True)
    """
    some = units.with_outcome()
    loss = guardrail.tolerated
    if guardrail.worse == "lower":
        harm = log_e_less(some, ratio=1 - guardrail.margin)
        safe = None if loss is None else log_e_more(some, ratio=1 - loss)
    else:
        harm = log_e_more(some, ratio=1 + guardrail.margin)
        safe = None if loss is None else log_e_less(some, ratio=1 + loss)
    return Reading(guardrail, harm, safe, lift(units))
