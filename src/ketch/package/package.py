"""A package as it lies in a store: a view that reads, checks, and never changes.

:func:`open_package` takes bytes that nobody vouches for. Every check it makes is a
sentence of ``docs/reference/format.md``; what it returns can be believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from packaging.utils import canonicalize_name

from ketch.errors import DigestMismatch, Finding, ManifestError, UsageError
from ketch.package.blobs import BlobSource
from ketch.package.built import component_digests
from ketch.package.code_tar import read_code_tar
from ketch.package.digest import Digest
from ketch.package.layers import (
    CODE,
    DATA,
    ENVIRONMENT,
    IDENTITY,
    LOCK,
    MAX_DOCUMENT_BYTES,
    PARAMS,
    PIPELINE,
    SCENARIOS,
    SCHEMA,
    TRACES,
    files_of,
)
from ketch.package.manifest import FORMAT_VERSION, EnvironmentDeclaration, Manifest
from ketch.package.manifest_reader import manifest_of
from ketch.package.oci import (
    FORMAT,
    IMAGE_MANIFEST,
    MAX_MANIFEST_BYTES,
    MODEL_CONFIG,
    MODEL_MANIFEST,
    PACKAGE_NAME,
    PACKAGE_VERSION,
    Descriptor,
    ImageManifest,
    parse_manifest,
)
from ketch.package.paths import printable
from ketch.package.scenario import Scenario, load_scenarios
from ketch.package.trace import ScenarioTrace, load_traces
from ketch.schema import Schema
from ketch.schema.parse import parse_json
from ketch.tables import Profile

_TABLES = {
    IDENTITY: frozenset({"format", "package", "evaluate", "budget"}),
    PIPELINE: frozenset({"pipeline"}),
    PARAMS: frozenset({"params"}),
    ENVIRONMENT: frozenset({"environment"}),
    DATA: frozenset({"data"}),
}
"""Which table stands in which file: a component's digest covers what it says it does."""

_PLACES = {
    **{table: path for path, tables in _TABLES.items() for table in tables},
    **dict.fromkeys(("inputs", "outputs"), SCHEMA),
}

