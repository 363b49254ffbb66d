"""Keeping comparisons beside the package they are about, as OCI referrers."""

from __future__ import annotations

from contextlib import suppress

from ketch.errors import ManifestError
from ketch.package import Descriptor, Digest, Package
from ketch.package.attestation import MEDIA_TYPE
from ketch.package.comparison import ARTIFACT_TYPE, MAX_COMPARISON_BYTES, Comparison
from ketch.store import referring
from ketch.store.base import Store

KIND = referring.Kind(ARTIFACT_TYPE, MEDIA_TYPE, MAX_COMPARISON_BYTES)


def attach_comparison(comparison: Comparison, package: Package, store: Store) -> Descriptor:
    """Store a comparison as a referrer of its package; return its descriptor."""
    created = str(comparison.predicate["started"])
    return referring.attach(comparison.to_bytes(), package, store, KIND, created=created)


def comparisons(digest: Digest, store: Store) -> tuple[Comparison, ...]:
    """Return the newest comparison of a package with each other one, the newest first.

    What only claims to be one is left out: anybody can attach something.

    Raises:
        NotFound, DigestMismatch: One is missing or damaged.
    """
    found: dict[Digest, Comparison] = {}
    for content in referring.attached(digest, store, KIND):
        with suppress(ManifestError):
            one = Comparison.from_bytes(content)
            if one.subject == digest:
                found.setdefault(one.against, one)
    return tuple(found.values())
