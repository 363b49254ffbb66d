"""``ketch sign``: put a key to a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ketch.cli.passphrase import asked_passphrase, known_passphrase
from ketch.cli.printer import Printer
from ketch.errors import UsageError
from ketch.files import write_whole
from ketch.package import Reference
from ketch.runtime import Home

if TYPE_CHECKING:
    from ketch.signing import PrivateKey


def sign(
    package: str,
    /,
    *,
    key: Path,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    json: bool = False,
) -> None:
    """Sign a package: every byte of it, in the OpenSSF model-signing format.

    Args:
        package: A package in the store, such as `shop:1.0.0`.
        key: The private key, as `ketch keygen` makes it.
        output: Also write the signature to this file.
        json: Print one JSON value.
    """
    from ketch.signing import attach  # cryptography, which its help does not need
    from ketch.signing import sign as put_key_to

    home = Home.default()
    found = home.open(Reference.parse(package))
    private = _private_key(key)
    signature = put_key_to(found, private)
    attach(signature, private.public, found, home.store)
    if output is not None:
        write_whole(output, signature.to_bytes())
    value = {
        "package": found.reference,
        "digest": str(found.digest),
        "key": signature.fingerprint,
        "signature": None if output is None else str(output),
    }
    text = f"{found.reference}  {found.digest}\nsigned with {signature.fingerprint}"
    Printer(as_json=json).show(value, text)


def _private_key(path: Path) -> PrivateKey:
    from ketch.signing import PrivateKey

    try:
        return PrivateKey.load(path, known_passphrase())
    except UsageError as problem:
        typed = asked_passphrase(str(path)) if problem.code == "signature/passphrase" else None
        if typed is None:
            raise
        return PrivateKey.load(path, typed)
