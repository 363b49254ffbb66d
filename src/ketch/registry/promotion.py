"""How a route changes: every decision a pure function, its answer an event to record.

A package moves up a route stage by stage::

    dev ──▶ staging ──▶ limited ──▶ prod        `promote`, through the gates
                                     │
          prod ◀── the one before ───┘          `roll_back`, at once

Each function takes the route as it stands and returns a :class:`Draft` with the route's
arms as they will be, so that an event tells the whole state after it: what was in prod
on 3 March is one event to look up. Nothing here reads a clock, a store or a database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ketch.errors import Refused, UsageError
from ketch.package.digest import Digest
from ketch.package.names import Stage
from ketch.registry.events import Draft, Kind
from ketch.registry.gates import Candidate, Gate
from ketch.registry.policy import Policy
from ketch.registry.route import Approval, Arm, Place, Route, divided
from ketch.registry.share import Share, rest_of

_PLACES = {
    Stage.STAGING: Place.STAGING,
    Stage.LIMITED: Place.LIMITED,
    Stage.PROD: Place.PROD,
}
LONGEST_LINE = 20


def promote(
    route: Route,
    candidate: Candidate,
    stage: Stage,
    *,
    gates: Sequence[Gate],
    share: Share | None,
    salt: str,
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
        salt: Fresh randomness, used when a new rollout begins.
        reason: Why; an override needs one.
        override: Whether closed gates that are not strict are passed by.

    Raises:
        UsageError: The request makes no sense on this route.
        Refused: ``gate/closed``; the findings are the closed gates.
    """
    _check_request(route, candidate, stage, share, reason, override=override)
    closed = [gate for gate in gates if not gate.is_open and (gate.strict or not override)]
    _require_open(route, candidate.package, stage, closed)
    arms = {
        arm.place: arm
        for arm in route.arms
        if arm.place is Place.BASELINE or arm.digest != candidate.digest
    }
    if stage is not Stage.DEV:
        arms[_PLACES[stage]] = _arm(route, candidate, stage, share, salt)
    passed_by = [gate.name for gate in gates if not gate.is_open]
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
            "override": passed_by,
            "gates": [gate.to_json() for gate in gates],
            "evidence": candidate.evidence_digest,
            **_state(arms, route.policy, _promoted(route, candidate, stage)),
        },
    )


def roll_back(
    route: Route,
    *,
    to: tuple[str, Digest] | None,
    reason: str,
    withdrawn: Collection[Digest] = (),
) -> Draft:
    """Return the event that takes the newest package out of live traffic.

    Without ``to``: a package at limited loses its share, and prod stays; when there is
    none, the newest that held prod before and was not withdrawn comes back. With ``to``,
    that package holds prod, and limited ends. It needs no approval, for it held prod before.

    Args:
        route: The route as it stands.
        to: The package, when it is not the one before.
        reason: Why; a withdrawn package needs one.
        withdrawn: Those of the route's line that must not be used any more.

    Raises:
        Refused: ``rollback/nothing``: nothing to go back to; ``rollback/never-prod``;
            ``rollback/withdrawn``: the package was withdrawn, and no reason is given.
    """
    prod, limited = route.at(Place.PROD), route.at(Place.LIMITED)
    if to is None and limited is not None:
        target = None if prod is None else (prod.package, prod.digest)
    else:
        target = to or _before(route, withdrawn)
    if target is not None and target[1] not in route.held:
        raise Refused(
            f"`{target[0]}` never held prod on `{route.name}`",
            code="rollback/never-prod",
            hint=f"roll back to one of {_listed(route.line)}, or `ketch promote {target[0]} prod`",
        )
    if to is not None and to[1] in withdrawn and not reason.strip():
        raise Refused(
            f"`{to[0]}` was withdrawn",
            code="rollback/withdrawn",
            hint='roll back to another, or say why it has to be: `--reason "…"`',
        )
    arms = _without(route, Place.LIMITED)
    if target is not None:
        if (staged := arms.get(Place.STAGING)) and staged.digest == target[1]:
            del arms[Place.STAGING]
        arms[Place.PROD] = Arm(Place.PROD, *target)
    left = limited or prod
    return Draft(
        Kind.ROLLED_BACK,
        subject(route.name),
        {
            "package": None if target is None else target[0],
            "digest": None if target is None else str(target[1]),
            "from": None if left is None else left.package,
            "reason": reason,
            **_state(arms, route.policy, _walked_back(route.line, target)),
        },
    )


