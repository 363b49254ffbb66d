"""What a tag should be called: content says so itself, and cannot be changed.

Blobs are hashed against their names, but nothing hashes the tags: one flipped bit makes
``1.0.0`` of ``1.0.1``. So whoever follows a tag compares it with what it leads to.
"""

from ketch.package.oci import (
    IMAGE_MANIFEST,
    PACKAGE_NAME,
    PACKAGE_VERSION,
    Descriptor,
    ImageManifest,
    parse_manifest,
)
from ketch.store.graph import Read, children
from ketch.store.index import referrers_tag


def own_tag(manifest: ImageManifest) -> str | None:
    """Return ``name:version`` of a package; ``None`` for the manifest of anything else."""
    said = manifest.annotations
    if PACKAGE_NAME in said and PACKAGE_VERSION in said:
        return f"{said[PACKAGE_NAME]}:{said[PACKAGE_VERSION]}"
    return None


def proper_tag(top: Descriptor, read: Read) -> str | None:
    """Return the tag that a package, or an index of referrers, should have.

    ``None`` for anything else: other tools name what is theirs as they like.

    Raises:
        ManifestError, NotFound, DigestMismatch: A manifest can not be read.
    """
    if top.media_type == IMAGE_MANIFEST:
        return own_tag(parse_manifest(read(top.digest), where=str(top.digest)))
    for child in children(top, read):
        if child.media_type == IMAGE_MANIFEST:
            subject = parse_manifest(read(child.digest), where=str(child.digest)).subject
            if subject is not None:
                return referrers_tag(subject.digest)
    return None
