"""The gates of a promotion: what a package must show before it moves up.

=========  ========================================================================
to         gates
=========  ========================================================================
staging    it is not withdrawn; its contract was kept when it was last verified;
           a publisher whom the policy names signed it
limited    also: it fits the callers of the route; it takes the unit that the policy
           names; something answers the rest; a comparison with prod, where the policy
           asks for one
baseline   all but the experiment: it is what others are measured against
prod       also: the newest verdict on its rollout says it is ready, when something is in
           prod already and the policy asks for one; approvals, by people who did not
           publish it, and no rejection after them; the signature of an approver whom the
           policy names
=========  ========================================================================

A package that held prod before comes back without experiment and approvals, unless it was
rejected: retreat must be quick. An override with a reason opens comparison, experiment and
approvals, never the others, and stands in the history as what it is. Every gate is looked
at, so that a refusal names all that is in the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ketch.errors import Finding
from ketch.package.digest import Digest
from ketch.package.names import Stage
from ketch.package.paths import printable
from ketch.registry.policy import Policy
from ketch.registry.route import Place, Rejection, Route
from ketch.registry.share import Share, room_of
from ketch.rollout.terms import Action
from ketch.schema import Int, Schema, String, did_you_mean
from ketch.schema.compatible import incompatibilities

_TOLD = "; a hub learns of it by `ketch push`"


class Proof(StrEnum):
    """What kind of evidence there is about a package."""

    VERIFICATION = "verification"
    COMPARISON = "comparison"
    EXPERIMENT = "experiment"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What somebody found out about a package, in one word and one digest.

    Attributes:
        kind: How it was found out.
        passed: Whether it speaks for the package.
        digest: Of what was found, times and durations aside; of a signature, the
            fingerprint of its key.
        against: Of a comparison: the package that it was compared with.
    """

    kind: Proof
    passed: bool
    digest: str
    against: Digest | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A package that somebody wants to move, and all that is known about it.

    Attributes:
        package: ``name:version``.
        digest: The package, exactly.
        publisher: Who published it.
        withdrawn: Why it was withdrawn, if it was.
        schema: Its prediction API.
        evidence: The newest of each kind, of comparisons the newest with each other package,
            and every signature.
    """

    package: str
    digest: Digest
    publisher: str
    withdrawn: str | None
    schema: Schema
    evidence: tuple[Evidence, ...]

    def proof(self, kind: Proof) -> Evidence | None:
        """Return the evidence of a kind."""
        return next((one for one in self.evidence if one.kind is kind), None)

    @property
    def evidence_digest(self) -> str:
        """What an approval is bound to, beside the package itself.

        One more signature says nothing new about a package.
        """
        found = [one for one in self.evidence if one.kind is not Proof.SIGNATURE]
        seen = sorted(f"{one.kind}:{one.passed}:{one.digest}" for one in found)
        return str(Digest.of("\n".join(seen).encode()))


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of a promotion.

    Attributes:
        code: What it is called, such as ``gate/approval``.
        is_open: Whether it lets the package through.
        says: What was found.
        opens: What would open it.
        strict: Whether an override leaves it closed.
    """

    code: str
    is_open: bool
    says: str
    opens: str | None = None
    strict: bool = True

    @property
    def name(self) -> str:
        """The gate's name in the history."""
        return self.code.removeprefix("gate/")

    def to_json(self) -> dict[str, object]:
        """Return the gate as events hold it."""
        return {"name": self.name, "open": self.is_open, "says": self.says}

    def told(self) -> dict[str, object]:
        """Return all of the gate, for somebody who wants to open it."""
        return {
            "code": self.code,
            "open": self.is_open,
            "says": self.says,
            "opens": self.opens,
            "strict": self.strict,
        }

    @classmethod
    def from_told(cls, body: Mapping[str, object]) -> Gate:
        """Read what :meth:`told` returned."""
        opens = body["opens"]
        return cls(
            str(body["code"]),
            body["open"] is True,
            str(body["says"]),
            None if opens is None else str(opens),
            body["strict"] is True,
        )

    def to_finding(self) -> Finding:
        """Return the closed gate as a finding."""
        return Finding(self.code, self.says, hint=self.opens)


def gates(
    candidate: Candidate,
    route: Route,
    stage: Stage,
    *,
    share: Share | None,
    callers: Schema | None,
    now: datetime,
) -> tuple[Gate, ...]:
    """Return every gate between a package and a stage of a route.

    Args:
        candidate: The package.
        route: The route as it stands.
        stage: Where it is to go: staging, limited or prod.
        share: The share it is to get at limited.
        callers: The schema that callers of the route rely on; None when nobody calls yet.
        now: The present, for approvals that expire.
    """
    policy = route.policy
    found = [_published(candidate), _verified(candidate)]
    found += _signed("gate/publisher-signature", candidate, policy.publishers)
    if stage in (Stage.LIMITED, Stage.PROD):
        found += [_fits(candidate, callers), *_takes_unit(candidate, policy.unit)]
    if stage is Stage.LIMITED:
        found += [_rest(route, candidate, share), *_compared(candidate, route)]
    if stage is Stage.PROD:
        found += [*_tried(candidate, route), *_approved(candidate, route, now)]
        found += _countersigned(candidate, policy)
    return tuple(found)


