"""A candidate: the package as it is, with another lock and another version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from packaging.version import Version

from ketch.authoring.published import check_unpublished
from ketch.env import Lock
from ketch.errors import Refused
from ketch.package import Package, PackageVersion, Stored, open_package
from ketch.package.built import Layer, describe
from ketch.package.layers import ENVIRONMENT, IDENTITY, LOCK
from ketch.package.manifest import FORMAT_VERSION
from ketch.runtime import Home
from ketch.schema import canonical_json

_TAKEN = "version/taken"


def make_candidate(
    package: Package, lock: Lock, home: Home, *, version: PackageVersion | None = None
) -> Package:
    """Return the package with another lock, in the store but without a tag.

    All other files are those of the package, by their digests; nothing is copied.

    Args:
        package: A package in the home's store.
        lock: The lock of the candidate; its Python becomes the package's.
        home: Whose store.
        version: The version of the candidate; by default the package's.
    """
    environment = replace(package.manifest.environment, python=lock.python)
    manifest = replace(
        package.manifest, environment=environment, version=version or package.manifest.version
    )
    identity = {"format": FORMAT_VERSION, **manifest.identity_tables()}
    made = {
        IDENTITY: canonical_json(identity) + b"\n",
        ENVIRONMENT: canonical_json(manifest.environment_table()) + b"\n",
        LOCK: str(lock.without_inputs()).encode(),
    }
    with home.store.incoming() as incoming:
        stored = {path: Stored(one.digest, one.size) for path, one in package.files.items()}
        stored |= {path: incoming.put_bytes(content) for path, content in made.items()}
        layers = [Layer(path, b"") for path in sorted(stored)]
        artifact, config = describe(manifest, layers, stored)
        incoming.put_bytes(config)
        kept = incoming.put_bytes(artifact.to_bytes())
        incoming.commit()
    return open_package(kept.digest, home.store)


def next_candidate(package: Package, lock: Lock, home: Home, *, offline: bool) -> Package:
    """Return the candidate with the next version that is free, or is this candidate already."""
    for version in _later(package.manifest.version):
        made = make_candidate(package, lock, home, version=version)
        tagged = home.store.resolve(made.reference)
        if tagged is not None and tagged.digest != made.digest:
            continue
        try:
            check_unpublished(made, home, offline=offline)
        except Refused as problem:
            if problem.code != _TAKEN:
                raise
            continue
        return made
    raise AssertionError("versions have no end")


def _later(version: PackageVersion) -> Iterator[PackageVersion]:
    """Yield the versions after one: after 1.4.0 come 1.4.1 and 1.4.2."""
    major, minor, patch, *_ = (*Version(str(version)).release, 0, 0)
    while True:
        patch += 1
        yield PackageVersion(f"{major}.{minor}.{patch}")
