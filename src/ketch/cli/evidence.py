"""What is known about a package, as the registry takes it."""

from __future__ import annotations

from ketch.package import Digest
from ketch.registry import Evidence, Proof
from ketch.runtime import Home
from ketch.store import attestations


def evidence(digest: Digest, home: Home) -> tuple[Evidence, ...]:
    """Return what is known about a package: its newest verification."""
    kept = attestations(digest, home.store)
    return tuple(
        Evidence(Proof.VERIFICATION, newest.passed, str(newest.outcome)) for newest in kept[:1]
    )