def approve(
    route: Route, candidate: Candidate, *, approver: str, reason: str, now: datetime
) -> Draft:
    """Return the event of a person's yes to a package in production.

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
    return Draft(
        Kind.APPROVED,
        subject(route.name),
        {**approval.to_json(), "stage": "prod", "reason": reason},
    )


def reject(route: Route, candidate: Candidate, *, reason: str) -> Draft:
    """Return the event of a person's no: approvals of the package hold no longer."""
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
    reason: str,
    gates: Sequence[Gate] = (),
) -> Draft:
    """Return the event that gives a route its rules, and its baseline a share.

    Args:
        route: The route as it stands.
        policy: The new rules.
        baseline: The digest of the baseline that the rules name.
        reason: Why.
        gates: Those of a baseline that did not answer here before.

    Raises:
        Refused: ``gate/closed``: the baseline may not answer; ``policy/shares``.
    """
    if policy.baseline is not None:
        _require_open(route, policy.baseline, "baseline", [g for g in gates if not g.is_open])
    arms = _without(route, Place.BASELINE)
    if policy.baseline is not None and baseline is not None:
        arms[Place.BASELINE] = Arm(Place.BASELINE, policy.baseline, baseline, policy.baseline_share)
    limited = arms.get(Place.LIMITED)
    if limited is not None and limited.share > rest_of(policy.baseline_share):
        raise Refused(
            f"`{limited.package}` has `{limited.share}` of `{route.name}`; beside it "
            f"`{policy.baseline_share}` for the baseline is too much",
            code="policy/shares",
            hint="lower one of the two",
        )
    return Draft(
        Kind.POLICY_SET,
        subject(route.name),
        {"reason": reason, **_state(arms, policy, route.line)},
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


def _arm(route: Route, candidate: Candidate, stage: Stage, share: Share | None, salt: str) -> Arm:
    arm = Arm(_PLACES[stage], candidate.package, candidate.digest)
    if stage is not Stage.LIMITED or share is None:
        return arm
    running = route.at(Place.LIMITED)
    goes_on = running is not None and running.digest == candidate.digest
    kept = running.salt if goes_on and running is not None else salt
    return replace(arm, share=share, salt=kept)


def _without(route: Route, place: Place) -> dict[Place, Arm]:
    return {arm.place: arm for arm in route.arms if arm.place is not place}


def _before(route: Route, withdrawn: Collection[Digest]) -> tuple[str, Digest]:
    """Return the package that held prod before the present one, and may again."""
    earlier = route.line[:-1]
    for package, digest in reversed(earlier):
        if digest not in withdrawn:
            return package, digest
    if earlier:
        raise Refused(
            f"all that held prod on `{route.name}` before was withdrawn: {_listed(earlier)}",
            code="rollback/nothing",
            hint=f'promote another package; or `ketch rollback {route.name} --to … --reason "…"`',
        )
    raise Refused(
        f"nothing held prod on `{route.name}` before",
        code="rollback/nothing",
        hint="promote another package, or set a baseline",
    )


Line = tuple[tuple[str, Digest], ...]


def _promoted(route: Route, candidate: Candidate, stage: Stage) -> Line:
    if stage is not Stage.PROD:
        return route.line
    return (*route.line, (candidate.package, candidate.digest))[-LONGEST_LINE:]


def _walked_back(line: Line, target: tuple[str, Digest] | None) -> Line:
    if target is None:
        return line
    for end in range(len(line), 0, -1):
        if line[end - 1][1] == target[1]:
            return line[:end]
    return (*line, target)[-LONGEST_LINE:]


def _state(arms: Mapping[Place, Arm], policy: Policy, line: Line) -> Mapping[str, object]:
    """Return the route as it is after an event, to be part of the event."""
    return {
        "arms": [arm.to_json() for arm in divided(arms, policy.baseline_share)],
        "policy": policy.to_json(),
        "line": [[package, str(digest)] for package, digest in line],
    }


def _listed(line: Line) -> str:
    return ", ".join(f"`{package}`" for package, _ in reversed(line)) or "none"
