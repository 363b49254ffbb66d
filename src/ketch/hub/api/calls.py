"""The table of calls: method and path, the role it needs, what it takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ketch.hub.access import Role
from ketch.hub.api import acts, shapes
from ketch.hub.api.asking import MOST_BYTES, Asked, endpoint
from ketch.hub.routing import Entry

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API.

    Attributes:
        method, path: Where it is, below the prefix.
        needs: The role without which nobody makes it.
        act: What it does; returns the value that is answered.
        says: What it does, in one line.
        gives: What is answered.
        body, query: What is asked.
        package: The part of the path that names a package.
        matched: Whether ``If-Match`` may name the revision a route must still have.
    """

    method: str
    path: str
    needs: Role
    act: Callable[[Asked], object]
    says: str
    gives: type[Any]
    body: type[Any] | None = None
    query: type[Any] | None = None
    package: str | None = None
    matched: bool = False


CALLS: tuple[Call, ...] = (
    Call("GET", "/me", Role.VIEWER, acts.me, "Whom the token stands for.", shapes.Person),
    Call(
        *("GET", "/versions", Role.VIEWER, acts.versions),
        *("Published versions, the newest first.", shapes.Versions),
        query=shapes.VersionsQuery,
    ),
    Call(
        *("POST", "/versions", Role.PUBLISHER, acts.publish),
        *("Publish a package whose bytes are there: its version means them for ever.",),
        shapes.Event,
        body=shapes.Publication,
    ),
    Call(
        *("GET", "/versions/{reference}", Role.VIEWER, acts.resolve),
        *("The version that a reference means now.", shapes.Version),
    ),
    Call(
        *("POST", "/versions/{reference}/withdrawal", Role.PUBLISHER, acts.withdraw),
        *("Say that a version must not be promoted any more.", shapes.Event),
        body=shapes.Withdrawal,
    ),
    Call(
        *("GET", "/versions/{reference}/gates", Role.VIEWER, acts.gates),
        *("Every gate between a package and a stage.", shapes.Gates),
        query=shapes.GatesQuery,
    ),
    Call(
        *("PUT", "/packages/{name}/owner", Role.OPERATOR, acts.hand_over),
        *("Hand a package over to somebody else.", shapes.Event),
        body=shapes.HandOver,
        package="name",
    ),
    Call(
        *("POST", "/promotions", Role.PUBLISHER, acts.promote),
        "Move a package to a stage; anywhere but to staging needs an operator.",
        shapes.Event,
        body=shapes.Promotion,
    ),
    Call(
        *("POST", "/approvals", Role.APPROVER, acts.approve),
        *("Say yes to a package in production.", shapes.Event),
        body=shapes.Approval,
    ),
    Call(
        *("POST", "/rejections", Role.APPROVER, acts.reject),
        *("Say no to a package in production.", shapes.Event),
        body=shapes.Rejection,
    ),
    Call("GET", "/routes", Role.VIEWER, acts.routes, "Every route as it stands.", shapes.Routes),
    Call(
        *("GET", "/routes/{route}", Role.VIEWER, acts.route),
        *("A route as it stands; its revision is its ETag.", shapes.Route),
    ),
    Call(
        *("GET", "/routes/{route}/arms", Role.VIEWER, acts.arms),
        *("Who answered on a route at a time.", shapes.Arms),
        query=shapes.TimeQuery,
    ),
    Call(
        *("PUT", "/routes/{route}/policy", Role.OPERATOR, acts.set_policy),
        *("Give a route its rules.", shapes.Event),
        body=shapes.PolicySetting,
        matched=True,
    ),
    Call(
        *("POST", "/routes/{route}/rollback", Role.OPERATOR, acts.roll_back),
        *("Take the newest package of a route out of live traffic, at once.", shapes.Event),
        body=shapes.RollBack,
        matched=True,
    ),
    Call(
        *("POST", "/routes/{route}/verdict", Role.OPERATOR, acts.judge),
        *("Record what was concluded of the rollout under way on a route.", shapes.Event),
        body=shapes.Judging,
        matched=True,
    ),
    Call(
        *("POST", "/routes/{route}/drift", Role.OPERATOR, acts.note_drift),
        *("Record what drifted in what a package is asked and answers.", shapes.Event),
        body=shapes.Drifting,
    ),
    Call(
        *("GET", "/events", Role.VIEWER, acts.events, "What happened, the newest first."),
        shapes.Events,
        query=shapes.EventsQuery,
    ),
    Call(
        *("GET", "/audit/head", Role.VIEWER, acts.head),
        *("The end of the history, to be kept elsewhere.", shapes.Head),
    ),
    Call(
        *("POST", "/audit", Role.VIEWER, acts.audit),
        *("Check every seal of the history, and that the tables say what it says.", shapes.Audit),
        body=shapes.AuditRequest,
    ),
    Call(
        *("GET", "/tokens", Role.ADMIN, acts.tokens),
        *("Every token that was ever made.", shapes.Tokens),
    ),
    Call(
        *("POST", "/tokens", Role.ADMIN, acts.create_token),
        *("Let somebody in; the token is shown once.", shapes.NewToken),
        body=shapes.TokenRequest,
    ),
    Call(
        *("DELETE", "/tokens/{token}", Role.ADMIN, acts.revoke_token),
        *("End a token at once.", shapes.Token),
    ),
)


def entries(behind: acts.Behind, pool: ThreadPoolExecutor) -> Sequence[Entry]:
    """Return the calls as rows of the hub's table of routes."""
    return tuple(_entry(call, behind, pool) for call in CALLS)


def _entry(call: Call, behind: acts.Behind, pool: ThreadPoolExecutor) -> Entry:
    return Entry(
        call.method,
        f"{PREFIX}{call.path}",
        call.needs,
        endpoint(call.act, behind, pool, body=call.body, query=call.query, matched=call.matched),
        package=call.package,
        most_bytes=MOST_BYTES if call.body is not None else 0,
        says=call.says,
    )
