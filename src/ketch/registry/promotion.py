"""How a route changes: every decision a pure function, its answer an event to record.

A package moves up a route stage by stage::

    dev ──▶ staging ──▶ limited ──▶ prod        `promote`, through the gates
                                     │
          prod ◀── the one before ───┘          :mod:`~ketch.registry.rollback`

Each function takes the route as it stands and returns a :class:`Draft` with the route's
arms as they will be, so that an event tells the whole state after it: what was in prod
on 3 March is one event to look up. Nothing here reads a clock, a store or a database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ketch.errors import Refused, UsageError
from ketch.package.digest import Digest
from ketch.package.names import Stage
from ketch.registry.events import Draft, Kind
from ketch.registry.gates import Candidate, Gate
from ketch.registry.policy import Policy
from ketch.registry.route import Approval, Arm, Draw, Place, Route, divided
from ketch.registry.share import Share, room_of

_PLACES = {
    Stage.STAGING: Place.STAGING,
    Stage.LIMITED: Place.LIMITED,
    Stage.PROD: Place.PROD,
}
LONGEST_LINE = 20
Line = tuple[tuple[str, Digest], ...]
"""Packages that held prod, the present one last."""


def promote(
    route: Route,
    candidate: Candidate,
    stage: Stage,
    *,
    gates: Sequence[Gate],
    share: Share | None,
    draw: Draw,
    reason: str,
    override: bool,
) -> Draft:
    """Return the event that moves a package to a stage.

    Args:
        route: The route as it stands.
        candidate: The package.
        stage: Where it goes; ``dev`` takes it off the route.
        gates: What :func:`ketch.registry.gates.gates` found.
        share: Its share of units at limited.
        draw: Fresh randomness, and the layer of the policy; used when a new rollout begins.
        reason: Why; an override needs one.
        override: Whether closed gates that are not strict are passed by.

    Raises:
        UsageError: The request makes no sense on this route.
        Refused: ``gate/closed``; the findings are the closed gates.
    """
    _check_request(route, candidate, stage, share, reason, override=override)
    closed = [gate for gate in gates if not gate.is_open]
    stopping = [gate for gate in closed if gate.strict or not override]
    _require_open(route, candidate.package, stage, stopping)
    arms = _moved(route, candidate, stage, share, draw)
    return Draft(
        Kind.PROMOTED,
        subject(route.name),
        {
            "package": candidate.package,
            "digest": str(candidate.digest),
            "stage": str(stage),
            "instead_of": _evicted(route, candidate, stage),
            "share": None if share is None else share.fraction,
            "reason": reason,
            "override": [gate.name for gate in closed],
            "gates": [gate.to_json() for gate in gates],
            "evidence": candidate.evidence_digest,
            **state(arms, route.policy, _promoted(route, candidate, stage)),
        },
    )


def approve(
    route: Route, candidate: Candidate, *, approver: str, reason: str, now: datetime
) -> Draft:
    """Return the event of a person's yes to a package in production; it ends every no before.

    Raises:
        Refused: ``approval/own-package``: publishers do not approve their own packages;
            ``version/withdrawn``.
    """
    if candidate.withdrawn is not None:
        message = f"`{candidate.package}` was withdrawn: {candidate.withdrawn}"
        raise Refused(message, code="version/withdrawn")
    if approver == candidate.publisher:
        raise Refused(
            f"`{approver}` published `{candidate.package}` and cannot approve it too",
            code="approval/own-package",
            hint="ask a colleague; four eyes see more than two",
        )
    expires = now + timedelta(days=route.policy.approval_days)
    evidence = candidate.evidence_digest
    approval = Approval(candidate.package, candidate.digest, approver, evidence, expires)
    despite = [one.person for one in route.rejections if one.digest == candidate.digest]
    return Draft(
        Kind.APPROVED,
        subject(route.name),
        {**approval.to_json(), "stage": "prod", "reason": reason, "despite": despite},
    )


def reject(route: Route, candidate: Candidate, *, reason: str) -> Draft:
    """Return the event of a person's no: it stands until somebody approves the package."""
    return Draft(
        Kind.REJECTED,
        subject(route.name),
        {
            "package": candidate.package,
            "digest": str(candidate.digest),
            "stage": "prod",
            "reason": reason,
        },
    )


def set_policy(
    route: Route,
    policy: Policy,
    baseline: Digest | None,
    *,
    salt: str,
    layer_salt: str | None = None,
    reason: str,
    gates: Sequence[Gate] = (),
) -> Draft:
    """Return the event that gives a route its rules, and its baseline a share.

    Args:
        route: The route as it stands.
        policy: The new rules.
        baseline: The digest of the baseline that the rules name.
        salt: Fresh randomness, used when no unit is held out yet; else the same units stay
            held out, whatever the baseline and its share become.
        layer_salt: Of the layer that the rules name, if they name one.
        reason: Why.
        gates: Those of a baseline that did not answer here before.

    Raises:
        Refused: ``gate/closed``: the baseline may not answer; ``policy/shares``.
    """
    if policy.baseline is not None:
        _require_open(route, policy.baseline, "baseline", [g for g in gates if not g.is_open])
    arms = without(route, Place.BASELINE)
    if policy.baseline is not None and baseline is not None:
        before = route.at(Place.BASELINE)
        kept = before.salt if before is not None and before.salt is not None else salt
        share = policy.baseline_share
        arms[Place.BASELINE] = Arm(Place.BASELINE, policy.baseline, baseline, share, kept)
    _require_rest(route, arms, policy.baseline_share)
    drawn = {} if policy.layer is None else {"layer_salt": layer_salt}
    return Draft(
        Kind.POLICY_SET,
        subject(route.name),
        {"reason": reason, **drawn, **state(arms, policy, route.line)},
    )


