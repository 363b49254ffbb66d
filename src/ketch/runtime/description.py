"""A package described: everything a new colleague needs to know, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ketch.errors import KetchError
from ketch.package import Attestation, Digest, Package, PackageVersion, open_package
from ketch.package.names import check_version
from ketch.runtime.home import Home
from ketch.tables import Profile


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds under the name and version of a package.

    Attributes:
        digest: What ``name:version`` stands for there.
        differs: The components in which that is another package.
    """

    digest: Digest
    differs: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch inspect --json``."""
        return {"digest": str(self.digest), "differs": list(self.differs)}


def stored_as(package: Package, home: Home) -> Stored | None:
    """Return what the store holds under the name and version of a package, if anything."""
    tagged = home.store.resolve(package.reference)
    if tagged is None:
        return None
    other = package if tagged.digest == package.digest else open_package(tagged.digest, home.store)
    differing = package.components.items() ^ other.components.items()
    return Stored(tagged.digest, tuple(sorted({name for name, _ in differing})))


def describe(
    package: Package, attestations: Sequence[Attestation], stored: Stored | None
) -> dict[str, object]:
    """Return what a package is, does and promises, as JSON."""
    manifest = package.manifest
    from ketch.env import Lock  # uv and its locks, which a list does without

    lock = Lock.parse(package.lock.decode())
    model = package.under("model/")
    return {
        "name": str(manifest.name),
        "version": str(manifest.version),
        "digest": str(package.digest),
        "owner": manifest.owner,
        "route": manifest.route,
        "description": manifest.description,
        "size_bytes": package.size_bytes,
        "stored": None if stored is None else stored.to_json(),
        "components": {name: str(digest) for name, digest in package.components.items()},
        "pipeline": manifest.pipeline.to_json(),
        **manifest.schema.to_json(),
        "params": dict(manifest.params),
        "environment": {
            **_table(manifest.environment_table(), "environment"),
            "libraries": {one.name: one.version for one in lock.packages},
        },
        "data": _data(package),
        "code": sorted(package.code()),
        "model": {path: layer.size for path, layer in sorted(model.items())},
        "scenarios": [
            {
                "name": scenario.name,
                "description": scenario.description,
                "rows": len(scenario.inputs),
                "expected_error": scenario.expected_error,
            }
            for scenario in package.scenarios
        ],
        "budget": asdict(manifest.budget),
        "attestations": [_attestation(one) for one in attestations],
        "readme": package.read("README.md").decode("utf-8", "replace"),
    }


@dataclass(frozen=True, slots=True)
class Entry:
    """One package of a listing; ``problem`` says why it could not be read."""

    reference: str
    digest: Digest
    size_bytes: int | None = None
    owner: str | None = None
    route: str | None = None
    problem: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch list --json``."""
        name, _, version = self.reference.partition(":")
        return {
            "name": name,
            "version": version,
            "digest": str(self.digest),
            "size_bytes": self.size_bytes,
            "owner": self.owner,
            "route": self.route,
            "problem": self.problem,
        }


def listing(home: Home) -> list[Entry]:
    """Return every package of the store, sorted by name and version."""
    tags = {name: tag for name, tag in home.store.tags().items() if ":" in name}
    entries = []
    for reference in sorted(tags, key=_order):
        digest = tags[reference].digest
        try:
            package = open_package(digest, home.store)
        except KetchError as problem:
            entries.append(Entry(reference, digest, problem=problem.message))
            continue
        manifest = package.manifest
        entries.append(Entry(reference, digest, package.size_bytes, manifest.owner, manifest.route))
    return entries


def _order(reference: str) -> tuple[str, bool, PackageVersion | None, str]:
    """Sort ``1.10`` after ``1.9``; what is no version, another program's tag, comes last."""
    name, _, version = reference.partition(":")
    known = None if check_version(version) else PackageVersion(version)
    return name, known is None, known, version


def _data(package: Package) -> dict[str, object]:
    profiles = package.profiles
    return {
        name: {**table, **_profile(profiles.get(name))}
        for name, table in package.manifest.data_tables().items()
    }


def _profile(profile: Profile | None) -> dict[str, object]:
    if profile is None:
        return {}
    return {
        "rows": profile.row_count,
        "time_from": profile.time_from,
        "time_to": profile.time_to,
        "digest": profile.digest,
        "columns": {column.name: column.type for column in profile.columns},
    }


def _attestation(one: Attestation) -> dict[str, object]:
    predicate = one.predicate
    return {
        "passed": one.passed,
        "started": predicate.get("started"),
        "metrics": predicate.get("metrics"),
        "measured": predicate.get("measured"),
        "machine": predicate.get("machine"),
        "sandbox": predicate.get("sandbox"),
    }


def _table(tables: Mapping[str, object], name: str) -> dict[str, object]:
    table = tables[name]
    return dict(table) if isinstance(table, Mapping) else {}
