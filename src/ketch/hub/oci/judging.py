"""What somebody wants to store under a repository: a package, what refers to one, or neither.

Nobody vouches for the bytes. A manifest is taken when everything it names is there, was
sent by or shown to whoever asks, and was hashed; when it is a package of this name; or
when it refers to a manifest of this repository. All else is refused: a hub keeps packages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ketch.errors import Finding, ManifestError, NotFound, UsageError
from ketch.hub.oci.bytes import HubBytes
from ketch.package import (
    BlobSource,
    Descriptor,
    Digest,
    ImageManifest,
    Package,
    Stored,
    open_package,
    parse_manifest,
)
from ketch.package.oci import IMAGE_MANIFEST, MODEL_MANIFEST
from ketch.package.paths import printable
from ketch.schema.parse import parse_json
from ketch.store.base import MAX_READ_BYTES


@dataclass(frozen=True)
class Judged:
    """A manifest that may be stored.

    Attributes:
        digest: Its digest.
        content: Its bytes.
        manifest: What it says.
        package: The package that it is; None when it refers to one.
    """

    digest: Digest
    content: bytes
    manifest: ImageManifest
    package: Package | None

    @property
    def descriptor(self) -> Descriptor:
        """A pointer to it, as a list of referrers holds it."""
        said = self.manifest
        kind = said.artifact_type or said.config.media_type
        return Descriptor(IMAGE_MANIFEST, self.digest, len(self.content), said.annotations, kind)


def judge(content: bytes, media_type: str, repository: str, person: str, hub: HubBytes) -> Judged:
    """Return what a manifest is, once all is well with it.

    Args:
        content: Its bytes.
        media_type: What the client calls it.
        repository: Where it is to go.
        person: Who brings it.
        hub: Where its blobs are.

    Raises:
        ManifestError: It breaks the format; ``oci/not-a-package``: it is none, and refers
            to none here.
        UsageError: ``oci/name``: the package has another name.
        NotFound: ``oci/missing-blob``, with a finding for each.
        DigestMismatch: A blob that was there before is damaged.
    """
    manifest = _manifest(content, media_type)
    digest = Digest.of(content)
    is_package = manifest.artifact_type == MODEL_MANIFEST
    subject = manifest.subject
    if subject is None and not is_package:
        raise _not_a_package("an artifact of another type", manifest.artifact_type)
    if subject is not None and is_package:
        raise _not_a_package("a package with a subject", str(subject.digest))
    if subject is not None and not hub.shelves.shows_manifest(repository, subject.digest):
        raise ManifestError(
            f"expected a subject in `{repository}`, found `{subject.digest}`",
            code="oci/no-subject",
            hint="put the package first, then what refers to it",
        )
    _require_blobs(manifest, repository, person, hub)
    if not is_package:
        return Judged(digest, content, manifest, None)
    package = open_package(digest, _With(digest, content, hub.store))
    if str(package.manifest.name) != repository:
        raise UsageError(
            f"expected a package `{repository}`, found `{package.reference}`",
            code="oci/name",
            hint="the repository is the package's name",
        )
    return Judged(digest, content, manifest, package)


def _manifest(content: bytes, media_type: str) -> ImageManifest:
    kind = media_type.partition(";")[0].strip().lower()
    if kind != IMAGE_MANIFEST:
        raise _not_a_package("a manifest of the type", kind or "none")
    manifest = parse_manifest(content, where="manifest")
    body = cast("dict[str, Any]", parse_json(content, max_bytes=len(content)))
    named = [body["config"], *body["layers"], *([body["subject"]] if body.get("subject") else [])]
    if any("urls" in each for each in named):
        raise _not_a_package("a layer that lies elsewhere", "urls")
    return manifest


def _require_blobs(manifest: ImageManifest, repository: str, person: str, hub: HubBytes) -> None:
    """Refuse what is not all here, for this person, whole.

    What this person sent was hashed when it came; what was here before is hashed again.
    """
    blobs = {(each.digest, each.size) for each in manifest.blobs()}
    findings = [
        Finding(
            "store/no-blob",
            f"expected {size} bytes of `{digest}`, found {_found(hub, digest, repository, person)}",
            where=str(digest),
        )
        for digest, size in sorted(blobs)
        if not (
            hub.shelves.shows_blob(repository, digest, person)
            and hub.store.blobs.claim(Stored(digest, size))
        )
    ]
    if findings:
        raise NotFound(
            findings[0].message,
            code="oci/missing-blob",
            hint="upload every blob to this repository first",
            findings=findings,
        )
    unsure = [one for one, _ in blobs if not hub.shelves.is_hashed(repository, one, person)]
    hub.store.verify_all(unsure)


def _found(hub: HubBytes, digest: Digest, repository: str, person: str) -> str:
    if not hub.shelves.shows_blob(repository, digest, person):
        return "nothing"
    size = hub.store.size(digest)
    return "nothing" if size is None else f"{size} bytes"


def _not_a_package(what: str, found: str | None) -> ManifestError:
    return ManifestError(
        f"expected a package, or what refers to one; found {what}: `{printable(found or '')}`",
        code="oci/not-a-package",
        hint="a hub keeps packages and their attestations; other artifacts need another registry",
    )


class _With:
    """A store with one manifest more, which nobody else sees."""

    def __init__(self, digest: Digest, content: bytes, store: BlobSource) -> None:
        self._digest = digest
        self._content = content
        self._store = store

    def read(self, digest: Digest, *, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return content, hashed."""
        if digest == self._digest:
            return self._content
        return self._store.read(digest, max_bytes=max_bytes)

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob."""
        return len(self._content) if digest == self._digest else self._store.size(digest)

    def path(self, digest: Digest) -> Path:
        """Return where a blob lies."""
        return self._store.path(digest)

    def verify_all(self, digests: Sequence[Digest]) -> None:
        """Hash blobs again."""
        self._store.verify_all([one for one in digests if one != self._digest])
