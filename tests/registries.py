"""A registry with packages in it, for tests; people and clocks are chosen by the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests import packages

from ketch.package import Digest, Package, PackageName, PackageVersion, Reference, open_package
from ketch.package.blobs import Stored
from ketch.package.built import Layer, describe, layers_of
from ketch.registry import Database, Event, Evidence, Proof, Registry
from ketch.schema import Schema, parse_fields
from ketch.store import MemoryStore

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
VERIFIED = (Evidence(Proof.VERIFICATION, passed=True, digest="sha256:" + "1" * 64),)
TRIED = (*VERIFIED, Evidence(Proof.EXPERIMENT, passed=True, digest="sha256:" + "2" * 64))


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        """Let time pass; negative spans set the clock back."""
        self.now += timedelta(**span)


@dataclass
class Desk:
    """A registry, a store behind it, and ways to fill them."""

    database: Database
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.registry = Registry(
            self.database, lambda digest: open_package(digest, self.store), clock=self.clock
        )

    def package(self, reference: str, **changes: Any) -> Package:
        """Return a package in the store; ``changes`` are those of its manifest."""
        name, _, version = reference.partition(":")
        said = packages.manifest(name=PackageName(name), version=PackageVersion(version), **changes)
        made = layers_of(packages.sources(manifest=said))
        sample = packages.BESIDE["data/training/events.csv"]
        known = sorted([*made, Layer("data/training/events.csv", sample)], key=_path)
        stored: dict[str, Stored] = {}
        for layer in known:
            assert isinstance(layer.content, bytes)
            stored[layer.path] = self.store.put_bytes(layer.content)
        artifact, config = describe(said, known, stored)
        self.store.put_bytes(config)
        return open_package(self.store.put_bytes(artifact.to_bytes()).digest, self.store)

    def publish(self, reference: str, *, actor: str = "ana", **changes: Any) -> Digest:
        """Publish a package; return its digest."""
        package = self.package(reference, **changes)
        self.registry.publish(package, actor=actor)
        return package.digest

    def in_prod(self, *references: str) -> None:
        """Publish packages and let each hold prod, one after the other."""
        for reference in references:
            self.publish(reference)
            self.promote(reference, "prod", evidence=TRIED, override=True, reason="set up")

    def promote(self, reference: str, stage: str, **how: Any) -> Event:
        """Promote, verified and by an operator if nothing else is said."""
        from ketch.package import Stage

        said = {"actor": "otto", "evidence": VERIFIED, **how}
        return self.registry.promote(Reference.parse(reference), Stage(stage), **said)

    def approve(self, reference: str, **how: Any) -> Event:
        """Approve, by somebody who published nothing."""
        said = {"actor": "ben", "evidence": VERIFIED, **how}
        return self.registry.approve(Reference.parse(reference), **said)

    def arms(self, route: str = "greetings") -> dict[str, tuple[str, float]]:
        """Return who answers on a route: stage → package and share."""
        found = self.registry.route(route).arms
        return {str(arm.place): (arm.package, arm.share.fraction) for arm in found}


def _path(layer: Layer) -> str:
    return layer.path


def schema(inputs: Mapping[str, object], outputs: Mapping[str, object]) -> Schema:
    """Return a schema from tables as ketch.toml has them."""
    said, wrong = parse_fields(inputs, "inputs")
    given, also_wrong = parse_fields(outputs, "outputs")
    assert not wrong + also_wrong, wrong + also_wrong
    return Schema(said, given)
