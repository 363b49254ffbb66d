"""The desk: what one person does at the registry, wherever the registry is.

A desk belongs to one person, who stands in the history for everything done at it. Behind
it is a registry on this machine (:class:`LocalDesk`) or a hub that others run
(:class:`ketch.registry.hub.HubDesk`); both keep the same promises, say the same errors,
and pass one conformance suite. What is known of a package is looked up where the registry
is, in the attestations beside its bytes; nobody brings evidence along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from ketch.errors import KetchError, NotFound
from ketch.package import Digest, Package, PackageName, Reference, Stage, open_package
from ketch.package.oci import SIGSTORE_BUNDLE
from ketch.registry.events import Event, Head
from ketch.registry.fsck import Audit, check_registry
from ketch.registry.gates import Evidence, Gate, Proof
from ketch.registry.policy import Policy
from ketch.registry.registry import Page, Registry
from ketch.registry.route import Arm, Route
from ketch.registry.share import Share
from ketch.registry.sql.queries import Version
from ketch.store import Store, attestations, comparisons

PAGE = 50
"""How many versions or events a page holds when nobody says."""

Known = Callable[[Digest], Sequence[Evidence]]
"""Returns what is known about a package, the newest of each kind."""


class Desk(Protocol):
    """What a person does at the registry; see :class:`Registry` for what each call means."""

    def publish(self, name: PackageName, digest: Digest) -> Event:
        """Record that a package, whose bytes are there, is its version for ever."""
        ...

    def withdraw(self, reference: Reference, *, reason: str) -> Event:
        """Record that a version must not be promoted any more."""
        ...

    def hand_over(self, name: PackageName, to: str, *, reason: str = "") -> Event:
        """Record that somebody else answers for a package from now on."""
        ...

    def resolve(self, reference: Reference) -> Version:
        """Return the version that a reference means now."""
        ...

    def versions(
        self,
        *,
        name: str | None = None,
        search: str | None = None,
        after: int | None = None,
        limit: int = PAGE,
    ) -> Page:
        """Return a page of versions, the newest published first."""
        ...

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
        ...

    def gates(
        self,
        reference: Reference,
        stage: Stage,
        *,
        share: Share | None = None,
        route: str | None = None,
    ) -> tuple[Gate, ...]:
        """Return every gate between a package and a stage, as things stand."""
        ...

    def approve(self, reference: Reference, *, reason: str = "", route: str | None = None) -> Event:
        """Record this person's yes to exactly these bytes in production."""
        ...

    def reject(self, reference: Reference, *, reason: str, route: str | None = None) -> Event:
        """Record this person's no; approvals of the package hold no longer."""
        ...

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
        ...

    def judge(
        self, route: str, verdict: Mapping[str, object], *, expected: int | None = None
    ) -> Event:
        """Record what was concluded of the rollout under way on a route, in JSON form."""
        ...

    def note_drift(self, route: str, finding: Mapping[str, object]) -> Event:
        """Record what drifted in what a package on a route is asked, in JSON form."""
        ...

    def set_policy(
        self, route: str, policy: Policy, *, reason: str = "", expected: int | None = None
    ) -> Event:
        """Give a route its rules."""
        ...

    def route(self, name: str) -> Route:
        """Return a route as it stands."""
        ...

    def routes(self) -> tuple[Route, ...]:
        """Return every route as it stands, by name."""
        ...

    def arms_at(self, route: str, time: datetime) -> tuple[Arm, ...]:
        """Return who answered on a route at a time."""
        ...

    def history(
        self,
        *,
        subject: str | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = PAGE,
    ) -> tuple[Event, ...]:
        """Return what happened, the newest first."""
        ...

    def head(self) -> Head:
        """Return the end of the log, to be kept elsewhere."""
        ...

    def audit(self, *, contains: Head | None = None) -> Audit:
        """Check every seal of the log, and that the tables say what the log says."""
        ...


