"""A package as it lies in a store: a view that reads, checks, and never changes.

:func:`open_package` takes bytes that nobody vouches for. Every check it makes is a
sentence of ``docs/reference/format.md``; what it returns can be believed.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ketch.errors import KetchError, ManifestError, UsageError
from ketch.package import built
from ketch.package.blobs import BlobSource
from ketch.package.digest import Digest
from ketch.package.manifest import FORMAT_VERSION, Manifest, manifest_of
from ketch.package.oci import (
    COMPONENT,
    FILEPATH,
    IMAGE_MANIFEST,
    MODEL_CONFIG,
    MODEL_MANIFEST,
    Descriptor,
    ImageManifest,
    parse_manifest,
)
from ketch.package.paths import PackagePath, clashes
from ketch.package.scenario import Scenario, load_scenarios
from ketch.package.trace import ScenarioTrace, load_traces
from ketch.schema import Schema
from ketch.schema.parse import parse_json
from ketch.tables import Profile

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
MAX_CODE_BYTES = 256 * 1024 * 1024

_DOCUMENTS = (built.IDENTITY, built.PIPELINE, built.PARAMS, built.ENVIRONMENT)
_REQUIRED = (*_DOCUMENTS, built.SCHEMA, built.DATA, built.SCENARIOS, built.LOCK, built.CODE)


@dataclass(frozen=True)
class Package:
    """A package in a store.

    Attributes:
        digest: Its identity: the digest of its OCI manifest.
        artifact: That manifest.
        source: Where the bytes are.
        manifest: What the package declares.
        files: Path inside the package → layer.
    """

    digest: Digest
    artifact: ImageManifest
    source: BlobSource
    manifest: Manifest
    files: Mapping[str, Descriptor]
    manifest_size: int

    @property
    def reference(self) -> str:
        """The package as ``name:version``."""
        return f"{self.manifest.name}:{self.manifest.version}"

    @property
    def descriptor(self) -> Descriptor:
        """A pointer to the package, as indexes and referrers hold it."""
        return Descriptor(
            IMAGE_MANIFEST, self.digest, self.manifest_size, artifact_type=MODEL_MANIFEST
        )

    @property
    def size_bytes(self) -> int:
        """Size of everything it holds, in bytes, each blob counted once."""
        sizes = {blob.digest: blob.size for blob in self.artifact.blobs()}
        return sum(sizes.values()) + self.manifest_size

    @property
    def components(self) -> dict[str, Digest]:
        """The digest of each component that the package has."""
        return built.component_digests(self.artifact.layers)

    @cached_property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What the package promises."""
        return load_scenarios(self.read(built.SCENARIOS))

    @cached_property
    def traces(self) -> tuple[ScenarioTrace, ...]:
        """The step traces its author recorded; empty when there are none."""
        return load_traces(self.read(built.TRACES)) if built.TRACES in self.files else ()

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """Data reference name → profile of its sample, where one was taken."""
        document = _object(self.read(built.DATA), built.DATA)
        tables = document.get("data")
        if not isinstance(tables, Mapping):
            raise ManifestError("expected a table `data`", where=built.DATA)
        return {
            name: Profile.from_json(table["profile"])
            for name, table in tables.items()
            if isinstance(table, Mapping) and "profile" in table
        }

    @property
    def lock(self) -> bytes:
        """The lock of its environment, as text."""
        return self.read(built.LOCK)

    def under(self, prefix: str) -> dict[str, Descriptor]:
        """Return the files whose path starts with ``prefix``, without that prefix."""
        return {
            path.removeprefix(prefix): layer
            for path, layer in self.files.items()
            if path.startswith(prefix)
        }

    def read(self, path: str) -> bytes:
        """Return the verified content of a file inside the package.

        Raises:
            NotFound: The store lacks the content.
            DigestMismatch: The content is not what its digest says.
            ManifestError: There is no such file, or it is too large to read at once.
        """
        layer = self.files.get(path)
        if layer is None:
            raise ManifestError(f"expected a file `{path}`, found none", where=str(self.digest))
        if layer.size > MAX_DOCUMENT_BYTES:
            raise ManifestError(f"expected at most {MAX_DOCUMENT_BYTES} bytes", where=path)
        return self.source.read(layer.digest)

    def code(self) -> dict[str, bytes]:
        """Return the shipped code: path → content.

        Raises:
            ManifestError: The tar is not byte for byte the one its content makes.
        """
        return _read_code_tar(self.read(built.CODE))