_EXACT_PYTHON = re.compile(r"3\.\d{1,2}\.\d{1,2}", re.ASCII)


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
        return component_digests(self.artifact.layers)

    @cached_property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What the package promises."""
        return load_scenarios(self.read(SCENARIOS))

    @cached_property
    def traces(self) -> tuple[ScenarioTrace, ...]:
        """The step traces its author recorded; empty when there are none."""
        return load_traces(self.read(TRACES)) if TRACES in self.files else ()

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """Data reference name → profile of its sample, where one was taken."""
        tables = _object(self.read(DATA), DATA).get("data")
        if not isinstance(tables, Mapping):
            raise ManifestError("expected a table `data`", where=DATA)
        return {
            name: Profile.from_json(table["profile"])
            for name, table in tables.items()
            if isinstance(table, Mapping) and "profile" in table
        }

    @property
    def samples(self) -> dict[str, str]:
        """Data reference name → path inside the package, for samples that are shipped."""
        return _samples(self.manifest)

    @property
    def lock(self) -> bytes:
        """The lock of its environment, as text in UTF-8.

        Raises:
            ManifestError: It is no text, or for another Python, or builds other libraries
                from source, than the package says it runs in.
        """
        content = self.read(LOCK)
        try:
            content.decode()
        except UnicodeDecodeError as problem:
            raise ManifestError("expected UTF-8, found bytes that are not", where=LOCK) from problem
        head = _lock_head(self.manifest.environment)
        if not content.startswith(head) or content.startswith(b"#", len(head)):
            expected = printable(head.decode().rstrip("\n").replace("\n", "`, `"))
            message = f"expected the first lines `{expected}` alone, as `{ENVIRONMENT}` says"
            raise ManifestError(message, code="env/lock", where=LOCK)
        return content

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
        return _read(self.source, layer, path)

    def code(self) -> dict[str, bytes]:
        """Return the shipped code: path → content.

        Raises:
            ManifestError: The tar is not byte for byte the one its content makes.
        """
        return read_code_tar(self.read(CODE))

    def verify_bytes(self) -> None:
        """Hash everything the package holds, in parallel, and compare the sizes.

        Raises:
            NotFound: A blob is missing.
            DigestMismatch: A blob is not what the manifest says; every one that is
                wrong is in the findings.
        """
        blobs = self.artifact.blobs()
        self.source.verify_all([blob.digest for blob in blobs])
        findings = [
            Finding("package/digest-mismatch", _size_problem(blob, size), str(blob.digest))
            for blob in blobs
            if (size := self.source.size(blob.digest)) != blob.size
        ]
        if findings:
            first = findings[0]
            raise DigestMismatch(first.message, where=first.where, findings=findings)


def open_package(digest: Digest, source: BlobSource) -> Package:
    """Open a package and check everything about it but the bytes of its large files.

    Raises:
        NotFound: The store lacks the manifest or one of its documents.
        DigestMismatch: Some content is not what its digest says.
        PackageError: It is not a package of a format we can read.
    """
    where = f"manifest {digest}"
    content = source.read(digest, max_bytes=MAX_MANIFEST_BYTES)
    artifact = parse_manifest(content, where=where)
    if artifact.artifact_type != MODEL_MANIFEST or artifact.config.media_type != MODEL_CONFIG:
        raise ManifestError(
            f"expected an artifact of type `{MODEL_MANIFEST}`", where=f"{where}: artifactType"
        )
    declared = artifact.annotations.get(FORMAT, FORMAT_VERSION)
    _check_format(declared, f"{where}: annotations.{FORMAT}")  # first: another has other layers
    files = files_of(artifact, where)
    manifest = _manifest(files, source)
    _check_annotations(artifact, manifest, where)
    for name, path in _samples(manifest).items():
        if path not in files:
            raise ManifestError(
                f"expected `{printable(path)}`, found no such layer", where=f"data.{name}"
            )
    return Package(digest, artifact, source, manifest, files, len(content))


def _manifest(files: Mapping[str, Descriptor], source: BlobSource) -> Manifest:
    """Read what the package declares, from the files that hold its tables."""
    document: dict[str, object] = {}
    for path, tables in _TABLES.items():
        body = _object(_read(source, files[path], path), path)
        if path == IDENTITY:
            _check_format(body.get("format"), path)
        if foreign := body.keys() - tables:
            raise ManifestError(f"unknown member `{printable(min(foreign))}`", where=path)
        if path != IDENTITY and not body:
            raise ManifestError(f"expected the table `{min(tables)}`, found none", where=path)
        document.update(body)
    del document["format"]
    document["data"] = _without_profiles(document.get("data", {}))
    schema = Schema.from_json(_object(_read(source, files[SCHEMA], SCHEMA), SCHEMA), SCHEMA)
    manifest = manifest_of(document, schema, _PLACES)
    if not _EXACT_PYTHON.fullmatch(manifest.environment.python):
        message = f"expected an exact Python release, found `{manifest.environment.python}`"
        raise ManifestError(message, where=f"{ENVIRONMENT}: environment.python")
    return manifest


def _check_annotations(artifact: ImageManifest, manifest: Manifest, where: str) -> None:
    """Refuse a package that a registry would show under another name than its own."""
    said = {
        FORMAT: FORMAT_VERSION,
        PACKAGE_NAME: str(manifest.name),
        PACKAGE_VERSION: str(manifest.version),
    }
    for key, expected in said.items():
        found = artifact.annotations.get(key, "nothing")
        if found != expected:
            message = f"expected `{expected}`, found `{printable(found)}`"
            raise ManifestError(message, where=f"{where}: annotations.{key}")


def _lock_head(environment: EnvironmentDeclaration) -> bytes:
    """Return the lines in which a lock says for what it was made."""
    lines = ["# ketch lock 1", f"# python {environment.python}"]
    builds = environment.allow_source_builds
    if builds:
        names = sorted(set(map(canonicalize_name, builds))) if isinstance(builds, tuple) else []
        lines.append(f"# source-builds {', '.join(names) or 'all'}")
    return "".join(f"{line}\n" for line in lines).encode()


def _samples(manifest: Manifest) -> dict[str, str]:
    return {
        data.name: f"data/{data.name}/{data.sample.rpartition('/')[2]}"
        for data in manifest.data
        if data.ship and data.sample
    }


def _read(source: BlobSource, layer: Descriptor, path: str) -> bytes:
    if layer.size > MAX_DOCUMENT_BYTES:
        raise ManifestError(f"expected at most {MAX_DOCUMENT_BYTES} bytes", where=path)
    content = source.read(layer.digest, max_bytes=layer.size)
    if len(content) != layer.size:
        raise DigestMismatch(_size_problem(layer, len(content)), where=path)
    return content


def _size_problem(blob: Descriptor, size: int | None) -> str:
    found = "nothing" if size is None else f"{size} bytes"
    return f"expected {blob.size} bytes of `{blob.digest}`, found {found}"


def _object(content: bytes, where: str) -> dict[str, object]:
    try:
        body = parse_json(content, max_bytes=MAX_DOCUMENT_BYTES)
    except UsageError as problem:
        raise ManifestError(problem.message, code=problem.code, where=where) from problem
    if not isinstance(body, dict):
        raise ManifestError("expected a JSON object", where=where)
    return body


def _check_format(version: object, where: str) -> None:
    if version != FORMAT_VERSION:
        raise ManifestError(
            f"expected package format `{FORMAT_VERSION}`, found `{printable(str(version))}`",
            code="package/format-version",
            where=where,
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
