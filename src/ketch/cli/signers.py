"""Whose signatures a package must have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ketch.errors import Refused
from ketch.package import Reference
from ketch.runtime import Home
from ketch.signing import PublicKey, signatures, signed_by


def demand(package: str, keys: Sequence[Path]) -> tuple[tuple[Path, str], ...]:
    """Return keys with their fingerprints, if each of them signed a package of the store.

    Raises:
        Refused: ``signature/missing``: one of them did not.
    """
    home = Home.default()
    found = home.open(Reference.parse(package))
    signed: list[tuple[Path, str]] = []
    for path in keys:
        key = PublicKey.load(path)
        if signed_by(found, key, home.store):
            signed.append((path, key.fingerprint))
            continue
        known = {signature.fingerprint for signature in signatures(found.digest, home.store)}
        listed = ", ".join(f"`{one[:16]}`" for one in sorted(known)) or "none"
        forged = key.fingerprint in known
        raise Refused(
            f"expected a good signature by `{key.fingerprint[:16]}`, "
            f"found {'one that does not hold' if forged else listed}",
            code="signature/missing",
            where=found.reference,
            hint=f"`ketch sign {found.reference} --key …` by the owner of `{path}`",
        )
    return tuple(signed)
