"""Keeping attestations beside the package they are about, as OCI referrers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ketch.errors import ManifestError
from ketch.package import Attestation, Descriptor, Digest, ImageManifest, Package
from ketch.package.attestation import ARTIFACT_TYPE, MAX_ATTESTATION_BYTES, MEDIA_TYPE
from ketch.package.oci import EMPTY_CONFIG, IMAGE_MANIFEST, parse_manifest
from ketch.store.base import Store

PASSED = "dev.ketch.attestation.passed"
CREATED = "org.opencontainers.image.created"

_EMPTY = b"{}"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def attach(attestation: Attestation, package: Package, store: Store) -> Descriptor:
    """Store an attestation as a referrer of its package; return its descriptor."""
    content = attestation.to_bytes()
    layer = store.put_bytes(content)
    config = store.put_bytes(_EMPTY)
    manifest = ImageManifest(
        config=Descriptor(EMPTY_CONFIG, config.digest, config.size),
        layers=(Descriptor(MEDIA_TYPE, layer.digest, layer.size),),
        artifact_type=ARTIFACT_TYPE,
        subject=package.descriptor,
        annotations={
            PASSED: "true" if attestation.passed else "false",
            CREATED: str(attestation.predicate["started"]),
        },
    )
    stored = store.put_bytes(manifest.to_bytes())
    descriptor = Descriptor(
        IMAGE_MANIFEST, stored.digest, stored.size, manifest.annotations, ARTIFACT_TYPE
    )
    store.add_referrer(package.digest, descriptor)
    return descriptor


def attestations(digest: Digest, store: Store) -> tuple[Attestation, ...]:
    """Return the verification attestations of a package, the newest first.

    What else refers to it, or only claims to be one, is left out: anybody can attach
    something, and that is no reason not to use the package.

    Raises:
        NotFound, DigestMismatch: One is missing or damaged.
    """
    return tuple(_read(digest, store))


def newest_passing(digest: Digest, store: Store) -> Attestation | None:
    """Return the newest attestation that a package kept its contract, if there is one."""
    return next((one for one in _read(digest, store) if one.passed), None)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the newest verification of a package found, and when it began."""

    passed: bool
    since: datetime


def standing(digest: Digest, store: Store) -> Standing | None:
    """Return what the newest attestation of a package says; None when there is none.

    Only the list of attestations is read, which is enough for a listing; what one says
    is in :func:`attestations`.
    """
    for descriptor in _newest_first(digest, store):
        passed = descriptor.annotations.get(PASSED) == "true"
        return Standing(passed, _began(descriptor))
    return None


def _read(digest: Digest, store: Store) -> Iterator[Attestation]:
    for descriptor in _newest_first(digest, store):
        where = f"attestation {descriptor.digest}"
        manifest = parse_manifest(store.read(descriptor.digest), where=where)
        kinds = [layer.media_type for layer in manifest.layers]
        if kinds != [MEDIA_TYPE] or manifest.layers[0].size > MAX_ATTESTATION_BYTES:
            continue
        content = store.read(manifest.layers[0].digest, max_bytes=MAX_ATTESTATION_BYTES)
        attestation = None
        with suppress(ManifestError):
            attestation = Attestation.from_bytes(content)
        if attestation is not None and attestation.subject == digest:
            yield attestation


def _newest_first(digest: Digest, store: Store) -> list[Descriptor]:
    referrers = store.referrers(digest)
    listed = [_annotated(one, store) for one in referrers if one.artifact_type == ARTIFACT_TYPE]
    listed.reverse()  # of two that began at once, the one that was stored last is the newer
    return sorted(listed, key=_began, reverse=True)


def _annotated(descriptor: Descriptor, store: Store) -> Descriptor:
    """Return a descriptor with the annotations of its manifest, which not every copy lists."""
    if CREATED in descriptor.annotations:
        return descriptor
    where = f"attestation {descriptor.digest}"
    manifest = parse_manifest(store.read(descriptor.digest), where=where)
    return replace(descriptor, annotations=manifest.annotations)


def _began(descriptor: Descriptor) -> datetime:
    """Return when a verification began; one that does not say is older than all others."""
    try:
        began = datetime.fromisoformat(descriptor.annotations.get(CREATED, ""))
    except ValueError:
        return _LONG_AGO
    return began if began.tzinfo else began.replace(tzinfo=UTC)
