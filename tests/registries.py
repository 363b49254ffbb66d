"""A registry with packages in it, for tests; people and clocks are chosen by the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from tests import packages
from tests.hubs import Served

from ketch.package import (
    Digest,
    Package,
    PackageName,
    PackageVersion,
    Reference,
    Stage,
    open_package,
)
from ketch.package.blobs import Stored
from ketch.package.built import Layer, describe, layers_of
from ketch.registry import (
    Database,
    Desk,
    Event,
    Evidence,
    LocalDesk,
    Proof,
    Registry,
    open_database,
)
from ketch.registry.hub import HubDesk, connect
from ketch.schema import Schema, parse_fields
from ketch.store import MemoryStore

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
VERIFIED = (Evidence(Proof.VERIFICATION, passed=True, digest="sha256:" + "1" * 64),)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        self.now = NOON
        self._told = told

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        """Let time pass; negative spans set the clock back."""
        self.now += timedelta(**span)
        self._told()


class Place(Protocol):
    """Where a registry is: the one thing in which offices differ."""

    database: Database

    def desk(self, person: str) -> Desk:
        """Return the desk of a person."""
        ...

    def say(self, now: datetime, evidence: Sequence[Evidence]) -> None:
        """Set the clock, and what is known of every package."""
        ...

    def keep(self, package: Package, store: MemoryStore, person: str) -> None:
        """Bring the bytes of a package to where the registry looks for them."""
        ...

    def close(self) -> None:
        """Leave nothing open."""
        ...


class Here:
    """A registry in a database that this process opens."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = MemoryStore()
        self._now = NOON
        self._known: Sequence[Evidence] = VERIFIED
        self.registry = Registry(
            database, lambda digest: open_package(digest, self.store), clock=lambda: self._now
        )

    def desk(self, person: str) -> Desk:
        return LocalDesk(self.registry, self.store, person, known=lambda _: self._known)

    def say(self, now: datetime, evidence: Sequence[Evidence]) -> None:
        self._now, self._known = now, evidence

    def keep(self, package: Package, store: MemoryStore, person: str) -> None:
        for digest in store.digests():
            self.store.put_bytes(store.read(digest))

    def close(self) -> None:
        self.database.close()


class There:
    """A registry behind a hub."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.database = open_database(f"sqlite:///{served.home / 'registry.db'}")
        self._desks: dict[str, HubDesk] = {}
        self._open = ExitStack()

    def desk(self, person: str) -> Desk:
        if person not in self._desks:
            session = connect(self._served.url, token=self._served.token(person))
            self._desks[person] = HubDesk(self._open.enter_context(session))
        return self._desks[person]

    def say(self, now: datetime, evidence: Sequence[Evidence]) -> None:
        self._served.say(now, evidence)

    def keep(self, package: Package, store: MemoryStore, person: str) -> None:
        others = {one: store.read(one) for one in store.digests() if one != package.digest}
        self._served.upload(package, others, self._served.token(person))

    def close(self) -> None:
        self._open.close()
        self.database.close()


class Office:
    """A registry with a desk for everybody, and ways to fill it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.database = place.database
        self._known: Sequence[Evidence] = VERIFIED
        self.clock = Clock(self._say)
        self._say()

    def at(self, person: str = "otto") -> Desk:
        """Return the desk of a person; an operator, if nobody else is named."""
        return self.place.desk(person)

    def knows(self, evidence: Sequence[Evidence]) -> None:
        """Let this be what is known of every package from now on."""
        self._known = evidence
        self._say()

    def close(self) -> None:
        """Leave nothing open."""
        self.place.close()

    def package(self, reference: str, *, actor: str = "ana", **changes: Any) -> Package:
        """Return a package whose bytes are there; ``changes`` are those of its manifest."""
        package, store = made(reference, **changes)
        self.place.keep(package, store, actor)
        return package

    def put(self, package: Package, *, actor: str = "ana") -> Event:
        """Publish a package."""
        return self.at(actor).publish(package.manifest.name, package.digest)

    def publish(self, reference: str, *, actor: str = "ana", **changes: Any) -> Digest:
        """Make a package and publish it; return its digest."""
        package = self.package(reference, actor=actor, **changes)
        self.put(package, actor=actor)
        return package.digest

    def in_prod(self, *references: str) -> None:
        """Publish packages and let each hold prod, one after the other."""
        for reference in references:
            self.publish(reference)
            self.promote(reference, "prod", override=True, reason="set up")

    def promote(
        self,
        reference: str,
        stage: str,
        *,
        actor: str = "otto",
        evidence: Sequence[Evidence] = VERIFIED,
        **how: Any,
    ) -> Event:
        """Promote, verified and by an operator if nothing else is said."""
        self.knows(evidence)
        return self.at(actor).promote(Reference.parse(reference), Stage(stage), **how)

    def approve(
        self,
        reference: str,
        *,
        actor: str = "ben",
        evidence: Sequence[Evidence] = VERIFIED,
        **how: Any,
    ) -> Event:
        """Approve, by somebody who published nothing."""
        self.knows(evidence)
        return self.at(actor).approve(Reference.parse(reference), **how)

    def verdict(
        self, action: str = "promote-ready", route: str = "greetings", **more: object
    ) -> dict[str, object]:
        """Return a verdict on the rollout under way, as who watches it writes it."""
        standing = self.at().route(route)
        limited = next(arm for arm in standing.arms if arm.place == "limited")
        said = {"rollout": standing.rollout, "digest": str(limited.digest), "action": action}
        return {**said, "sentence": f"{action}: 1,000 units.", **more}

    def judge(
        self, action: str = "promote-ready", route: str = "greetings", **more: object
    ) -> Event:
        """Record a verdict on the rollout under way."""
        return self.at().judge(route, self.verdict(action, route, **more))

    def arms(self, route: str = "greetings") -> dict[str, tuple[str, float]]:
        """Return who answers on a route: stage → package and share."""
        found = self.at().route(route).arms
        return {str(arm.place): (arm.package, arm.share.fraction) for arm in found}

    def _say(self) -> None:
        self.place.say(self.clock.now, self._known)


def made(reference: str, **changes: Any) -> tuple[Package, MemoryStore]:
    """Return a package in a store of its own; ``changes`` are those of its manifest."""
    store = MemoryStore()
    name, _, version = reference.partition(":")
    said = packages.manifest(name=PackageName(name), version=PackageVersion(version), **changes)
    layers = layers_of(packages.sources(manifest=said))
    sample = packages.BESIDE["data/training/events.csv"]
    known = sorted([*layers, Layer("data/training/events.csv", sample)], key=_path)
    stored: dict[str, Stored] = {}
    for layer in known:
        assert isinstance(layer.content, bytes)
        stored[layer.path] = store.put_bytes(layer.content)
    artifact, config = describe(said, known, stored)
    store.put_bytes(config)
    return open_package(store.put_bytes(artifact.to_bytes()).digest, store), store


def _path(layer: Layer) -> str:
    return layer.path


def schema(inputs: Mapping[str, object], outputs: Mapping[str, object]) -> Schema:
    """Return a schema from tables as ketch.toml has them."""
    said, wrong = parse_fields(inputs, "inputs")
    given, also_wrong = parse_fields(outputs, "outputs")
    assert not wrong + also_wrong, wrong + also_wrong
    return Schema(said, given)