def open_package(digest: Digest, source: BlobSource) -> Package:
    """Open a package and check everything about it but the bytes of its large files.

    Raises:
        NotFound: The store lacks the manifest or one of its documents.
        DigestMismatch: Some content is not what its digest says.
        ManifestError: It is not a package of a format we can read.
    """
    content = source.read(digest)
    artifact = parse_manifest(content, where=f"manifest {digest}")
    files = _files(artifact, digest)
    document: dict[str, object] = {}
    for path in (*_DOCUMENTS, built.DATA):
        document.update(_object(source.read(files[path].digest), path))
    _check_format(document.pop("format", None))
    data = document.pop("data", {})
    document["data"] = _without_profiles(data)
    try:
        schema = Schema.from_json(_object(source.read(files[built.SCHEMA].digest), built.SCHEMA))
    except UsageError as problem:
        raise ManifestError(problem.message, where=built.SCHEMA) from problem
    manifest = manifest_of(document, schema)
    return Package(digest, artifact, source, manifest, files, len(content))


def _files(artifact: ImageManifest, digest: Digest) -> dict[str, Descriptor]:
    where = f"manifest {digest}"
    if artifact.artifact_type != MODEL_MANIFEST or artifact.config.media_type != MODEL_CONFIG:
        raise ManifestError(
            f"expected an artifact of type `{MODEL_MANIFEST}`", where=f"{where}: artifactType"
        )
    files: dict[str, Descriptor] = {}
    for index, layer in enumerate(artifact.layers):
        here = f"{where}: layers[{index}]"
        path = str(_path(layer.annotations.get(FILEPATH, ""), here))
        if path in files:
            raise ManifestError(f"expected each path once, found `{path}` again", where=here)
        if layer.annotations.get(COMPONENT) not in built.COMPONENTS:
            raise ManifestError("expected the name of a component", where=f"{here}: {COMPONENT}")
        files[path] = layer
    missing = [path for path in _REQUIRED if path not in files]
    if missing:
        raise ManifestError(f"expected `{missing[0]}`, found no such layer", where=where)
    if clashing := clashes(files):
        raise ManifestError(clashing[0].message, where=where)
    return files


def _path(text: str, where: str) -> PackagePath:
    try:
        return PackagePath.parse(text)
    except KetchError as problem:
        raise ManifestError(problem.message, where=f"{where}: {FILEPATH}") from problem


def _object(content: bytes, where: str) -> dict[str, object]:
    try:
        body = parse_json(content, max_bytes=MAX_DOCUMENT_BYTES)
    except UsageError as problem:
        raise ManifestError(problem.message, where=where) from problem
    if not isinstance(body, dict):
        raise ManifestError("expected a JSON object", where=where)
    return body


def _check_format(version: object) -> None:
    if version != FORMAT_VERSION:
        raise ManifestError(
            f"expected package format `{FORMAT_VERSION}`, found `{str(version)[:20]}`",
            code="package/format-version",
            where=built.IDENTITY,
            hint="a newer ketch wrote it; upgrade ketch to read it",
        )


def _without_profiles(data: object) -> object:
    if not isinstance(data, Mapping):
        return data
    return {
        name: {key: value for key, value in table.items() if key != "profile"}
        if isinstance(table, Mapping)
        else table
        for name, table in data.items()
    }


def _read_code_tar(content: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for member in tar:
                files[_member_path(member, files)] = _member_content(tar, member)
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as problem:
        raise ManifestError(f"not readable as a tar: {problem}", where=built.CODE) from problem
    if built.code_tar(files) != content:
        raise ManifestError("expected the tar that its content makes", where=built.CODE)
    return files


def _member_path(member: tarfile.TarInfo, seen: Mapping[str, bytes]) -> str:
    if member.type != tarfile.REGTYPE:
        raise ManifestError(f"expected regular files only: `{member.name[:120]}`", where=built.CODE)
    if not member.name.startswith("code/"):
        raise ManifestError(f"expected `code/…`, found `{member.name[:120]}`", where=built.CODE)
    path = str(_path(member.name.removeprefix("code/"), built.CODE))
    if path in seen:
        raise ManifestError(f"expected each path once, found `{path}` again", where=built.CODE)
    return path


def _member_content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not 0 <= member.size <= MAX_CODE_BYTES:
        raise ManifestError(f"expected at most {MAX_CODE_BYTES} bytes", where=built.CODE)
    opened = tar.extractfile(member)
    return b"" if opened is None else opened.read(member.size)
