"""What is known of a route and of the rollout on it, as one value that prints itself as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ketch.display import card
from ketch.monitor.rollouts.arms import (
    ArmReport,
    GuardrailReport,
    HoldOut,
    Point,
    Rate,
    ends,
    fixed_json,
    srm_json,
)
from ketch.registry.events import write_time
from ketch.rollout.terms import Exposure, Guardrail
from ketch.rollout.verdict import Verdict

__all__ = [
    "ArmReport",
    "GuardrailReport",
    "HoldOut",
    "Past",
    "Point",
    "Rate",
    "RolloutReport",
    "Trial",
]


@dataclass(frozen=True, slots=True)
class Trial:
    """A rollout, and what its evidence says.

    Attributes:
        id: What its decisions call it.
        candidate, against: The two packages, ``name:version``.
        began, ended: When; None while it is under way.
        guardrails: What each of them says; the one that decides first.
        primary: The guardrail that decides; None where nothing is measured.
        seen: How much was seen.
        minimum: What promotion waits for.
        log_e_srm: Evidence that units were not split as planned.
        verdict: On the candidate, as of the time of the report.
        problems: Why the numbers cannot be complete.
        series: How the lift of the measure that decides came about.
        outcome_of: What ended it, in words; None while it is under way.
    """

    id: str
    candidate: str
    against: str
    began: datetime
    ended: datetime | None
    guardrails: tuple[GuardrailReport, ...]
    primary: Guardrail | None
    seen: Exposure
    minimum: Exposure
    log_e_srm: float
    verdict: Verdict
    problems: tuple[str, ...]
    series: tuple[Point, ...]
    outcome_of: str | None = None

    @property
    def deciding(self) -> GuardrailReport | None:
        """What the guardrail that decides says."""
        named = (one for one in self.guardrails if one.reading.guardrail == self.primary)
        return next(named, None)

    def to_json(self) -> dict[str, object]:
        """Return the rollout in JSON form."""
        return {
            "id": self.id,
            "candidate": self.candidate,
            "against": self.against,
            "began": write_time(self.began),
            "ended": None if self.ended is None else write_time(self.ended),
            "outcome": self.outcome_of,
        }


@dataclass(frozen=True, slots=True)
class Past:
    """The last rollout of a route on which there is none now.

    Attributes:
        id: What its decisions call it.
        candidate: ``name:version``.
        began, ended: When.
        how: What ended it, in words.
    """

    id: str
    candidate: str
    began: datetime
    ended: datetime
    how: str

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {
            "id": self.id,
            "candidate": self.candidate,
            "began": write_time(self.began),
            "ended": write_time(self.ended),
            "outcome": self.how,
        }


@dataclass(frozen=True, slots=True)
class RolloutReport:
    """What is known of a route at a time.

    Attributes:
        route: The route.
        at: As of when.
        since: From when on it is counted.
        primary: The measure that decides; None where the policy names none.
        arms: Who answers, the candidate first.
        rollout: What is tried; None where nothing is.
        holdout: Prod held against the baseline; None without one.
        last: The rollout before, where there is none now.
    """

    route: str
    at: datetime
    since: datetime | None
    primary: str | None
    arms: tuple[ArmReport, ...]
    rollout: Trial | None = None
    holdout: HoldOut | None = None
    last: Past | None = None

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the verdict, and who answers."""
        facts = {"as of": f"{self.at:%Y-%m-%d %H:%M} UTC", "says": self.sentence}
        return card(
            self.route,
            facts,
            [(one.stage, one.package, f"{one.share:.0%}", one.units) for one in self.arms],
        )

    @property
    def sentence(self) -> str:
        """What there is to say, for people."""
        if self.rollout is not None:
            return self.rollout.verdict.sentence
        if not self.arms:
            return "No package answers callers on this route."
        if self.last is None:
            return "No rollout is under way: nothing is tried against what is in prod."
        return (
            f"No rollout is under way. The last one, of {self.last.candidate}, ended on "
            f"{self.last.ended:%Y-%m-%d %H:%M} UTC: {self.last.how}."
        )

    def to_json(self) -> dict[str, object]:
        """Return the report as ``ketch report --json`` prints it."""
        return {
            "route": self.route,
            "at": write_time(self.at),
            "since": None if self.since is None else write_time(self.since),
            "primary": self.primary,
            "sentence": self.sentence,
            "arms": [one.to_json() for one in self.arms],
            **(_NO_ROLLOUT if self.rollout is None else _trial_json(self.rollout)),
            "holdout": None if self.holdout is None else self.holdout.to_json(),
            "last": None if self.last is None else self.last.to_json(),
        }


_NO_ROLLOUT: Mapping[str, object] = {
    "rollout": None,
    "lift": None,
    "interval": None,
    "p_value": None,
    "e_value": None,
    "srm": None,
    "verdict": None,
    "guardrails": [],
    "exposure": None,
    "fixed_horizon": None,
    "series": [],
    "problems": [],
}


def _trial_json(trial: Trial) -> dict[str, object]:
    deciding, verdict = trial.deciding, trial.verdict
    lift = None if deciding is None else deciding.reading.lift
    return {
        "rollout": trial.to_json(),
        "lift": None if lift is None else lift.estimate,
        "interval": None if lift is None else ends(lift),
        "p_value": verdict.p_value,
        "e_value": verdict.e_value,
        "srm": srm_json(trial.log_e_srm),
        "verdict": {
            "action": str(verdict.action),
            "sentence": verdict.sentence,
            "cause": verdict.cause,
            "judged": None if verdict.judged is None else write_time(verdict.judged),
        },
        "guardrails": [one.to_json() for one in trial.guardrails],
        "exposure": {
            "units": trial.seen.units,
            "baseline_units": trial.seen.baseline_units,
            "outcomes": trial.seen.outcomes,
            "days": trial.seen.lasted / timedelta(days=1),
            "minimum": {
                "units": trial.minimum.units,
                "baseline_units": trial.minimum.baseline_units,
                "outcomes": trial.minimum.outcomes,
                "days": trial.minimum.lasted / timedelta(days=1),
            },
        },
        "fixed_horizon": None if deciding is None else fixed_json(deciding.fixed),
        "series": [one.to_json() for one in trial.series],
        "problems": list(trial.problems),
    }
