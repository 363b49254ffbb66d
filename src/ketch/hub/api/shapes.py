"""What the API takes and gives, as types: the source of its checks and of its document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

LARGEST = 2**63 - 1
"""The largest whole number that every database holds."""

_DIGEST = "^sha256:[0-9a-f]{64}$"
_EXAMPLE = "sha256:" + "0" * 64

Count = Annotated[int, Meta(ge=0, le=LARGEST)]
Limit = Annotated[int, Meta(ge=1, le=500, description="At most so many.")]
DigestText = Annotated[str, Meta(pattern=_DIGEST, examples=[_EXAMPLE])]
ReferenceText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        description="`name:version`, `name@stage` or `name@sha256:…`.",
        examples=["shop:1.0.0"],
    ),
]
RouteText = Annotated[str, Meta(min_length=1, max_length=64, examples=["recommendations"])]
Reason = Annotated[str, Meta(max_length=4000, description="Why, for the history.")]
Line = Annotated[str, Meta(max_length=200)]
Share = Annotated[float, Meta(ge=0, le=1, description="A share of the units of a route.")]
StageText = Literal["dev", "staging", "limited", "prod"]
Revision = Annotated[
    int, Meta(ge=0, le=LARGEST, description="The revision that the route must still have.")
]


TimeText = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$",
        examples=["2026-03-03T12:00:00Z"],
        extra_json_schema={"format": "date-time"},
    ),
]


class Request(Struct, forbid_unknown_fields=True):
    """Anything that is asked: what is not known is refused, not passed by."""


# ---------------------------------------------------------------- asked in the query


class VersionsQuery(Request):
    """Which versions."""

    name: Annotated[Line, Meta(description="Only those of a package.")] | None = None
    search: (
        Annotated[Line, Meta(description="Only those with this in name, description or owner.")]
        | None
    ) = None
    after: Annotated[Count, Meta(description="`after` of the page before.")] | None = None
    limit: Limit = 50


class GatesQuery(Request):
    """Between what and what."""

    stage: StageText
    share: Share | None = None
    route: RouteText | None = None


class EventsQuery(Request):
    """Which events."""

    subject: (
        Annotated[Line, Meta(description="`route:NAME` or `package:NAME`: only its events.")] | None
    ) = None
    until: Annotated[TimeText, Meta(description="Only those up to a time.")] | None = None
    before: Annotated[Count, Meta(description="Only those before this one.")] | None = None
    limit: Limit = 50


class TimeQuery(Request):
    """When."""

    at: TimeText


# ---------------------------------------------------------------- asked in the body


class Publication(Request):
    """A package whose bytes are there."""

    name: Line
    digest: DigestText


class Withdrawal(Request):
    """Why a version must not be promoted any more."""

    reason: Reason


class HandOver(Request):
    """Who answers for a package from now on."""

    owner: Line
    reason: Reason = ""


class Promotion(Request):
    """A package, and where it goes."""

    package: ReferenceText
    stage: StageText
    share: Share | None = None
    reason: Reason = ""
    route: RouteText | None = None
    override: bool = False
    revision: Revision | None = None


class Approval(Request):
    """A yes to exactly these bytes in production."""

    package: ReferenceText
    reason: Reason = ""
    route: RouteText | None = None


class Rejection(Request):
    """A no to a package in production."""

    package: ReferenceText
    reason: Reason
    route: RouteText | None = None


class RollBack(Request):
    """Back to what held prod before, or to a package that did."""

    to: ReferenceText | None = None
    reason: Reason = ""
    evidence: Annotated[dict[str, Any], Meta(description="The numbers it is done on.")] | None = (
        None
    )
    revision: Revision | None = None


class Judging(Request):
    """What was concluded of the rollout under way."""

    verdict: Annotated[
        dict[str, Any],
        Meta(
            description="`rollout`, `digest` of the candidate, `action`, `sentence`; also "
            "`package`, `evidence`, `reason`."
        ),
    ]
    revision: Revision | None = None


class Drifting(Request):
    """What drifted in what a package is asked and answers."""

    finding: Annotated[
        dict[str, Any],
        Meta(
            description="`digest` of the package, `fields` that drifted, `sentence`; also "
            "`evidence`."
        ),
    ]


class PolicySetting(Request):
    """The rules of a route, as `ketch route set` reads them."""

    policy: dict[str, Any]
    reason: Reason = ""
    revision: Revision | None = None


class AuditRequest(Request):
    """A look at the whole history."""

    contains: (
        Annotated[
            str,
            Meta(
                pattern="^(0|[1-9][0-9]{0,17}):[0-9a-f]{64}$",
                description="A head kept elsewhere, as `ketch audit head` printed it.",
            ),
        ]
        | None
    ) = None


class TokenRequest(Request):
    """Somebody who is let in."""

    person: Line
    role: Literal["viewer", "publisher", "approver", "operator", "admin"]
    packages: Annotated[list[Line], Meta(max_length=50)] | None = None
    days: Annotated[int, Meta(ge=1, le=3660)] | None = None


# ---------------------------------------------------------------- given


class Person(Struct):
    """Whom a token stands for."""

    person: str
    role: str
    packages: list[str] | None


class Version(Struct, omit_defaults=True):
    """A published version: a name for one digest, for ever."""

    event: int
    name: str
    version: str
    digest: DigestText
    owner: str
    publisher: str
    published: str
    size_bytes: int
    description: str
    route: str | None = None
    withdrawn: str | None = None


class Versions(Struct):
    """A page of versions, and where the next begins."""

    versions: list[Version]
    after: int | None


class Event(Struct):
    """One fact of the history, with the seal of all before it."""

    seq: int
    time: str
    actor: str
    kind: str
    subject: str
    revision: int
    body: dict[str, Any]
    previous: str
    hash: str


class Events(Struct):
    """What happened, the newest first."""

    events: list[Event]


class Gate(Struct):
    """One condition of a promotion."""

    code: str
    open: bool
    says: str
    opens: str | None
    strict: bool


class Gates(Struct):
    """Every gate between a package and a stage."""

    gates: list[Gate]


class Layer(Struct):
    """The part of the units that an arm may touch, in millionths."""

    salt: str
    start: int
    end: int


class Arm(Struct, omit_defaults=True):
    """One package on a route."""

    stage: str
    package: str
    digest: DigestText
    share: float
    salt: str | None = None
    layer: Layer | None = None


class Arms(Struct):
    """Who answered on a route at a time."""

    arms: list[Arm]


class Approved(Struct):
    """One person's yes."""

    package: str
    digest: DigestText
    approver: str
    evidence: str
    expires: str


