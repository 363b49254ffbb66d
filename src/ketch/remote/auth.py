"""Who asks: what a session sends as ``Authorization``, and how it answers a challenge.

A session sends it to its own server only. The token dance is that of the distribution
specification's token authentication: a 401 names a *realm*; there a token for the *scope*
of the request is fetched, with the credentials, or without any where a repository is public.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ketch.errors import Unavailable
from ketch.package.paths import printable

Ask = Callable[[str, Mapping[str, str], Mapping[str, str]], Mapping[str, object]]
"""Asks a realm: URL, parameters, headers → the JSON object it answers."""

_CHALLENGE = re.compile(
    r'(?:^|,\s*)(Basic|Bearer)\b((?:\s*,?\s*[a-zA-Z_]+="[^"]*")*)', re.IGNORECASE
)
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]*)"')


class Auth(Protocol):
    """Credentials of one server."""

    def header(self) -> str | None:
        """Return the value of ``Authorization``; ``None`` to send none."""
        ...

    def answer(self, challenges: Sequence[str], ask: Ask) -> bool:
        """Take note of the ``WWW-Authenticate`` of a 401; return whether to try again."""
        ...


@dataclass(frozen=True, slots=True)
class Basic:
    """A name and a password, sent with every request."""

    user: str
    password: str = field(repr=False)

    def header(self) -> str:
        """Return the header of RFC 7617."""
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    def answer(self, challenges: Sequence[str], ask: Ask) -> bool:
        """There is nothing else to say."""
        del challenges, ask
        return False


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, sent with every request."""

    token: str = field(repr=False)

    def header(self) -> str:
        """Return the header of RFC 6750."""
        return f"Bearer {self.token}"

    def answer(self, challenges: Sequence[str], ask: Ask) -> bool:
        """There is nothing else to say."""
        del challenges, ask
        return False


class TokenDance:
    """Credentials, or none, of an OCI registry: whatever its challenge wants is answered.

    Scopes gather, so that one token serves all that a session does. Threads may share it.

    Args:
        login: The person's name and password; ``None`` for nobody.
    """

    def __init__(self, login: Basic | None = None) -> None:
        self._login = login
        self._header: str | None = None
        self._scopes: dict[str, None] = {}
        self._lock = threading.Lock()

    def header(self) -> str | None:
        """Return what the last challenge led to."""
        return self._header

    def answer(self, challenges: Sequence[str], ask: Ask) -> bool:
        """Fetch a token, or send the credentials themselves if that is what is wanted."""
        asked = _parse(challenges)
        with self._lock:
            if "://" in asked.get("bearer", {}).get("realm", ""):
                self._header = self._token(asked["bearer"], ask)
                return True
            if not asked or self._login is None:
                return False
            before, self._header = self._header, self._login.header()
            return before != self._header

    def _token(self, challenge: Mapping[str, str], ask: Ask) -> str:
        realm = challenge.get("realm", "")
        self._scopes.update(dict.fromkeys(challenge.get("scope", "").split()))
        wanted = {"service": challenge.get("service", ""), "scope": " ".join(self._scopes)}
        query = {key: value for key, value in wanted.items() if value}
        headers = {"Authorization": self._login.header()} if self._login else {}
        body = ask(realm, query, headers)
        token = body.get("token") or body.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Unavailable(
                "expected a `token` from the registry's realm, found none",
                code="remote/no-token",
                where=printable(realm),
            )
        return f"Bearer {token}"


def _parse(challenges: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return scheme → parameters of every challenge, schemes in lower case."""
    found: dict[str, dict[str, str]] = {}
    for text in challenges:
        for scheme, parameters in _CHALLENGE.findall(text[:8192]):
            said = {key.lower(): value for key, value in _PARAMETER.findall(parameters)}
            found.setdefault(scheme.lower(), said)
    return found