def valid_approvers(candidate: Candidate, route: Route, now: datetime) -> tuple[str, ...]:
    """Return who approves of a package going to prod, on the evidence as it stands now."""
    return tuple(
        approval.approver
        for approval in route.approvals
        if approval.digest == candidate.digest
        and approval.approver != candidate.publisher
        and approval.evidence == candidate.evidence_digest
        and now < approval.expires
    )


def _published(candidate: Candidate) -> Gate:
    if candidate.withdrawn is None:
        return Gate("gate/published", is_open=True, says="published, not withdrawn")
    says = f"`{candidate.package}` was withdrawn: {candidate.withdrawn}"
    return Gate("gate/published", is_open=False, says=says, opens="publish a new version")


def _verified(candidate: Candidate) -> Gate:
    proof = candidate.proof(Proof.VERIFICATION)
    if proof is not None and proof.passed:
        return Gate("gate/verification", is_open=True, says="kept its contract when last verified")
    says = "was never verified" if proof is None else "broke its contract when last verified"
    opens = f"`ketch verify {candidate.package}`{_TOLD}"
    return Gate(
        "gate/verification", is_open=False, says=f"`{candidate.package}` {says}", opens=opens
    )


def _signed(code: str, candidate: Candidate, people: Mapping[str, str]) -> Iterator[Gate]:
    """Yield the gate of a signature, where the policy names people to give it."""
    if people:
        yield _signature(code, candidate, people)


def _countersigned(candidate: Candidate, policy: Policy) -> Iterator[Gate]:
    """Yield the gate of an approver's signature, where the policy names approvers."""
    if not policy.approvers:
        return
    vouched = _signers(candidate, policy.publishers)
    others = {
        person: key
        for person, key in policy.approvers.items()
        if person != candidate.publisher and _is_second(person, key, vouched)
    }
    yield _signature("gate/approver-signature", candidate, others)


def _is_second(person: str, key: str, vouched: Mapping[str, str]) -> bool:
    """Whether somebody is another one than whoever alone signed as a publisher."""
    return not vouched or any(who != person and one != key for who, one in vouched.items())


def _signature(code: str, candidate: Candidate, people: Mapping[str, str]) -> Gate:
    signed = ", ".join(sorted(_signers(candidate, people)))
    wanted = _any_of(people) or "an approver who did not publish it"
    says = f"signed by {signed}" if signed else f"expected a signature by {wanted}, found none"
    opens = f"`ketch sign {candidate.package} --key …`, by {wanted}{_TOLD}"
    return Gate(code, bool(signed), says, opens)


def _signers(candidate: Candidate, people: Mapping[str, str]) -> dict[str, str]:
    """Return those of the people whose key signed a package."""
    keys = {one.digest for one in candidate.evidence if one.kind is Proof.SIGNATURE}
    return {person: key for person, key in people.items() if key in keys}


def _any_of(people: Iterable[str]) -> str:
    return " or ".join(sorted(people))


def _fits(candidate: Candidate, callers: Schema | None) -> Gate:
    if callers is None:
        return Gate("gate/schema", is_open=True, says="nobody calls the route yet")
    findings = incompatibilities(callers, candidate.schema)
    if not findings:
        return Gate(
            "gate/schema", is_open=True, says="accepts all that callers send, gives no less"
        )
    listed = "; ".join(f"`{one.where}`: {one.message}" for one in findings[:5])
    more = f"; and {len(findings) - 5} more" if len(findings) > 5 else ""
    opens = "change the schema back, or give the new one a route of its own"
    return Gate("gate/schema", is_open=False, says=f"{listed}{more}", opens=opens)


def _takes_unit(candidate: Candidate, unit: str | None) -> Iterator[Gate]:
    """Yield the gate of the unit, where the policy names the input that holds it."""
    if unit is None:
        return
    types = {one.name: one.type for one in candidate.schema.inputs}
    if isinstance(types.get(unit), String | Int):
        yield Gate("gate/unit", is_open=True, says=f"takes `{unit}`, the unit of the route")
        return
    found = f"`{types[unit]}`" if unit in types else "no such input"
    says = f"`inputs.{unit}`: expected text or a whole number, the unit of the route, found {found}"
    opens = "add it to `[inputs]` of a new version, or name another `unit` in the route's policy"
    near = did_you_mean(unit, types) if unit not in types else None
    yield Gate("gate/unit", is_open=False, says=says, opens=f"{near} {opens}" if near else opens)


