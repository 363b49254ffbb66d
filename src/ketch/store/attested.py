"""Keeping attestations beside the package they are about, as OCI referrers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ketch.errors import ManifestError
from ketch.package import Attestation, Descriptor, Digest, Package
from ketch.package.attestation import ARTIFACT_TYPE, MAX_ATTESTATION_BYTES, MEDIA_TYPE
from ketch.store import referring
from ketch.store.base import Store

PASSED = "dev.ketch.attestation.passed"
KIND = referring.Kind(ARTIFACT_TYPE, MEDIA_TYPE, MAX_ATTESTATION_BYTES)


def attach(attestation: Attestation, package: Package, store: Store) -> Descriptor:
    """Store an attestation as a referrer of its package; return its descriptor."""
    return referring.attach(
        attestation.to_bytes(),
        package,
        store,
        KIND,
        created=str(attestation.predicate["started"]),
        annotations={PASSED: "true" if attestation.passed else "false"},
    )


def attestations(digest: Digest, store: Store) -> tuple[Attestation, ...]:
    """Return the verification attestations of a package, the newest first.

    What else refers to it, or only claims to be one, is left out: anybody can attach
    something, and that is no reason not to use the package.

    Raises:
        NotFound, DigestMismatch: One is missing or damaged.
    """
    return tuple(_read(digest, store))


def newest_attestation(digest: Digest, store: Store) -> Attestation | None:
    """Return the newest attestation of a package, whatever it says; None when there is none."""
    return next(_read(digest, store), None)


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
    for descriptor in referring.newest_first(digest, store, KIND):
        passed = descriptor.annotations.get(PASSED) == "true"
        return Standing(passed, referring.created_at(descriptor))
    return None


def _read(digest: Digest, store: Store) -> Iterator[Attestation]:
    for content in referring.attached(digest, store, KIND):
        attestation = None
        with suppress(ManifestError):
            attestation = Attestation.from_bytes(content)
        if attestation is not None and attestation.subject == digest:
            yield attestation
