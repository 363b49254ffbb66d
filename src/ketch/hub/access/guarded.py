"""A desk that lets its person do what their token allows, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from ketch.errors import NotFound, Refused
from ketch.hub.access.roles import Identity, Role, not_covered
from ketch.package import Digest, PackageName, Reference, Stage
from ketch.registry import (
    Approval,
    Arm,
    Audit,
    Event,
    Gate,
    Head,
    Known,
    LocalDesk,
    Page,
    Policy,
    Registry,
    Rejection,
    Route,
    Share,
    Version,
)
from ketch.registry.desk import PAGE
from ketch.store import Store


class GuardedDesk(LocalDesk):
    """A desk of somebody who came with a token.

    A token that is limited to some packages changes a route only when all that answers
    there is covered; the route must still be the one that was looked at.

    Args:
        registry, store, known: As for :class:`LocalDesk`.
        identity: Who stands at the desk.
    """

    def __init__(
        self, registry: Registry, store: Store, identity: Identity, *, known: Known | None = None
    ) -> None:
        super().__init__(registry, store, identity.person, known=known)
        self.identity = identity

    def publish(self, name: PackageName, digest: Digest) -> Event:
        """Record that a package is its version for ever; for publishers."""
        self.identity.require(Role.PUBLISHER, str(name))
        return super().publish(name, digest)

    def withdraw(self, reference: Reference, *, reason: str) -> Event:
        """Record that a version must not be promoted any more; for publishers."""
        self.identity.require(Role.PUBLISHER, str(reference.name))
        with self._discreet():
            return super().withdraw(reference, reason=reason)

    def hand_over(self, name: PackageName, to: str, *, reason: str = "") -> Event:
        """Record that somebody else answers for a package; for operators."""
        self.identity.require(Role.OPERATOR, str(name))
        with self._discreet():
            return super().hand_over(name, to, reason=reason)

    def resolve(self, reference: Reference) -> Version:
        """Return the version that a reference means now."""
        self.identity.require(Role.VIEWER, str(reference.name))
        with self._discreet():
            return super().resolve(reference)

    def versions(
        self,
        *,
        name: str | None = None,
        search: str | None = None,
        after: int | None = None,
        limit: int = PAGE,
    ) -> Page:
        """Return a page of the versions that the token covers."""
        self.identity.require(Role.VIEWER, name)
        among = self.identity.packages
        return self.registry.versions(
            name=name, among=among, search=search, after=after, limit=limit
        )

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
        """Move a package; to staging for publishers, anywhere else for operators."""
        role = Role.PUBLISHER if stage is Stage.STAGING else Role.OPERATOR
        self.identity.require(role, str(reference.name))
        with self._discreet():
            version = self.registry.resolve(reference)
            return super().promote(
                Reference(reference.name, version.digest),
                stage,
                share=share,
                reason=reason,
                route=route,
                override=override,
                expected=self._covered(route or version.route, expected),
            )

    def gates(
        self,
        reference: Reference,
        stage: Stage,
        *,
        share: Share | None = None,
        route: str | None = None,
    ) -> tuple[Gate, ...]:
        """Return every gate between a package and a stage."""
        self.identity.require(Role.VIEWER, str(reference.name))
        with self._discreet():
            self._covered(route or self.registry.resolve(reference).route, None)
            return super().gates(reference, stage, share=share, route=route)

    def approve(self, reference: Reference, *, reason: str = "", route: str | None = None) -> Event:
        """Record this person's yes; for approvers."""
        self.identity.require(Role.APPROVER, str(reference.name))
        with self._discreet():
            self._covered(route or self.registry.resolve(reference).route, None)
            return super().approve(reference, reason=reason, route=route)

    def reject(self, reference: Reference, *, reason: str, route: str | None = None) -> Event:
        """Record this person's no; for approvers."""
        self.identity.require(Role.APPROVER, str(reference.name))
        with self._discreet():
            self._covered(route or self.registry.resolve(reference).route, None)
            return super().reject(reference, reason=reason, route=route)

    def roll_back(
        self,
        route: str,
        *,
        reason: str = "",
        to: Reference | None = None,
        evidence: Mapping[str, object] | None = None,
        expected: int | None = None,
    ) -> Event:
        """Take the newest package of a route out of live traffic; for operators."""
        self.identity.require(Role.OPERATOR, None if to is None else str(to.name))
        with self._discreet():
            seen = self._covered(route, expected)
            return super().roll_back(route, reason=reason, to=to, evidence=evidence, expected=seen)

    def judge(
        self, route: str, verdict: Mapping[str, object], *, expected: int | None = None
    ) -> Event:
        """Record what was concluded of the rollout under way; for operators."""
        self.identity.require(Role.OPERATOR)
        with self._discreet():
            seen = self._covered(route, expected)
            return super().judge(route, verdict, expected=seen)

    def note_drift(self, route: str, finding: Mapping[str, object]) -> Event:
        """Record what drifted in what a package on a route is asked; for operators."""
        self.identity.require(Role.OPERATOR)
        with self._discreet():
            self._covered(route, None)
            return super().note_drift(route, finding)

    def set_policy(
        self, route: str, policy: Policy, *, reason: str = "", expected: int | None = None
    ) -> Event:
        """Give a route its rules; for operators."""
        baseline = policy.baseline and policy.baseline.partition(":")[0]
        self.identity.require(Role.OPERATOR, baseline)
        with self._discreet():
            seen = self._covered(route, expected)
            return super().set_policy(route, policy, reason=reason, expected=seen)

    def route(self, name: str) -> Route:
        """Return a route as it stands."""
        self.identity.require(Role.VIEWER)
        with self._discreet():
            found = super().route(name)
        if not self._sees(found):
            raise not_covered(self.identity)
        return found

    def routes(self) -> tuple[Route, ...]:
        """Return every route on which something answers that the token covers."""
        self.identity.require(Role.VIEWER)
        return tuple(route for route in super().routes() if self._sees(route))

    def arms_at(self, route: str, time: datetime) -> tuple[Arm, ...]:
        """Return who answered on a route at a time."""
        self.route(route)
        return super().arms_at(route, time)

    def history(
        self,
        *,
        subject: str | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = PAGE,
    ) -> tuple[Event, ...]:
        """Return what happened; a limited token must say to which package or route."""
        self.identity.require(Role.VIEWER)
        kind, _, name = (subject or "").partition(":")
        if self.identity.packages is not None:
            self._check_subject(kind, name)
        return super().history(subject=subject, until=until, before=before, limit=limit)

    def head(self) -> Head:
        """Return the end of the log."""
        self.identity.require(Role.VIEWER)
        return super().head()

    def audit(self, *, contains: Head | None = None) -> Audit:
        """Check the whole log; for those whose token is not limited."""
        self.identity.require(Role.VIEWER)
        if self.identity.packages is not None:
            raise not_covered(self.identity)
        return super().audit(contains=contains)

    def _check_subject(self, kind: str, name: str) -> None:
        if kind == "package":
            self.identity.require(Role.VIEWER, name)
        elif kind == "route":
            self.route(name)
        else:
            refused = not_covered(self.identity)
            refused.hint = f"ask for one of them: `ketch history --package NAME`; or {refused.hint}"
            raise refused

    def _covered(self, name: str | None, expected: int | None) -> int | None:
        """Return the revision at which a route's packages are all covered; None if any may be."""
        if self.identity.packages is None or name is None:
            return expected
        try:
            found = self.registry.route(name)
        except NotFound:
            return 0  # nobody answers there yet; it must still be so
        if not all(map(self.identity.covers, _names(found.arms))):
            raise not_covered(self.identity)
        return found.revision if expected is None else expected

    def _sees(self, route: Route) -> bool:
        """Whether a route concerns the token: one that was emptied is still whose it was."""
        if self.identity.packages is None:
            return True
        names = _names((*route.arms, *route.approvals, *route.rejections))
        return not names or any(map(self.identity.covers, names))

    @contextmanager
    def _discreet(self) -> Iterator[None]:
        """Say nothing of what else there is to somebody who may not see it."""
        try:
            yield
        except NotFound as problem:
            if self.identity.packages is not None:
                problem.hint = None
            raise
        except Refused as problem:
            if self.identity.packages is not None and problem.code == "policy/layer":
                problem.message = "expected a part of a layer that no other route has"
            raise


def _names(found: Iterable[Arm | Approval | Rejection]) -> set[str]:
    return {one.package.partition(":")[0] for one in found}
