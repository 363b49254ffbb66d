"""The numbers that a verdict rests on, in the form that the history keeps for ever.

Evidence is a logarithm: 3.0 is the e-value 20. A number that has no end, such as the upper
end of a lift that could be anything, is null.
"""

from __future__ import annotations

from datetime import timedelta

from ketch.monitor.rollouts.arms import finite
from ketch.rollout.evidence import Evidence, Reading
from ketch.rollout.verdict import Verdict


def numbers(evidence: Evidence, verdict: Verdict) -> dict[str, object]:
    """Return what a verdict rests on, in JSON form."""
    seen = evidence.seen
    return {
        "e_value": finite(verdict.e_value),
        "p_value": verdict.p_value,
        "cause": verdict.cause,
        "units": seen.units,
        "baseline_units": seen.baseline_units,
        "outcomes": seen.outcomes,
        "days": seen.lasted / timedelta(days=1),
        "log_e_srm": finite(evidence.log_e_srm),
        "guardrails": [_guardrail(one) for one in evidence.readings],
        "problems": list(evidence.problems),
    }


def _guardrail(reading: Reading) -> dict[str, object]:
    guardrail, lift = reading.guardrail, reading.lift
    return {
        "metric": guardrail.metric,
        "worse": guardrail.worse,
        "reaction": str(guardrail.reaction),
        "margin": guardrail.margin,
        "tolerated": guardrail.tolerated,
        "log_e_harm": finite(reading.log_e_harm),
        "log_e_safe": finite(reading.log_e_safe),
        "lift": finite(lift.estimate),
        "interval": [finite(lift.low), finite(lift.high)],
    }
