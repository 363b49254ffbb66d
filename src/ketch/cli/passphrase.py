"""Passphrases of keys: asked for at a terminal, or in the environment; never an argument."""

from __future__ import annotations

import os
import sys
from getpass import getpass

from ketch.errors import UsageError

VARIABLE = "KETCH_KEY_PASSPHRASE"


def known_passphrase() -> str | None:
    """Return the passphrase that the environment holds, if it does."""
    return os.environ.get(VARIABLE) or None


def asked_passphrase(what: str) -> str | None:
    """Ask a person for a passphrase; nobody is asked where no terminal is."""
    return getpass(f"passphrase of {what}: ") if sys.stdin.isatty() else None


def new_passphrase() -> str:
    """Return the passphrase of a new key, asked for twice.

    Raises:
        UsageError: Nobody can be asked, or the two differ.
    """
    if known := known_passphrase():
        return known
    first = asked_passphrase("the new key")
    if not first:
        raise UsageError(
            "expected a passphrase, found none",
            code="signature/passphrase",
            hint=f"type one when asked, set {VARIABLE}, or say `--no-passphrase`",
        )
    if asked_passphrase("the new key, once more") != first:
        raise UsageError(
            "expected the same passphrase twice, found two", code="signature/passphrase"
        )
    return first
