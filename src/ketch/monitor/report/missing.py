"""What is missing before a report can say more, and what to do next: each with its command."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ketch.monitor.rollouts.report import RolloutReport, Trial
from ketch.registry import Place, Policy, Route
from ketch.rollout.spans import write_span
from ketch.rollout.stats.srm import ALARM
from ketch.rollout.terms import MEASURED, Action


@dataclass(frozen=True, slots=True)
class Hint:
    """Something to do.

    Attributes:
        says: Why.
        command: What to type; empty where there is nothing to.
    """

    says: str
    command: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the hint in JSON form."""
        return {"says": self.says, "command": self.command or None}


def missing(report: RolloutReport, policy: Policy) -> Iterator[Hint]:
    """Yield what a route lacks before its report can say more."""
    route = report.route
    if not report.arms:
        yield Hint("no package answers callers here", "ketch promote PACKAGE prod")
    elif not any(arm.units for arm in report.arms):
        yield _nobody(route, policy)
    if report.rollout is None and report.last is None and report.arms:
        yield Hint("no rollout has begun", "ketch promote PACKAGE limited --share 10%")
    if report.primary is None or report.primary in MEASURED:
        yield Hint(
            "the policy names no `primary` outcome, so errors decide alone",
            f"ketch route set {route} FILE",
        )
    elif any(arm.units for arm in report.arms) and not any(
        arm.rate.outcomes for arm in report.arms
    ):
        says = f"no `{report.primary}` is known of any of these units"
        yield Hint(says, f"ketch outcome {route} FILE")
    yield from _waiting(report)


def _waiting(report: RolloutReport) -> Iterator[Hint]:
    """Yield which sums count for nobody yet, and from when on they do."""
    trial = report.rollout
    if trial is None or trial.ended is not None or not any(arm.units for arm in report.arms):
        return
    for one in trial.guardrails:
        guardrail = one.reading.guardrail
        name, measure = guardrail.metric, guardrail.measure
        if measure.kind != "happened" and not any(arm.rates[name].units for arm in report.arms):
            span = write_span(measure.window)
            yield Hint(f"`{name}` enters when a unit's {span} are over, and nobody's are")


def _nobody(route: str, policy: Policy) -> Hint:
    """Return why no unit was counted."""
    if policy.unit is not None:
        return Hint("no answer to a unit was logged in this time", "ketch serve")
    says = (
        "no answer to a unit was logged in this time: let the policy name the `unit`, the input "
        "that says who asks, or callers send the header `Ketch-Unit`"
    )
    return Hint(says, f"ketch route set {route} FILE")


def next_steps(report: RolloutReport, route: Route) -> Iterator[Hint]:
    """Yield what can be done now, the most sensible first; nothing of what is over."""
    trial = report.rollout
    if trial is not None and trial.ended is None:
        yield from _in_rollout(trial, route)
    if report.last is not None:
        command = f"ketch report {report.route} --rollout {report.last.id}"
        yield Hint("what the last rollout said", command)
    staged = route.at(Place.STAGING)
    if trial is None and staged is not None and route.at(Place.PROD) is not None:
        yield Hint(
            "try what stands at staging with some of the units",
            f"ketch promote {staged.package} limited --share 10%",
        )


def _in_rollout(trial: Trial, route: Route) -> Iterator[Hint]:
    back = f"ketch rollback {route.name}"
    match trial.verdict.action:
        case Action.PROMOTE_READY:
            if route.policy.approvals:
                yield Hint("have somebody else approve it", f"ketch approve {trial.candidate}")
            yield Hint("give it all units", f"ketch promote {trial.candidate} prod")
        case Action.ROLL_BACK if route.policy.auto_rollback:
            yield Hint("the guard takes it back; or do so at once", back)
        case Action.ROLL_BACK:
            yield Hint("take it back", back)
        case Action.HOLD if not _can_be_ready(trial):
            yield Hint(
                "let the rules of the next rollout name a `primary` outcome, or `tolerated` of a "
                "guardrail",
                f"ketch route set {route.name} FILE",
            )
            yield Hint("this ends the rollout", back)
        case Action.HOLD if _is_early(trial):
            yield Hint("let it run until enough was seen; this ends the rollout", back)
        case Action.HOLD:
            yield Hint("see why, above, before anything is read; this ends the rollout", back)
        case Action.CONTINUE:
            yield Hint("let it run; this ends the rollout", back)


def _can_be_ready(trial: Trial) -> bool:
    """Whether any guardrail says what a promotion may lose."""
    return any(one.reading.log_e_safe is not None for one in trial.guardrails)


def _is_early(trial: Trial) -> bool:
    """Whether nothing but time and traffic is missing."""
    is_split = trial.log_e_srm < math.log(ALARM)
    return trial.verdict.cause is None and not trial.problems and is_split
