"""Keeping signatures beside the package they are of, as OCI referrers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from ketch.errors import ManifestError, Refused
from ketch.package import Descriptor, Digest, Package
from ketch.signing.keys import PublicKey
from ketch.signing.signature import BUNDLE, MAX_BUNDLE_BYTES, Signature
from ketch.store import Store, referring

KEY = "dev.ketch.signature.key"
KIND = referring.Kind(BUNDLE, BUNDLE, MAX_BUNDLE_BYTES)


def attach(signature: Signature, package: Package, store: Store) -> Descriptor:
    """Store a signature as a referrer of its package; return its descriptor."""
    return referring.attach(
        signature.to_bytes(),
        package,
        store,
        KIND,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        annotations={KEY: signature.fingerprint},
    )


def signatures(digest: Digest, store: Store) -> tuple[Signature, ...]:
    """Return what says it is a signature of a package, the newest first; none is checked."""
    return tuple(_read(digest, store))


def signed_by(package: Package, key: PublicKey, store: Store) -> bool:
    """Whether a signature of a package by this key is there, and good.

    Forged ones beside it change nothing: anybody can attach something.
    """
    for signature in signatures(package.digest, store):
        with suppress(Refused, ManifestError):
            signature.check(package, key)
            return True
    return False


def _read(digest: Digest, store: Store) -> Iterator[Signature]:
    for content in referring.attached(digest, store, KIND):
        with suppress(ManifestError):
            yield Signature.from_bytes(content)
