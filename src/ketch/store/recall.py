"""What the blobs of a store say about themselves, for when the tags are lost.

Slow, since every small blob is read: only a repair asks.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ketch.errors import NotFound, PackageError
from ketch.package.digest import Digest
from ketch.package.oci import (
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MAX_MANIFEST_BYTES,
    Descriptor,
    ImageManifest,
    parse_manifest,
)
from ketch.store.base import Store
from ketch.store.index import Index, referrers_tag
from ketch.store.naming import own_tag

_CREATED = "org.opencontainers.image.created"


def found_referrers(store: Store) -> Mapping[Digest, list[Descriptor]]:
    """Return every manifest that refers to something, by its subject, the oldest first."""
    found: dict[Digest, list[Descriptor]] = defaultdict(list)
    for descriptor, manifest in _manifests(store):
        if manifest.subject is not None:
            found[manifest.subject.digest].append(descriptor)
    for referrers in found.values():
        referrers.sort(key=_age)
    return found


def found_tags(store: Store) -> Index:
    """Return the tags that a store must have had.

    A package gets its name once it kept its contract, and then an attestation refers to
    it; so those without a referrer stay without a name. Of two with one name, the one that
    was attested last has it.
    """
    referrers = found_referrers(store)
    named = [
        (_age(referrers[package.digest][-1]), tag, package)
        for package, manifest in _manifests(store)
        if (tag := own_tag(manifest)) is not None and package.digest in referrers
    ]
    index = Index()
    for _, tag, package in sorted(named, key=lambda found: found[0]):
        index = index.bind(tag, replace(package, annotations={}))
    for subject in sorted(referrers):
        stored = store.put_bytes(Index.of(referrers[subject]).to_bytes())
        top = Descriptor(IMAGE_INDEX, stored.digest, stored.size)
        index = index.bind(referrers_tag(subject), top)
    return index


def _manifests(store: Store) -> Iterator[tuple[Descriptor, ImageManifest]]:
    for digest in sorted(store.digests()):
        size = store.size(digest)
        if size is None or size > MAX_MANIFEST_BYTES:
            continue
        try:
            manifest = parse_manifest(store.read(digest), where=str(digest))
        except (NotFound, PackageError):
            continue  # most blobs are no manifests
        said, kind = manifest.annotations, manifest.artifact_type
        yield Descriptor(IMAGE_MANIFEST, digest, size, said, kind), manifest


def _age(descriptor: Descriptor) -> tuple[str, Digest]:
    return descriptor.annotations.get(_CREATED, ""), descriptor.digest
