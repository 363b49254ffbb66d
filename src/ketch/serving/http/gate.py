"""Who may ask at all, decided from the head of a request, before its body is read.

A browser is somebody else's program: a page on any site can make it send requests here. So
the gateway answers only under its own names (a page could give its own name our address),
refuses requests that say they come from another site, and knows no cookies. Where tokens
are asked for, any name will do: such a page has none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from contextlib import suppress

from ketch.errors import Refused, UsageError
from ketch.serving.http.messages import Request
from ketch.serving.http.tokens import Tokens

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_REMEMBERED = 256
_BEARER = "send `Authorization: Bearer TOKEN`"


class Gate:
    """Who may ask.

    Args:
        names: Names and addresses of the gateway, beside those of this machine.
        any_address: Whether any IP address will do: there is no name to be led astray by.
        tokens: Who is let in; without any everybody is.
        open_paths: What is answered without a token.
    """

    def __init__(
        self,
        names: Collection[str] = (),
        *,
        any_address: bool = False,
        tokens: Tokens | None = None,
        open_paths: Collection[str] = (),
    ) -> None:
        self._names = frozenset({*LOOPBACK, *(name.lower().strip("[]") for name in names)})
        self._any_address = any_address
        self._open_paths = frozenset(open_paths)
        self._ours: set[str] = set()
        self.tokens = tokens

    def admit(self, request: Request) -> None:
        """Return when a request may be read on.

        Raises:
            UsageError: ``request/host``.
            Refused: ``request/origin``, ``request/token``.
        """
        headers = request.headers
        host = headers.get("host")
        if host not in self._ours and host is not None:
            self._check_host(host)
        if "sec-fetch-site" in headers or "origin" in headers:
            _check_site(request, host or "")
        if self.tokens is not None and request.path not in self._open_paths:
            _check_token(self.tokens, headers.get("authorization"))

    def _check_host(self, host: str) -> None:
        if self.tokens is None and not self._is_ours(host):
            raise UsageError(
                "expected a name of this gateway in `Host`, found another one",
                code="request/host",
                hint="whoever runs the gateway can add a name: `ketch serve --name`",
            )
        if len(self._ours) >= _REMEMBERED:
            self._ours.clear()
        self._ours.add(host)

    def _is_ours(self, host: str) -> bool:
        name = _name_in(host)
        if name in self._names:
            return True
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return self._any_address
        return False


def _name_in(host: str) -> str:
    """Return the name in a header ``Host``, without the port, in lower case.

    >>> _name_in("[::1]:8424"), _name_in("Shop.example:80"), _name_in("a@b"), _name_in("b:x")
    ('::1', 'shop.example', '', '')
    """
    if host.startswith("["):
        name, closed, rest = host[1:].partition("]")
        fits, port = bool(closed) and rest[:1] in {"", ":"}, rest[1:]
    else:
        name, _, port = host.partition(":")
        fits = True
    fits = fits and (not port or (port.isascii() and port.isdigit()))
    return name.lower() if fits and not set(name) & set("@/\\?# ") else ""


def _check_site(request: Request, host: str) -> None:
    headers = request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site in {"cross-site", "same-site"} and not _is_a_visit(request):
        raise _foreign()
    if origin is not None and origin.lower().partition("://")[2] != host.lower():
        raise _foreign()


def _is_a_visit(request: Request) -> bool:
    """Whether a person followed a link here: the page that holds it does not see the answer."""
    headers = request.headers
    return (
        request.method == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _foreign() -> Refused:
    return Refused(
        "expected a request from a program, found one from a page of another site",
        code="request/origin",
    )


def _check_token(tokens: Tokens, authorization: str | None) -> None:
    if authorization is None:
        raise Refused(
            "expected a token, found none",
            code="request/token",
            hint=_BEARER,
        )
    if tokens.name_of(authorization) is None:
        is_bare = authorization.partition(" ")[0].lower() != "bearer"
        raise Refused(
            "expected a token that is known here",
            code="request/token",
            hint=_BEARER if is_bare else None,
        )
