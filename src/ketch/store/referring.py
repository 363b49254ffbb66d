"""Small documents kept beside the package they are about, as OCI referrers.

Each is an artifact of its own with the package as its ``subject``: it travels with the
package and never changes it. Anybody can attach something, so what is found here has to
be looked at before it is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ketch.package import Descriptor, Digest, ImageManifest, Package
from ketch.package.oci import EMPTY_CONFIG, IMAGE_MANIFEST, parse_manifest
from ketch.store.base import Store

CREATED = "org.opencontainers.image.created"

_EMPTY = b"{}"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document.

    Attributes:
        artifact_type: What the artifact says it is.
        media_type: What its one layer is.
        max_bytes: The size of a document beyond which it is none.
    """

    artifact_type: str
    media_type: str
    max_bytes: int


def attach(
    content: bytes,
    package: Package,
    store: Store,
    kind: Kind,
    *,
    created: str,
    annotations: Mapping[str, str] | None = None,
) -> Descriptor:
    """Store a document as a referrer of a package; return its descriptor.

    Args:
        content: The document.
        package: What it is about.
        store: Where both are.
        kind: What it is.
        created: When it was made, as ISO 8601 has it.
        annotations: What a listing should know of it.
    """
    layer = store.put_bytes(content)
    config = store.put_bytes(_EMPTY)
    manifest = ImageManifest(
        config=Descriptor(EMPTY_CONFIG, config.digest, config.size),
        layers=(Descriptor(kind.media_type, layer.digest, layer.size),),
        artifact_type=kind.artifact_type,
        subject=package.descriptor,
        annotations={**(annotations or {}), CREATED: created},
    )
    stored = store.put_bytes(manifest.to_bytes())
    descriptor = Descriptor(
        IMAGE_MANIFEST, stored.digest, stored.size, manifest.annotations, kind.artifact_type
    )
    store.add_referrer(package.digest, descriptor)
    return descriptor


def attached(digest: Digest, store: Store, kind: Kind) -> Iterator[bytes]:
    """Yield the documents of a kind that refer to a package, the newest first.

    What only claims to be of that kind is left out: it is no reason not to use the package.

    Raises:
        NotFound, DigestMismatch: One is missing or damaged.
    """
    for descriptor in newest_first(digest, store, kind):
        content = read(descriptor, store, kind)
        if content is not None:
            yield content


def read(descriptor: Descriptor, store: Store, kind: Kind) -> bytes | None:
    """Return the document of a referrer; None when it only claims to be of that kind."""
    manifest = parse_manifest(store.read(descriptor.digest), where=_where(descriptor))
    kinds = [layer.media_type for layer in manifest.layers]
    if kinds != [kind.media_type] or manifest.layers[0].size > kind.max_bytes:
        return None
    return store.read(manifest.layers[0].digest, max_bytes=kind.max_bytes)


def newest_first(digest: Digest, store: Store, kind: Kind) -> list[Descriptor]:
    """Return what refers to a package and says it is of a kind, the newest first."""
    referrers = store.referrers(digest)
    listed = [_annotated(o, store) for o in referrers if o.artifact_type == kind.artifact_type]
    listed.reverse()  # of two that began at once, the one that was stored last is the newer
    return sorted(listed, key=created_at, reverse=True)


def created_at(descriptor: Descriptor) -> datetime:
    """Return when a document was made; one that does not say is older than all others."""
    try:
        created = datetime.fromisoformat(descriptor.annotations.get(CREATED, ""))
    except ValueError:
        return _LONG_AGO
    return created if created.tzinfo else created.replace(tzinfo=UTC)


def _annotated(descriptor: Descriptor, store: Store) -> Descriptor:
    """Return a descriptor with the annotations of its manifest, which not every copy lists."""
    if CREATED in descriptor.annotations:
        return descriptor
    manifest = parse_manifest(store.read(descriptor.digest), where=_where(descriptor))
    return replace(descriptor, annotations=manifest.annotations)


def _where(descriptor: Descriptor) -> str:
    return f"referrer {descriptor.digest}"
