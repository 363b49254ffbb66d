"""The OCI side of a package: descriptors, and the manifest of a ModelPack artifact.

Follows the OCI image specification 1.1 (``manifest.md``, ``descriptor.md``) and the
CNCF ModelPack specification 0.0.7 (``spec.md``, ``config.md``). We write one strict
form; :func:`parse_manifest` reads any manifest of that type, ours or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from ketch.errors import ManifestError, UsageError
from ketch.package.digest import Digest
from ketch.package.paths import printable
from ketch.schema.parse import canonical_json, parse_json

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
MODEL_MANIFEST = "application/vnd.cncf.model.manifest.v1+json"
MODEL_CONFIG = "application/vnd.cncf.model.config.v1+json"
SIGSTORE_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

TITLE = "org.opencontainers.image.title"
FILEPATH = "org.cncf.model.filepath"
COMPONENT = "dev.ketch.component"
PACKAGE_NAME = "dev.ketch.package.name"
PACKAGE_VERSION = "dev.ketch.package.version"
FORMAT = "dev.ketch.package.format"

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
"""What every registry accepts; larger manifests are refused unread."""

MAX_LAYERS = 20_000
MAX_SIZE = 2**63 - 1
"""OCI sizes are int64."""


def layer_type(kind: str, form: str = "raw") -> str:
    """Return a ModelPack layer media type.

    Args:
        kind: ``weight``, ``weight.config``, ``code``, ``dataset`` or ``doc``.
        form: ``raw`` or ``tar``; the specification's compressed forms are read by
            few clients and are never written.
    """
    return f"application/vnd.cncf.model.{kind}.v1.{form}"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A typed pointer to content, as OCI defines it."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the descriptor as OCI writes it."""
        body: dict[str, object] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.artifact_type is not None:
            body["artifactType"] = self.artifact_type
        if self.annotations:
            body["annotations"] = dict(self.annotations)
        return body

    @classmethod
    def from_json(cls, body: object, *, where: str) -> Self:
        """Read a descriptor; members we do not know are allowed and ignored.

        Raises:
            ManifestError: A member is missing or of the wrong type.
        """
        if not isinstance(body, dict):
            raise ManifestError("expected a descriptor object", where=where)
        size = body.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_SIZE:
            raise ManifestError(
                f"expected a size in bytes, found `{printable(str(size))}`", where=f"{where}.size"
            )
        return cls(
            media_type=_text(body, "mediaType", where),
            digest=Digest.parse(_text(body, "digest", where), where=f"{where}.digest"),
            size=size,
            annotations=_annotations(body, where),
            artifact_type=_optional_text(body, "artifactType", where),
        )


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """An OCI image manifest that carries an artifact."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the canonical bytes; their digest is the identity of the artifact."""
        body: dict[str, object] = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": self.config.to_json(),
            "layers": [layer.to_json() for layer in self.layers],
        }
        if self.artifact_type is not None:
            body["artifactType"] = self.artifact_type
        if self.subject is not None:
            body["subject"] = self.subject.to_json()
        if self.annotations:
            body["annotations"] = dict(self.annotations)
        return canonical_json(body)

    def blobs(self) -> tuple[Descriptor, ...]:
        """Return everything the manifest points to: its config, then its layers."""
        return (self.config, *self.layers)


def parse_manifest(content: bytes, *, where: str) -> ImageManifest:
    """Read an OCI image manifest, with limits, from bytes nobody vouches for.

    Raises:
        ManifestError: It is not strict JSON within the limits (``json/*``), or is JSON,
            but not an image manifest.
    """
    try:
        body = parse_json(content, max_bytes=MAX_MANIFEST_BYTES)
    except UsageError as problem:
        raise ManifestError(problem.message, code=problem.code, where=where) from problem
    version = body.get("schemaVersion") if isinstance(body, dict) else None
    if not isinstance(body, dict) or version != 2 or not isinstance(version, int):
        raise ManifestError("expected an OCI manifest with `schemaVersion` 2", where=where)
    media_type = body.get("mediaType", IMAGE_MANIFEST)
    if media_type != IMAGE_MANIFEST:
        raise ManifestError(
            f"expected media type `{IMAGE_MANIFEST}`, found `{printable(str(media_type))}`",
            where=f"{where}: mediaType",
        )
    layers = body.get("layers")
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        raise ManifestError(
            f"expected a list of at most {MAX_LAYERS} layers", where=f"{where}: layers"
        )
    subject = body.get("subject")
    return ImageManifest(
        config=Descriptor.from_json(body.get("config"), where=f"{where}: config"),
        layers=tuple(
            Descriptor.from_json(layer, where=f"{where}: layers[{index}]")
            for index, layer in enumerate(layers)
        ),
        artifact_type=_optional_text(body, "artifactType", where),
        subject=None
        if subject is None
        else Descriptor.from_json(subject, where=f"{where}: subject"),
        annotations=_annotations(body, where),
    )


def model_config(
    *, name: str, version: str, title: str, description: str, layers: tuple[Descriptor, ...]
) -> bytes:
    """Return the ModelPack config blob.

    Its schema is closed, so nothing of ketch's own stands here. ``createdAt`` is left
    out on purpose: the same folder packed tomorrow is the same package. ``diffIds``
    are the layer digests, since no layer is compressed.
    """
    descriptor = {"name": name, "version": version, "title": title, "description": description}
    return canonical_json(
        {
            "descriptor": {key: value for key, value in descriptor.items() if value},
            "config": {},
            "modelfs": {"type": "layers", "diffIds": [str(layer.digest) for layer in layers]},
        }
    )


def _text(body: Mapping[str, object], key: str, where: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ManifestError(
            f"expected text for `{key}`, found `{printable(str(value))}`", where=f"{where}.{key}"
        )
    return value


def _optional_text(body: Mapping[str, object], key: str, where: str) -> str | None:
    return None if body.get(key) is None else _text(body, key, where)


def _annotations(body: Mapping[str, object], where: str) -> dict[str, str]:
    annotations = body.get("annotations")
    if annotations is None:
        return {}
    if not isinstance(annotations, dict):
        raise ManifestError("expected annotations as an object", where=f"{where}.annotations")
    wrong = [key for key, value in annotations.items() if not isinstance(value, str)]
    if wrong:
        raise ManifestError("expected text", where=f"{where}.annotations.{printable(wrong[0])}")
    return {str(key): str(value) for key, value in annotations.items()}
