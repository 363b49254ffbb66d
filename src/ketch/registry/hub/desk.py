"""A desk at a hub: every act is one call of its API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast
from urllib.parse import quote

from ketch.errors import KetchError
from ketch.package import Digest, PackageName, Reference, Stage
from ketch.registry.desk import PAGE
from ketch.registry.drifting import read_finding
from ketch.registry.events import Event, Head, write_time
from ketch.registry.fsck import Audit
from ketch.registry.gates import Gate
from ketch.registry.judging import evidence_of, read_verdict
from ketch.registry.policy import Policy
from ketch.registry.registry import Page
from ketch.registry.route import Arm, Route
from ketch.registry.share import Share
from ketch.registry.sql.database import unwritable
from ketch.registry.sql.queries import Version
from ketch.remote.http import Session
from ketch.remote.replies import malformed

T = TypeVar("T")

_PREFIX = "/api/v1"
_MOST = 500
"""What a hub tells in one page."""


class HubDesk:
    """A desk at a hub; the person is the one its token stands for.

    Args:
        session: The way to the hub.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def me(self) -> Mapping[str, object]:
        """Return whom the token stands for."""
        return self._get("/me", lambda body: cast("Mapping[str, object]", body))

    def publish(self, name: PackageName, digest: Digest) -> Event:
        """Record that a package, whose bytes are there, is its version for ever."""
        said = {"name": str(name), "digest": str(digest)}
        return self._change("POST", "/versions", said, again=True)

    def withdraw(self, reference: Reference, *, reason: str) -> Event:
        """Record that a version must not be promoted any more."""
        return self._change("POST", f"/versions/{_part(reference)}/withdrawal", {"reason": reason})

    def hand_over(self, name: PackageName, to: str, *, reason: str = "") -> Event:
        """Record that somebody else answers for a package from now on."""
        said = {"owner": to, "reason": reason}
        return self._change("PUT", f"/packages/{_part(name)}/owner", said)

    def resolve(self, reference: Reference) -> Version:
        """Return the version that a reference means now."""
        return self._get(f"/versions/{_part(reference)}", Version.from_json)

    def versions(
        self,
        *,
        name: str | None = None,
        search: str | None = None,
        after: int | None = None,
        limit: int = PAGE,
    ) -> Page:
        """Return a page of versions, the newest published first."""
        found: list[Version] = []
        while True:
            asked = min(_MOST, limit - len(found))
            query = {"name": name, "search": search, "after": after, "limit": asked}
            page = self._get("/versions", Page.from_json, query)
            found += page.items
            after = page.after
            if after is None or len(found) >= limit:
                return Page(tuple(found), after)

    def promote(
        self,
        reference: Reference,
        stage: Stage,
        *,
        share: Share | None = None,
        reason: str = "",
        route: str | None = None,
        override: bool = False,
        expected: int | None = None,
    ) -> Event:
        """Move a package to a stage of its route, through every gate."""
        said = {
            "package": str(reference),
            "stage": str(stage),
            "share": None if share is None else share.fraction,
            "reason": reason,
            "route": route,
            "override": override,
            "revision": expected,
        }
        return self._change("POST", "/promotions", said)

    def gates(
        self,
        reference: Reference,
        stage: Stage,
        *,
        share: Share | None = None,
        route: str | None = None,
    ) -> tuple[Gate, ...]:
        """Return every gate between a package and a stage, as things stand."""
        query = {
            "stage": str(stage),
            "share": None if share is None else repr(share.fraction),
            "route": route,
        }
        return self._get(
            f"/versions/{_part(reference)}/gates",
            lambda body: tuple(map(Gate.from_told, body["gates"])),
            query,
        )

    def approve(self, reference: Reference, *, reason: str = "", route: str | None = None) -> Event:
        """Record this person's yes to exactly these bytes in production."""
        said = {"package": str(reference), "reason": reason, "route": route}
        return self._change("POST", "/approvals", said)

    def reject(self, reference: Reference, *, reason: str, route: str | None = None) -> Event:
        """Record this person's no; approvals of the package hold no longer."""
        said = {"package": str(reference), "reason": reason, "route": route}
        return self._change("POST", "/rejections", said)

    def roll_back(
        self,
        route: str,
        *,
        reason: str = "",
        to: Reference | None = None,
        evidence: Mapping[str, object] | None = None,
        expected: int | None = None,
    ) -> Event:
        """Take the newest package of a route out of live traffic, at once."""
        said = {
            "to": None if to is None else str(to),
            "reason": reason,
            **evidence_of(evidence),
            "revision": expected,
        }
        return self._change("POST", f"/routes/{_part(route)}/rollback", said)

    def judge(
        self, route: str, verdict: Mapping[str, object], *, expected: int | None = None
    ) -> Event:
        """Record what was concluded of the rollout under way on a route, in JSON form."""
        said = {"verdict": read_verdict(verdict), "revision": expected}
        return self._change("POST", f"/routes/{_part(route)}/verdict", said)

    def note_drift(self, route: str, finding: Mapping[str, object]) -> Event:
        """Record what drifted in what a package on a route is asked, in JSON form."""
        said = {"finding": read_finding(finding)}
        return self._change("POST", f"/routes/{_part(route)}/drift", said)

    def set_policy(
        self, route: str, policy: Policy, *, reason: str = "", expected: int | None = None
    ) -> Event:
        """Give a route its rules."""
        said = {"policy": policy.to_json(), "reason": reason, "revision": expected}
        return self._change("PUT", f"/routes/{_part(route)}/policy", said)

    def route(self, name: str) -> Route:
        """Return a route as it stands."""
        return self._get(f"/routes/{_part(name)}", Route.from_json)

    def routes(self) -> tuple[Route, ...]:
        """Return every route as it stands, by name."""
        return self._get("/routes", lambda body: tuple(map(Route.from_json, body["routes"])))

    def arms_at(self, route: str, time: datetime) -> tuple[Arm, ...]:
        """Return who answered on a route at a time."""
        return self._get(
            f"/routes/{_part(route)}/arms",
            lambda body: tuple(map(Arm.from_json, body["arms"])),
            {"at": write_time(time)},
        )

    def history(
        self,
        *,
        subject: str | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = PAGE,
    ) -> tuple[Event, ...]:
        """Return what happened, the newest first."""
        found: list[Event] = []
        while len(found) < limit:
            asked = min(_MOST, limit - len(found))
            query = {
                "subject": subject,
                "until": None if until is None else write_time(until),
                "before": before,
                "limit": asked,
            }
            events = self._get("/events", lambda body: list(map(_event, body["events"])), query)
            found += events
            if len(events) < asked:
                break
            before = events[-1].seq
        return tuple(found)

    def head(self) -> Head:
        """Return the end of the log, to be kept elsewhere."""
        return self._get("/audit/head", Head.from_json)

    def audit(self, *, contains: Head | None = None) -> Audit:
        """Check every seal of the log, and that the tables say what the log says."""
        said = {} if contains is None else {"contains": f"{contains.seq}:{contains.hash}"}
        reply = self._session.request("POST", f"{_PREFIX}/audit", json=said, again=True)
        return _read(reply.json(), reply.url, Audit.from_json)

    def _get(
        self,
        path: str,
        read: Callable[[Mapping[str, Any]], T],
        query: Mapping[str, str | int | None] | None = None,
    ) -> T:
        said = {name: _sent(value) for name, value in (query or {}).items() if value is not None}
        reply = self._session.request("GET", f"{_PREFIX}{path}", query=said)
        return _read(reply.json(), reply.url, read)

    def _change(
        self, method: str, path: str, said: Mapping[str, object], *, again: bool = False
    ) -> Event:
        body = {name: _sent(value) for name, value in said.items() if value is not None}
        reply = self._session.request(method, f"{_PREFIX}{path}", json=body, again=again)
        return _read(reply.json(), reply.url, _event)


def _event(body: Mapping[str, object]) -> Event:
    return Event.from_json(body)


def _read(body: object, url: str, read: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        return read(cast("Mapping[str, Any]", body))
    except (KetchError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise malformed("what a hub of this version answers, found otherwise", url) from error


def _part(text: object) -> str:
    """Return text as one part of a path; ``:`` and ``@`` may stand there as they are."""
    return quote(_sent(str(text)), safe=":@")


def _sent(value: T) -> T:
    """Return what can be sent; a terminal may give text that is none."""
    try:
        str(value).encode()
    except UnicodeEncodeError as error:
        raise unwritable(error) from error
    return value
