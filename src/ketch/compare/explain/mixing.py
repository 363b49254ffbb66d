"""Mixtures: packages that nobody packed, some of their components from A and some from B.

A mixture is a package like any other. Its layers are those of A and B, named by their digests
and read where they lie; what does not answer (scenarios, data, documents, budgets) is left
out, so that two mixtures with the same digest answer alike. Nothing enters a store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from ketch.errors import NotFound
from ketch.package import BlobSource, Budget, Descriptor, Digest, Package, Stored, open_package
from ketch.package.built import Layer, describe
from ketch.package.layers import (
    CODE,
    DATA,
    ENVIRONMENT,
    IDENTITY,
    LOCK,
    PARAMS,
    PIPELINE,
    SCENARIOS,
    SCHEMA,
)
from ketch.package.manifest import FORMAT_VERSION
from ketch.schema import canonical_json
from ketch.store import MemoryStore
from ketch.store.base import MAX_READ_BYTES

Files: TypeAlias = Mapping[str, Descriptor | bytes]
"""Files of a package: path → the layer of A or B, or content that was made."""

Pieces: TypeAlias = Mapping[str, Files]
"""Component → its files."""

MIXED = ("code", "model", "params", "environment")
"""The components that are mixed; the schema says what the code takes, and moves with it."""

_NAMED: Mapping[str, tuple[str, ...]] = {
    "code": (PIPELINE, CODE, SCHEMA),
    "params": (PARAMS,),
    "environment": (ENVIRONMENT, LOCK),
}
_MODEL = "model/"


def piece(package: Package, component: str) -> Files:
    """Return the files of one component of a package."""
    if component == "model":
        return {path: one for path, one in package.files.items() if path.startswith(_MODEL)}
    return {path: package.files[path] for path in _NAMED[component]}


def differing(a: Package, b: Package) -> tuple[str, ...]:
    """Return the components whose files are not the same in both."""
    return tuple(one for one in MIXED if _digests(piece(a, one)) != _digests(piece(b, one)))


class Mixer:
    """Makes mixtures of two packages.

    Args:
        a: What was there before.
        b: What came after.
    """

    def __init__(self, a: Package, b: Package) -> None:
        self.a = a
        self.b = b
        self.differing = differing(a, b)

    def pieces(self, from_b: frozenset[str]) -> dict[str, Files]:
        """Return the components of the mixture that has these from B, and all others from A."""
        return {one: piece(self.b if one in from_b else self.a, one) for one in MIXED}

    def package(self, pieces: Pieces) -> Package:
        """Return the package that some components make.

        Raises:
            ManifestError: They make none: what they declare contradicts itself.
        """
        bare = replace(self.a.manifest, evaluate=None, budget=Budget())
        files: dict[str, Descriptor | bytes] = {
            IDENTITY: canonical_json({"format": FORMAT_VERSION, **bare.identity_tables()}),
            DATA: canonical_json({"data": {}}),
            SCENARIOS: b"",
        }
        for component in MIXED:
            files |= pieces[component]
        made = MemoryStore()
        stored = {path: _stored(one, made) for path, one in files.items()}
        layers = [Layer(path, b"") for path in sorted(files)]
        artifact, config = describe(bare, layers, stored)
        made.put_bytes(config)
        kept = made.put_bytes(artifact.to_bytes())
        return open_package(kept.digest, Overlay((made, self.a.source, self.b.source)))


class Overlay:
    """Several sources of bytes as one; the first that has a blob gives it."""

    def __init__(self, sources: Sequence[BlobSource]) -> None:
        self._sources = sources

    def read(self, digest: Digest, *, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return content whose digest was checked on the way."""
        return self._of(digest).read(digest, max_bytes=max_bytes)

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when nobody has it."""
        sizes = (source.size(digest) for source in self._sources)
        return next((size for size in sizes if size is not None), None)

    def path(self, digest: Digest) -> Path:
        """Return the path of a blob, to be read in place after it was verified."""
        return self._of(digest).path(digest)

    def verify_all(self, digests: Sequence[Digest]) -> None:
        """Hash blobs again, each where it lies."""
        of: dict[int, list[Digest]] = {}
        for digest in digests:
            of.setdefault(self._sources.index(self._of(digest)), []).append(digest)
        for at, theirs in of.items():
            self._sources[at].verify_all(theirs)

    def _of(self, digest: Digest) -> BlobSource:
        for source in self._sources:
            if source.size(digest) is not None:
                return source
        raise NotFound(f"expected `{digest}` in the store, found nothing", where=str(digest))


def _stored(content: Descriptor | bytes, made: MemoryStore) -> Stored:
    if isinstance(content, bytes):
        return made.put_bytes(content)
    return Stored(content.digest, content.size)


def _digests(files: Files) -> dict[str, Digest]:
    return {
        path: Digest.of(one) if isinstance(one, bytes) else one.digest
        for path, one in files.items()
    }