def _require_rest(route: Route, arms: Mapping[Place, Arm], held_out: Share) -> None:
    """Refuse rules by which units would have no answer, or two."""
    limited = arms.get(Place.LIMITED)
    if limited is None:
        return
    given = f"`{limited.package}` has `{limited.share}` of `{route.name}`"
    if limited.share > room_of(held_out, limited.layer):
        raise Refused(
            f"{given}; beside it `{held_out}` for the baseline is too much",
            code="policy/shares",
            hint="lower one of the two",
        )
    if arms.keys().isdisjoint({Place.PROD, Place.BASELINE}):
        raise Refused(
            f"{given}; without the baseline nobody answers the rest",
            code="policy/shares",
            hint="promote a package to prod first, or take that one off the route",
        )


def _require_open(route: Route, package: str, place: str, closed: Sequence[Gate]) -> None:
    if closed:
        count = f"{len(closed)} gate{'s' if len(closed) > 1 else ''}"
        raise Refused(
            f"`{package}` cannot go to {place} on `{route.name}`: {count} closed",
            code="gate/closed",
            where=f"route:{route.name}",
            findings=[gate.to_finding() for gate in closed],
        )


def subject(route: str) -> str:
    """Return how the log names a route."""
    return f"route:{route}"


def _check_request(
    route: Route,
    candidate: Candidate,
    stage: Stage,
    share: Share | None,
    reason: str,
    *,
    override: bool,
) -> None:
    present = route.of(candidate.digest)
    if stage is Stage.DEV and present is None:
        raise UsageError(f"`{candidate.package}` is not on `{route.name}`", code="promote/absent")
    if present is not None and present.place is Place.PROD:
        wrong = "is in prod already" if stage is Stage.PROD else "is in prod"
        raise Refused(
            f"`{candidate.package}` {wrong} on `{route.name}`",
            code="promote/in-prod",
            hint=f"`ketch rollback {route.name}` takes it out",
        )
    if stage is not Stage.LIMITED and share is not None:
        raise UsageError("expected a share for `limited` only", code="promote/share")
    if stage is Stage.LIMITED and (share is None or share.millionths == 0):
        hint = "such as `--share 10%`"
        message = "expected the share of units for `limited`, found none"
        raise UsageError(message, code="promote/share", hint=hint)
    if override and not reason.strip():
        hint = '`--reason "…"`: it stands in the history for ever'
        raise UsageError("expected a reason for an override", code="promote/reason", hint=hint)


def _evicted(route: Route, candidate: Candidate, stage: Stage) -> str | None:
    """Return the package that gives way."""
    there = None if stage is Stage.DEV else route.at(_PLACES[stage])
    return None if there is None or there.digest == candidate.digest else there.package


def _moved(
    route: Route, candidate: Candidate, stage: Stage, share: Share | None, draw: Draw
) -> dict[Place, Arm]:
    """Return who answers when a package has moved; it stays the baseline if it is that."""
    arms = {
        arm.place: arm
        for arm in route.arms
        if arm.place is Place.BASELINE or arm.digest != candidate.digest
    }
    if stage is not Stage.DEV:
        arms[_PLACES[stage]] = _arm(route, candidate, stage, share, draw)
    return arms


def _arm(route: Route, candidate: Candidate, stage: Stage, share: Share | None, draw: Draw) -> Arm:
    arm = Arm(_PLACES[stage], candidate.package, candidate.digest)
    if stage is not Stage.LIMITED or share is None:
        return arm
    kept = route.drawn(candidate.digest) or draw
    return replace(arm, share=share, salt=kept.salt, layer=kept.layer)


def without(route: Route, place: Place) -> dict[Place, Arm]:
    """Return who answers at all places but one."""
    return {arm.place: arm for arm in route.arms if arm.place is not place}


def _promoted(route: Route, candidate: Candidate, stage: Stage) -> Line:
    if stage is not Stage.PROD:
        return route.line
    return (*route.line, (candidate.package, candidate.digest))[-LONGEST_LINE:]


def state(arms: Mapping[Place, Arm], policy: Policy, line: Line) -> Mapping[str, object]:
    """Return the route as it is after an event, to be part of the event."""
    return {
        "arms": [arm.to_json() for arm in divided(arms, policy.baseline_share)],
        "policy": policy.to_json(),
        "line": [[package, str(digest)] for package, digest in line],
    }
