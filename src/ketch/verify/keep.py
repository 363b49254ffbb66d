"""Keeping attestations beside the package they are about, as OCI referrers."""

from __future__ import annotations

from ketch.errors import ManifestError
from ketch.package import Attestation, Descriptor, Digest, ImageManifest, Package
from ketch.package.attestation import ARTIFACT_TYPE, MEDIA_TYPE
from ketch.package.oci import EMPTY_CONFIG, IMAGE_MANIFEST, parse_manifest
from ketch.store import Store

_EMPTY = b"{}"


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
            "dev.ketch.attestation.passed": "true" if attestation.passed else "false",
            "org.opencontainers.image.created": str(attestation.predicate["started"]),
        },
    )
    stored = store.put_bytes(manifest.to_bytes())
    descriptor = Descriptor(
        IMAGE_MANIFEST, stored.digest, stored.size, manifest.annotations, ARTIFACT_TYPE
    )
    store.add_referrer(package.digest, descriptor)
    return descriptor


def attestations(digest: Digest, store: Store) -> tuple[Attestation, ...]:
    """Return the verification attestations of a package, the newest first."""
    kept = []
    for descriptor in store.referrers(digest):
        if descriptor.artifact_type != ARTIFACT_TYPE:
            continue
        manifest = parse_manifest(
            store.read(descriptor.digest), where=f"attestation {descriptor.digest}"
        )
        if len(manifest.layers) != 1:
            message = f"expected one layer, found {len(manifest.layers)}"
            raise ManifestError(message, where=f"attestation {descriptor.digest}")
        attestation = Attestation.from_bytes(store.read(manifest.layers[0].digest))
        if attestation.subject == digest:
            kept.append(attestation)
    return tuple(sorted(kept, key=lambda one: str(one.predicate.get("started")), reverse=True))
