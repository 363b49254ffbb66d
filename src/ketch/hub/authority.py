"""Whose request it is: what ``Authorization`` says, or that nobody needs to say anything."""

from __future__ import annotations

import base64
import binascii

from starlette.datastructures import Headers

from ketch.errors import Refused
from ketch.hub.access import Identity, Role, Tokens

ANYBODY = Identity("anybody", Role.ANYBODY)


class Authority:
    """Tells whom a request is from.

    Args:
        tokens: The tokens of the hub.
        alone: Who everybody is while no token was ever made; None where that is nobody.
            Only a hub that none but this machine reaches has such a person.
    """

    def __init__(self, tokens: Tokens, alone: str | None) -> None:
        self._tokens = tokens
        self._alone = None if alone is None else Identity(alone, Role.ADMIN)

    def identify(self, headers: Headers, *, basic: bool) -> Identity:
        """Return whom a request is from.

        Args:
            headers: Those of the request.
            basic: Whether a token may come as a password, as OCI clients send it. A
                browser remembers passwords and sends them along unasked.

        Raises:
            Refused: ``hub/no-token``, or what is wrong with the token.
        """
        if self._alone is not None:
            if not self._tokens.exist():
                return self._alone
            self._alone = None  # for ever: somebody was let in by name
        token = _token(headers.get("authorization", ""), basic=basic)
        if token is None:
            raise Refused(
                "expected a token, found none",
                code="hub/no-token",
                hint="`ketch login` keeps the one you were given, or set KETCH_TOKEN",
            )
        return self._tokens.identify(token)


def _token(header: str, *, basic: bool) -> str | None:
    scheme, _, said = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return said.strip()
    if scheme.lower() == "basic" and basic:
        try:
            pair = base64.b64decode(said.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return pair.partition(":")[2]
    return None