def _rest(route: Route, candidate: Candidate, share: Share | None) -> Gate:
    others = [arm for arm in route.arms if arm.digest != candidate.digest]
    places = {arm.place for arm in others}
    if not places & {Place.PROD, Place.BASELINE}:
        says = f"nothing else answers on `{route.name}`, so the rest of the units had no answer"
        opens = "promote a package to prod first, or set a baseline in the route's policy"
        return Gate("gate/rest", is_open=False, says=says, opens=opens)
    held_out = route.policy.baseline_share
    draw = route.drawn(candidate.digest)
    layer = route.policy.layer if draw is None else draw.layer
    if share is not None and share > (room := room_of(held_out, layer)):
        says = f"`{share}` and the baseline's `{held_out}` are more than all units"
        if layer is not None:
            says = (
                f"expected at most `{room}`, what its layer and the baseline leave, found `{share}`"
            )
        return Gate("gate/rest", is_open=False, says=says, opens="ask for a smaller share")
    return Gate("gate/rest", is_open=True, says="the rest of the units is answered")


def _compared(candidate: Candidate, route: Route) -> Iterator[Gate]:
    prod = route.at(Place.PROD)
    if not route.policy.comparison or prod is None:
        return
    recorded = f"`ketch compare {prod.package} {candidate.package} --record`{_TOLD}"
    opens = f"{recorded}; or override with a reason"
    found = [one for one in candidate.evidence if one.kind is Proof.COMPARISON]
    proof = next((one for one in found if one.against == prod.digest), None)
    if proof is not None and proof.passed:
        says = f"nothing speaks against it beside `{prod.package}`"
        yield Gate("gate/comparison", is_open=True, says=says, strict=False)
        return
    says = f"it was never compared with `{prod.package}`"
    if proof is not None:
        says = f"the comparison with `{prod.package}` speaks against it"
        opens = f"publish a version that does better; {opens}"
    yield Gate("gate/comparison", is_open=False, says=says, opens=opens, strict=False)


def _tried(candidate: Candidate, route: Route) -> Iterator[Gate]:
    prod = route.at(Place.PROD)
    if not route.policy.experiment or prod is None or candidate.digest in route.held:
        return
    yield _judged(candidate, route)


def _judged(candidate: Candidate, route: Route) -> Gate:
    """Return the gate of the experiment: what the newest verdict on its rollout says."""
    running = route.drawn(candidate.digest) is not None
    verdict = route.verdict if running else None
    if verdict is not None and verdict.passed:
        return Gate("gate/experiment", is_open=True, says=verdict.sentence, strict=False)
    if not running:
        says = "it is not at limited, so no rollout says how it does"
        opens = f"`ketch promote {candidate.package} limited --share …`, and wait for a verdict"
    elif verdict is None:
        says = "no verdict on its rollout yet"
        opens = "let the guard watch it until it is ready to promote"
    elif verdict.action is Action.ROLL_BACK:
        says, opens = verdict.sentence, "publish a version that does better"
    else:
        says, opens = verdict.sentence, "let it run on until it is ready to promote"
    opens = f"{opens}; or override with a reason"
    return Gate("gate/experiment", is_open=False, says=says, opens=opens, strict=False)


def _approved(candidate: Candidate, route: Route, now: datetime) -> Iterator[Gate]:
    opens = f"`ketch approve {candidate.package}`, by somebody other than {candidate.publisher}"
    rejected = [_told(one) for one in route.rejections if one.digest == candidate.digest]
    if rejected:
        opens = f"publish a version without what was wrong; or {opens}, takes the no back"
        yield Gate(
            "gate/approval", is_open=False, says="; ".join(rejected), opens=opens, strict=False
        )
        return
    wanted = route.policy.approvals
    if wanted == 0 or candidate.digest in route.held:
        return
    approvers = valid_approvers(candidate, route, now)
    given = f"approved by {', '.join(approvers)}" if approvers else "nobody approved it"
    says = f"{given}; {wanted} needed"
    stale = {one.approver for one in route.approvals if one.digest == candidate.digest}
    if stale - set(approvers):
        old = ", ".join(sorted(stale - set(approvers)))
        says += f"; no longer valid, for it is too old or more is known since: {old}"
    yield Gate("gate/approval", len(set(approvers)) >= wanted, says, opens, strict=False)


def _told(rejection: Rejection) -> str:
    when = f"{rejection.time:%Y-%m-%d %H:%M} UTC"
    reason = printable(" ".join(rejection.reason.split()), 300)
    return f"rejected by {rejection.person} on {when}: {reason}"
