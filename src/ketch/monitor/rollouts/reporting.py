"""A report, from what was counted: the one way to it, for people and for the guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from ketch.errors import NotFound
from ketch.monitor.rollouts.census import Census
from ketch.monitor.rollouts.pair import BASELINE, LIMITED, PROD, Pair, Side
from ketch.monitor.rollouts.rates import arms_of, fixed_of
from ketch.monitor.rollouts.report import GuardrailReport, HoldOut, Past, RolloutReport, Trial
from ketch.monitor.rollouts.series import POINTS, series
from ketch.monitor.rollouts.tally import Tally, primary_of
from ketch.registry import Arm, Desk, Kind, Place, Policy
from ketch.registry.rollouts import Rollout, rollouts
from ketch.rollout.evidence import Evidence, read
from ketch.rollout.stats import Units, log_e_srm_of
from ketch.rollout.terms import Guardrail
from ketch.rollout.verdict import Verdict, decide

PERIOD = timedelta(days=28)
"""What is counted of a route on which nothing is tried."""


def report_of(
    logs: Sequence[Path],
    desk: Desk,
    route: str,
    *,
    at: datetime | None = None,
    rollout: str | None = None,
) -> RolloutReport:
    """Return what is known of a route.

    Args:
        logs: The folders of its decision logs, one for each gateway.
        desk: Where its history is asked for.
        route: The route.
        at: As of when; the rollout of that time is reported. None for now.
        rollout: The identity of a rollout, also of one that is over.

    Raises:
        NotFound: ``route/not-found``; ``rollout/not-found``.
        Unavailable: ``decisions/busy``, ``outcomes/…``, ``disk/…``.
    """
    now = at or datetime.now(UTC)
    desk.route(route)  # or there is none
    found = rollouts(desk, route, until=at)
    chosen = _chosen(found, route, rollout)
    arms = desk.arms_at(route, now)
    if chosen is None:
        past = _past(next(iter(found), None))
        return _Quiet(route, desk.route(route).policy, arms, now, past).report(logs)
    with ExitStack() as undo:
        tally = undo.enter_context(Tally(chosen, logs))
        then = arms if chosen.is_under_way else desk.arms_at(route, chosen.began)
        holdout = held_out(chosen, then, logs)
        if holdout is not None:
            undo.enter_context(holdout)
        return report(tally, now, holdout=holdout)


def report(
    tally: Tally,
    at: datetime,
    *,
    holdout: Census | None = None,
    points: int = POINTS,
    problems: Sequence[str] = (),
) -> RolloutReport:
    """Return the report of a rollout from its tally, as of a time.

    Args:
        tally: The rollout, as far as it is counted.
        at: As of when.
        holdout: Prod and the baseline; see :func:`held_out`.
        points: How many points the series has.
        problems: Why the numbers cannot be complete, beside what the tally finds.
    """
    rollout, primary = tally.rollout, tally.primary
    counted, shares = tally.counted(at), _shares(rollout, at)
    held = None if holdout is None else _held(holdout, primary, at, shares)
    arms = arms_of(tally.census, shares, counted, primary, at)
    return RolloutReport(
        rollout.route,
        at,
        rollout.began,
        None if primary is None else primary.metric,
        arms if held is None else (*arms, held.against),
        _trial(tally, at, tally.evidence(at, problems, counted), counted, points),
        held,
    )


def _trial(
    tally: Tally, at: datetime, evidence: Evidence, counted: Mapping[Guardrail, Units], points: int
) -> Trial:
    rollout, primary = tally.rollout, tally.primary
    return Trial(
        rollout.id,
        rollout.candidate.package,
        rollout.against.package,
        rollout.began,
        rollout.ended,
        tuple(
            GuardrailReport(one, fixed_of(one.guardrail, counted[one.guardrail]))
            for one in evidence.readings
        ),
        primary,
        evidence.seen,
        rollout.policy.terms.minimum,
        evidence.log_e_srm,
        standing(decide(evidence, rollout.policy.terms), rollout),
        evidence.problems,
        () if primary is None else series(tally.census, primary, min(at, _last(rollout)), points),
        _how(rollout),
    )


def standing(verdict: Verdict, rollout: Rollout) -> Verdict:
    """Return the verdict on record, where it outlasts what the evidence asks for now."""
    event, recorded = rollout.judged, rollout.action
    if event is None or recorded is None or not recorded.outlasts(verdict.action):
        return verdict
    cause = cast("Mapping[str, object]", event.body["evidence"]).get("cause")
    named = cause if isinstance(cause, str) else None
    said = str(event.body["sentence"])
    judged = None if said == verdict.sentence else event.time
    return replace(verdict, action=recorded, sentence=said, cause=named, judged=judged)


def held_out(
    rollout: Rollout, arms: Sequence[Arm], logs: Sequence[Path], ended: datetime | None = None
) -> Census | None:
    """Return what counts prod against the baseline while a rollout lasts; to be closed.

    Args:
        rollout: The rollout.
        arms: Who answers on its route, or did.
        logs: The folders of the decision logs.
        ended: Until when; None for the end of the rollout.
    """
    baseline = next((arm for arm in arms if arm.place is Place.BASELINE), None)
    if baseline is None or not baseline.share.millionths:
        return None
    against = rollout.against
    pair = Pair(
        rollout.route,
        Side(PROD, against.package, str(against.digest)),
        Side(BASELINE, baseline.package, str(baseline.digest)),
        rollout.began,
        ended or rollout.ended,
    )
    return Census(pair, rollout.policy.guardrails, logs)


def _chosen(found: Sequence[Rollout], route: str, identity: str | None) -> Rollout | None:
    if identity is None:
        return next((one for one in found if one.is_under_way), None)
    for one in found:
        if one.id == identity:
            return one
    raise NotFound(
        f"no rollout `{identity}` on route `{route}`",
        code="rollout/not-found",
        hint=f"`ketch report {route} --rollouts` lists them",
    )


@dataclass(frozen=True, slots=True)
class _Quiet:
    """A route on which nothing is tried: who answers, by which rules, since when."""

    route: str
    policy: Policy
    arms: Sequence[Arm]
    at: datetime
    past: Past | None

    def report(self, logs: Sequence[Path]) -> RolloutReport:
        """Return what is known of it."""
        at, primary = self.at, primary_of(self.policy)
        since, pair = at - PERIOD, self._pair(at - PERIOD)
        name = None if primary is None else primary.metric
        empty = RolloutReport(self.route, at, since, name, (), last=self.past)
        if pair is None:
            return empty
        shares = {str(arm.place): arm.share.fraction for arm in self.arms}
        with Census(pair, self.policy.guardrails, logs) as census:
            if pair.against is not None:
                held = _held(census, primary, at, shares)
                return replace(empty, arms=(held.candidate, held.against), holdout=held)
            counted = {one: census.units(one, at) for one in census.guardrails}
            return replace(empty, arms=arms_of(census, shares, counted, primary, at))

    def _pair(self, since: datetime) -> Pair | None:
        sides = {arm.place: Side(str(arm.place), arm.package, str(arm.digest)) for arm in self.arms}
        prod, baseline = sides.get(Place.PROD), sides.get(Place.BASELINE)
        if prod is None and baseline is None:
            return None
        if prod is None or baseline is None:
            return Pair(self.route, prod or baseline, None, since, self.at)  # type: ignore[arg-type] # one of them is there
        return Pair(self.route, prod, baseline, since, self.at)


def _held(
    census: Census, primary: Guardrail | None, at: datetime, shares: Mapping[str, float]
) -> HoldOut:
    counted = {one: census.units(one, at) for one in census.guardrails}
    mine, theirs = arms_of(census, shares, counted, primary, at)
    readings = tuple(
        GuardrailReport(read(one, units), fixed_of(one, units)) for one, units in counted.items()
    )
    return HoldOut(mine, theirs, readings, log_e_srm_of(census.exposed(at)))


def _shares(rollout: Rollout, at: datetime) -> dict[str, float]:
    """Return the shares of a time, from 0 to 1."""
    had = [share.fraction for time, share in rollout.shares if time <= at]
    mine = had[-1] if had else 0.0
    held = rollout.policy.baseline_share.fraction
    return {LIMITED: mine, PROD: 1 - mine - held, BASELINE: held}


def _last(rollout: Rollout) -> datetime:
    return rollout.ended or datetime.max.replace(tzinfo=UTC)


def _past(rollout: Rollout | None) -> Past | None:
    if rollout is None or rollout.ended is None:
        return None
    package, how = rollout.candidate.package, _how(rollout) or ""
    return Past(rollout.id, package, rollout.began, rollout.ended, how)


def _how(rollout: Rollout) -> str | None:
    """Return what ended a rollout, in words."""
    event = rollout.ended_by
    if event is None:
        return None
    reason = str(event.body.get("reason") or "")
    if event.kind is Kind.ROLLED_BACK:
        what = "it was rolled back"
    elif event.body.get("digest") == str(rollout.candidate.digest):
        what = "it was promoted"
    else:
        what = "it gave way to another package"
    said = f"{what} by {event.actor}"
    return f"{said}: {reason.rstrip('.')}" if reason else said