class Rejected(Struct):
    """One person's no, until somebody approves."""

    package: str
    digest: DigestText
    person: str
    time: str
    reason: str


class Judged(Struct):
    """The newest verdict on a package of a route."""

    rollout: str
    package: str
    digest: DigestText
    action: Literal["continue", "promote-ready", "roll-back", "hold"]
    sentence: str
    evidence: dict[str, Any]
    reason: str
    person: str
    time: str


class Held(Struct):
    """A package that held prod."""

    package: str
    digest: DigestText


class Route(Struct):
    """A route as it stands."""

    route: str
    revision: int
    arms: list[Arm]
    policy: dict[str, Any]
    approvals: list[Approved]
    rejections: list[Rejected]
    line: list[Held]
    held: list[DigestText]
    rollout: str | None
    verdicts: list[Judged]


class Routes(Struct):
    """Every route as it stands."""

    routes: list[Route]


class Head(Struct):
    """The end of the log."""

    seq: int
    hash: str
    time: str | None


class Finding(Struct, omit_defaults=True):
    """One thing that is wrong."""

    code: str
    message: str
    where: str | None = None
    hint: str | None = None
    blocks: bool = True


class Audit(Struct):
    """What looking at the whole history found."""

    clean: bool
    events: int
    head: Head
    findings: list[Finding]


class Token(Struct):
    """What is known of a token; never the token."""

    id: str
    person: str
    role: str
    packages: list[str] | None
    created: str
    expires: str | None
    revoked: str | None


class Tokens(Struct):
    """Every token that was ever made."""

    tokens: list[Token]


class NewToken(Struct):
    """A token, shown once."""

    token: str
    known: Token


class Problem(Struct, omit_defaults=True):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    where: str | None = None
    hint: str | None = None
    findings: list[Finding] = []
