"""``ketch keygen``: make a pair of keys to sign packages with."""

from __future__ import annotations

from pathlib import Path

from ketch.cli.passphrase import new_passphrase
from ketch.cli.printer import Printer


def keygen(
    path: Path = Path("ketch.key"), /, *, no_passphrase: bool = False, json: bool = False
) -> None:
    """Make a private key, and beside it the public one that others check with.

    Args:
        path: Where the private key goes; the public one ends in `.pub`.
        no_passphrase: Leave the private key unlocked, for a machine that nobody sits at.
        json: Print one JSON value.
    """
    from ketch.signing import PrivateKey  # cryptography, which its help does not need

    passphrase = None if no_passphrase else new_passphrase()
    key = PrivateKey.generate()
    public = key.save(path, passphrase)
    fingerprint = key.public.fingerprint
    text = f"{path}  keep it to yourself\n{public}  give it to others\n{fingerprint}"
    value = {"private": str(path), "public": str(public), "fingerprint": fingerprint}
    Printer(as_json=json).show(value, text)
