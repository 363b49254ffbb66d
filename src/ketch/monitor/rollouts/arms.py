"""What a report is made of: arms with their rates, guardrails, the way a lift came about.

Rates lie from 0 to 1, or are amounts a unit in the currency of the outcome; lifts and
intervals are relative, so that -0.03 is three percent less. An end that is not known is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ketch.registry.events import write_time
from ketch.rollout.evidence import Reading
from ketch.rollout.spans import write_span
from ketch.rollout.stats import FixedHorizon, Lift, anytime_p, e_value
from ketch.rollout.stats.srm import ALARM


@dataclass(frozen=True, slots=True)
class Rate:
    """What one arm has of one measure.

    Attributes:
        units: That count; of amounts and counts only those whose window has closed.
        outcomes: How many of them have one.
        rate: The part of the units with an outcome, or the mean count or amount of a unit,
            as it was capped; None without units.
        interval: Holds at every look; None for means, which no interval is made of alone.
    """

    units: int
    outcomes: int
    rate: float | None
    interval: tuple[float, float] | None

    def to_json(self) -> dict[str, object]:
        """Return the rate in JSON form."""
        return {
            "units": self.units,
            "outcomes": self.outcomes,
            "rate": self.rate,
            "interval": None if self.interval is None else list(self.interval),
        }


NOTHING = Rate(0, 0, None, None)


@dataclass(frozen=True, slots=True)
class ArmReport:
    """One arm of a route.

    Attributes:
        stage: Such as ``limited``.
        package: ``name:version``.
        digest: The package, exactly.
        share: Of all units, from 0 to 1.
        units: That were exposed to it first.
        rates: What it has of each measure, by name.
        primary: The measure that decides; None where nothing is measured.
    """

    stage: str
    package: str
    digest: str
    share: float
    units: int
    rates: Mapping[str, Rate]
    primary: str | None

    @property
    def rate(self) -> Rate:
        """What it has of the measure that decides."""
        return self.rates.get(self.primary or "", NOTHING)

    def to_json(self) -> dict[str, object]:
        """Return the arm in JSON form."""
        rate = self.rate
        return {
            "stage": self.stage,
            "package": self.package,
            "digest": self.digest,
            "share": self.share,
            "units": self.units,
            "conversions": rate.outcomes,
            "rate": rate.rate,
            "interval": None if rate.interval is None else list(rate.interval),
            "rates": {name: one.to_json() for name, one in self.rates.items()},
        }


@dataclass(frozen=True, slots=True)
class GuardrailReport:
    """What one guardrail says.

    Attributes:
        reading: Its evidence, with the lift and its interval.
        fixed: What the usual test says, which decides nothing.
    """

    reading: Reading
    fixed: FixedHorizon

    def to_json(self) -> dict[str, object]:
        """Return the guardrail in JSON form; evidence is a logarithm, 3.0 is the e-value 20."""
        guardrail, lift = self.reading.guardrail, self.reading.lift
        return {
            "metric": guardrail.metric,
            "kind": guardrail.measure.kind,
            "window": write_span(guardrail.measure.window),
            "worse": guardrail.worse,
            "reaction": str(guardrail.reaction),
            "margin": guardrail.margin,
            "tolerated": guardrail.tolerated,
            "limit_ms": guardrail.limit_ms,
            "log_e_harm": finite(self.reading.log_e_harm),
            "log_e_safe": finite(self.reading.log_e_safe),
            "lift": lift.estimate,
            "interval": ends(lift),
            "fixed_horizon": fixed_json(self.fixed),
        }


@dataclass(frozen=True, slots=True)
class Point:
    """The lift of the measure that decides, as it was at a time.

    Attributes:
        time: When, UTC.
        units: Of both arms.
        lift: As of then.
    """

    time: datetime
    units: int
    lift: Lift

    def to_json(self) -> dict[str, object]:
        """Return the point in JSON form."""
        return {
            "time": write_time(self.time),
            "units": self.units,
            "estimate": self.lift.estimate,
            "low": self.lift.low,
            "high": self.lift.high,
        }


@dataclass(frozen=True, slots=True)
class HoldOut:
    """What is in prod, held against the baseline: whether the model is still worth it.

    Attributes:
        candidate: What is in prod.
        against: The baseline.
        readings: Of each guardrail.
        log_e_srm: Evidence that units were not split as planned.
    """

    candidate: ArmReport
    against: ArmReport
    readings: tuple[GuardrailReport, ...]
    log_e_srm: float

    def to_json(self) -> dict[str, object]:
        """Return the comparison in JSON form."""
        primary = next(
            (one for one in self.readings if one.reading.guardrail.metric == self.against.primary),
            None,
        )
        return {
            "arms": [self.candidate.to_json(), self.against.to_json()],
            "lift": None if primary is None else primary.reading.lift.estimate,
            "interval": None if primary is None else ends(primary.reading.lift),
            "srm": srm_json(self.log_e_srm),
            "guardrails": [one.to_json() for one in self.readings],
        }


def srm_json(log_e: float) -> dict[str, object]:
    """Return the check of the split in JSON form."""
    return {
        "e_value": e_value(log_e),
        "p_value": anytime_p([log_e]),
        "alarm": ALARM,
        "is_mismatch": log_e >= math.log(ALARM),
    }


def fixed_json(fixed: FixedHorizon) -> dict[str, object]:
    """Return what the usual test says in JSON form, with its label."""
    return {
        "difference": fixed.difference,
        "interval": [fixed.low, fixed.high],
        "p_value": fixed.p_value,
        "label": fixed.label,
    }


def ends(lift: Lift) -> list[float | None]:
    """Return the interval of a lift in JSON form; -1 and null are where it has no end yet."""
    return [lift.low, lift.high]


def finite(number: float | None) -> float | None:
    """Return a number that JSON has; None of one that is beyond all bounds."""
    return number if number is not None and math.isfinite(number) else None