class LocalDesk:
    """A desk at a registry that this process opens itself.

    Args:
        registry: The registry.
        store: Where the bytes of its packages are, and what is known of them.
        person: Who stands at the desk.
        known: What is known about a package, when it is not what the store holds.
    """

    def __init__(
        self, registry: Registry, store: Store, person: str, *, known: Known | None = None
    ) -> None:
        self.registry = registry
        self.store = store
        self.person = person
        self._known = known or (lambda digest: evidence(digest, store))

    def publish(self, name: PackageName, digest: Digest) -> Event:
        """Record that a package, whose bytes are there, is its version for ever."""
        package = open_package(digest, self.store)
        if package.manifest.name != name:
            raise NotFound(
                f"expected a package `{name}`, found `{package.reference}`",
                code="package/not-found",
                where=str(digest),
            )
        with self._named(package):  # what has no name is collected
            return self.registry.publish(package, actor=self.person)

    def withdraw(self, reference: Reference, *, reason: str) -> Event:
        """Record that a version must not be promoted any more."""
        return self.registry.withdraw(reference, reason=reason, actor=self.person)

    def hand_over(self, name: PackageName, to: str, *, reason: str = "") -> Event:
        """Record that somebody else answers for a package from now on."""
        return self.registry.hand_over(name, to, reason=reason, actor=self.person)

    def resolve(self, reference: Reference) -> Version:
        """Return the version that a reference means now."""
        return self.registry.resolve(reference)

    def versions(
        self,
        *,
        name: str | None = None,
        search: str | None = None,
        after: int | None = None,
        limit: int = PAGE,
    ) -> Page:
        """Return a page of versions, the newest published first."""
        return self.registry.versions(name=name, search=search, after=after, limit=limit)

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
        exact, found = self._exact(reference)
        return self.registry.promote(
            exact,
            stage,
            actor=self.person,
            evidence=found,
            share=share,
            reason=reason,
            route=route,
            override=override,
            expected=expected,
        )

    def gates(
        self,
        reference: Reference,
        stage: Stage,
        *,
        share: Share | None = None,
        route: str | None = None,
    ) -> tuple[Gate, ...]:
        """Return every gate between a package and a stage, as things stand."""
        exact, found = self._exact(reference)
        return self.registry.gates(exact, stage, evidence=found, share=share, route=route)

    def approve(self, reference: Reference, *, reason: str = "", route: str | None = None) -> Event:
        """Record this person's yes to exactly these bytes in production."""
        exact, found = self._exact(reference)
        return self.registry.approve(
            exact, actor=self.person, evidence=found, reason=reason, route=route
        )

    def reject(self, reference: Reference, *, reason: str, route: str | None = None) -> Event:
        """Record this person's no; approvals of the package hold no longer."""
        return self.registry.reject(reference, actor=self.person, reason=reason, route=route)

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
        return self.registry.roll_back(
            route, actor=self.person, reason=reason, to=to, evidence=evidence, expected=expected
        )

    def judge(
        self, route: str, verdict: Mapping[str, object], *, expected: int | None = None
    ) -> Event:
        """Record what was concluded of the rollout under way on a route, in JSON form."""
        return self.registry.judge(route, verdict, actor=self.person, expected=expected)

    def note_drift(self, route: str, finding: Mapping[str, object]) -> Event:
        """Record what drifted in what a package on a route is asked, in JSON form."""
        return self.registry.note_drift(route, finding, actor=self.person)

    def set_policy(
        self, route: str, policy: Policy, *, reason: str = "", expected: int | None = None
    ) -> Event:
        """Give a route its rules."""
        found: Sequence[Evidence] = ()
        if policy.baseline is not None:
            _, found = self._exact(Reference.parse(policy.baseline))
        return self.registry.set_policy(
            route, policy, actor=self.person, evidence=found, reason=reason, expected=expected
        )

    def route(self, name: str) -> Route:
        """Return a route as it stands."""
        return self.registry.route(name)

    def routes(self) -> tuple[Route, ...]:
        """Return every route as it stands, by name."""
        return self.registry.routes()

    def arms_at(self, route: str, time: datetime) -> tuple[Arm, ...]:
        """Return who answered on a route at a time."""
        return self.registry.arms_at(route, time)

    def history(
        self,
        *,
        subject: str | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = PAGE,
    ) -> tuple[Event, ...]:
        """Return what happened, the newest first."""
        return self.registry.history(subject=subject, until=until, before=before, limit=limit)

    def head(self) -> Head:
        """Return the end of the log, to be kept elsewhere."""
        return self.registry.head()

    def audit(self, *, contains: Head | None = None) -> Audit:
        """Check every seal of the log, and that the tables say what the log says."""
        return check_registry(
            self.registry.database,
            has_blob=lambda digest: self.store.size(digest) is not None,
            checkpoint=contains,
        )

    @contextmanager
    def _named(self, package: Package) -> Iterator[None]:
        """Let a package have its name in the store; take it back where the registry refuses.

        Raises:
            Refused: ``store/tag-taken``: it is the name of another package there.
        """
        tag, before = package.reference, self.store.resolve(package.reference)
        if before is None or not self._is_another(package):
            self.store.tag(tag, package.descriptor)
        try:
            yield
        except KetchError:
            if before is None:
                self.store.untag(tag)
            raise

    def _is_another(self, package: Package) -> bool:
        """Whether the version of a package is published as another one."""
        manifest = package.manifest
        try:
            known = self.registry.resolve(Reference(manifest.name, manifest.version))
        except NotFound:
            return False
        return known.digest != package.digest

    def _exact(self, reference: Reference) -> tuple[Reference, Sequence[Evidence]]:
        """Return the digest that is meant now, and what is known about it.

        A stage may get another package meanwhile; the digest does not.
        """
        version = self.registry.resolve(reference)
        return Reference(PackageName(version.name), version.digest), self._known(version.digest)


def evidence(digest: Digest, store: Store) -> tuple[Evidence, ...]:
    """Return what a store knows about a package.

    That is its newest verification, its newest comparison with each other package, and its
    signatures.
    """
    verified = [
        Evidence(Proof.VERIFICATION, newest.passed, str(newest.outcome))
        for newest in attestations(digest, store)[:1]
    ]
    compared = [
        Evidence(Proof.COMPARISON, one.passed, str(one.outcome), one.against)
        for one in comparisons(digest, store)
    ]
    return (*verified, *compared, *_signatures(digest, store))


def _signatures(digest: Digest, store: Store) -> Iterator[Evidence]:
    if any(one.artifact_type == SIGSTORE_BUNDLE for one in store.referrers(digest)):
        from ketch.signing import signers  # cryptography, which few packages need

        for fingerprint in signers(open_package(digest, store), store):
            yield Evidence(Proof.SIGNATURE, passed=True, digest=fingerprint)
