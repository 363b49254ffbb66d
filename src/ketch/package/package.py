"""A package as it lies in a store: a view that reads, checks, and never changes.

:func:`ketch.package.open_package` makes one, and checks what it is told first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ketch.display import card
from ketch.errors import DigestMismatch, Finding, ManifestError, UsageError
from ketch.package.blobs import BlobSource
from ketch.package.built import component_digests
from ketch.package.code_tar import read_code_tar
from ketch.package.digest import Digest
from ketch.package.layers import (
    CODE,
    DATA,
    ENVIRONMENT,
    LOCK,
    MAX_DOCUMENT_BYTES,
    SCENARIOS,
    TRACES,
)
from ketch.package.manifest import EnvironmentDeclaration, Manifest
from ketch.package.oci import IMAGE_MANIFEST, MODEL_MANIFEST, Descriptor, ImageManifest
from ketch.package.paths import printable
from ketch.package.scenario import Scenario, load_scenarios
from ketch.package.trace import ScenarioTrace, load_traces
from ketch.schema.parse import parse_json
from ketch.tables import Profile


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

    def _repr_html_(self) -> str:
        """Return what a notebook shows: whose it is, what it does, and its schema."""
        declared = self.manifest
        steps = [step.rpartition(":")[2] for step in declared.pipeline.steps]
        fields = [("input", one) for one in declared.schema.inputs]
        fields += [("output", one) for one in declared.schema.outputs]
        return card(
            self.reference,
            {
                "digest": self.digest,
                "says": declared.description,
                "owner": declared.owner,
                "steps": " → ".join(steps),
            },
            [(side, one.name, one.type, one.description) for side, one in fields],
        )

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
        tables = read_document(self.source, self.files[DATA], DATA).get("data")
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
        return {
            data.name: f"data/{data.name}/{data.sample.rpartition('/')[2]}"
            for data in self.manifest.data
            if data.ship and data.sample
        }

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


def read_document(source: BlobSource, layer: Descriptor, path: str) -> dict[str, object]:
    """Return the JSON object in a file inside a package.

    Args:
        source: Where the bytes are.
        layer: What the package's manifest says of the file.
        path: The file's path, for messages.

    Raises:
        NotFound: The store lacks the content.
        DigestMismatch: The content is not what its digest says.
        ManifestError: It is no JSON object, or too large to be one of a package.
    """
    content = _read(source, layer, path)
    try:
        body = parse_json(content, max_bytes=MAX_DOCUMENT_BYTES)
    except UsageError as problem:
        raise ManifestError(problem.message, code=problem.code, where=path) from problem
    if not isinstance(body, dict):
        raise ManifestError("expected a JSON object", where=path)
    return body


def _lock_head(environment: EnvironmentDeclaration) -> bytes:
    """Return the lines in which a lock says for what it was made."""
    lines = ["# ketch lock 1", f"# python {environment.python}"]
    builds = environment.allow_source_builds
    if builds:
        from packaging.utils import canonicalize_name  # which knows every platform, and takes time

        names = sorted(set(map(canonicalize_name, builds))) if isinstance(builds, tuple) else []
        lines.append(f"# source-builds {', '.join(names) or 'all'}")
    return "".join(f"{line}\n" for line in lines).encode()


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
