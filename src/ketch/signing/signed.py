"""Keeping signatures beside the package they are of, as OCI referrers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from ketch.errors import ManifestError, Refused, UsageError
from ketch.package import Descriptor, Digest, Package
from ketch.package.oci import SIGSTORE_BUNDLE
from ketch.signing.keys import PublicKey
from ketch.signing.signature import MAX_BUNDLE_BYTES, Signature
from ketch.store import Store, referring

KEY = "dev.ketch.signature.key"
PUBLIC_KEY = "dev.ketch.signature.public-key"
KIND = referring.Kind(SIGSTORE_BUNDLE, SIGSTORE_BUNDLE, MAX_BUNDLE_BYTES)


def attach(signature: Signature, key: PublicKey, package: Package, store: Store) -> Descriptor:
    """Store a signature as a referrer of its package, with the key to check it by.

    That key is no more than a claim until somebody who is trusted says whose it is.
    """
    return referring.attach(
        signature.to_bytes(),
        package,
        store,
        KIND,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        annotations={KEY: signature.fingerprint, PUBLIC_KEY: key.pem.decode()},
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


def signers(package: Package, store: Store) -> tuple[str, ...]:
    """Return the fingerprints of all keys that signed a package, sorted.

    Each signature is checked by the key that came with it; whose keys these are, and
    whether they count, is for a policy to say.
    """
    good: set[str] = set()
    for descriptor in referring.newest_first(package.digest, store, KIND):
        with suppress(Refused, ManifestError, UsageError):
            pem = descriptor.annotations.get(PUBLIC_KEY, "").encode()
            key = PublicKey.parse(pem, where=str(descriptor.digest))
            content = referring.read(descriptor, store, KIND)
            if content is not None:
                Signature.from_bytes(content).check(package, key)
                good.add(key.fingerprint)
    return tuple(sorted(good))


def _read(digest: Digest, store: Store) -> Iterator[Signature]:
    for content in referring.attached(digest, store, KIND):
        with suppress(ManifestError):
            yield Signature.from_bytes(content)
