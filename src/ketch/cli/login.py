"""``ketch login``: keep the token for a hub, so that every verb finds it."""

from __future__ import annotations

import sys
from getpass import getpass

from ketch.cli.printer import Printer
from ketch.errors import UsageError


def login(url: str, /, *, json: bool = False) -> None:
    """Keep the token for a hub; it is asked for, or read from standard input.

    It is tried at once, and kept in a file that nobody else can read. Set KETCH_REGISTRY
    to the address of the hub to work with it.

    Args:
        url: The address of the hub, such as `https://hub.shop.example`.
        json: Print one JSON value.
    """
    token = _token()
    from ketch.registry.hub import HubDesk, connect
    from ketch.registry.hub.credentials import hub_url, keep

    address = hub_url(url)
    with connect(address, token=token) as session:
        who = HubDesk(session).me()
    kept = keep(address, token)
    text = (
        f"{who['person']} is known at {address} as {who['role']}; the token is kept in {kept}\n"
        f"to work with it: export KETCH_REGISTRY={address}"
    )
    Printer(as_json=json).show({"hub": address, **who, "file": str(kept)}, text)


def _token() -> str:
    """Return the token that somebody types or pipes in: arguments are for all to see."""
    asked = sys.stdin.isatty()
    text = (getpass("token: ") if asked else sys.stdin.readline(200)).strip()
    if not text or not text.isascii() or not text.isprintable():
        raise UsageError(
            "expected a token on standard input, found none",
            code="hub/no-token",
            hint="`ketch hub token create NAME` prints one",
        )
    return text
