"""Manifests of one repository of an OCI registry, by tag or by digest."""

from __future__ import annotations

from collections.abc import Mapping

from ketch.errors import DigestMismatch
from ketch.package.digest import Digest
from ketch.package.oci import (
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MAX_MANIFEST_BYTES,
    Descriptor,
    parse_manifest,
)
from ketch.package.paths import printable
from ketch.remote.http import Session

MANIFEST_TYPES = f"{IMAGE_MANIFEST}, {IMAGE_INDEX}"


class Manifests:
    """Puts and gets manifests; what a registry says of one is compared with its bytes.

    Args:
        session: The registry.
        base: The path of the repository.
        where: What a person calls it.
    """

    def __init__(self, session: Session, base: str, where: str) -> None:
        self._session = session
        self._base = base
        self._where = where

    def get(self, digest: Digest) -> bytes | None:
        """Return a manifest; ``None`` when it does not lie among them.

        Raises:
            DigestMismatch: The registry sent something else.
        """
        found = self._document(str(digest))
        if found is None:
            return None
        content, _ = found
        if Digest.of(content) != digest:
            raise _mismatch(str(digest), Digest.of(content), f"{self._where}@{digest}")
        return content

    def resolve(self, tag: str) -> Descriptor | None:
        """Return what a tag stands for, by the manifest's own bytes.

        Raises:
            DigestMismatch: The registry says that they are others.
        """
        found = self._document(tag)
        if found is None:
            return None
        content, headers = found
        digest = Digest.of(content)
        said = headers.get("docker-content-digest", str(digest))
        if said != str(digest):
            raise _mismatch(printable(said), digest, f"{self._where}:{tag}")
        return _described(content, digest, headers.get("content-type", ""))

    def put(self, content: bytes, media_type: str, reference: str) -> bool:
        """Put a manifest; return whether the registry lists referrers by itself.

        Raises:
            DigestMismatch: The registry took it for something else.
        """
        digest = Digest.of(content)
        reply = self._session.request(
            "PUT",
            f"{self._base}/manifests/{reference}",
            headers={"Content-Type": media_type},
            body=content,
            again=True,
        )
        found = reply.headers.get("docker-content-digest", str(digest))
        if found != str(digest):
            raise _mismatch(str(digest), printable(found), f"{self._where}@{digest}")
        return "oci-subject" in reply.headers

    def _document(self, reference: str) -> tuple[bytes, Mapping[str, str]] | None:
        reply = self._session.request(
            "GET",
            f"{self._base}/manifests/{reference}",
            headers={"Accept": MANIFEST_TYPES},
            allow={404},
            max_bytes=MAX_MANIFEST_BYTES,
        )
        return None if reply.status == 404 else (reply.content, reply.headers)


def _mismatch(expected: str, found: object, where: str) -> DigestMismatch:
    return DigestMismatch(f"expected `{expected}`, found `{found}`", where=where)


def _described(content: bytes, digest: Digest, said: str) -> Descriptor:
    """Describe a manifest by what it says itself, and by its media type otherwise."""
    media_type = said.partition(";")[0].strip()
    if media_type == IMAGE_INDEX:
        return Descriptor(IMAGE_INDEX, digest, len(content))
    manifest = parse_manifest(content, where=str(digest))
    return Descriptor(IMAGE_MANIFEST, digest, len(content), artifact_type=manifest.artifact_type)
