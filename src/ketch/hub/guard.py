"""What every request must be before anybody looks at what it asks.

A browser is somebody else's program: a page on any site can make it send requests here.
So the hub knows no cookies, answers only under its own names, and refuses requests that
say they come from another site. Bodies have a limit and may not stand still.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from ketch.errors import Refused, UsageError
from ketch.package.paths import printable

HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Sent with every answer that does not say otherwise."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a hub takes of everything.

    Attributes:
        requests: Requests answered at once; more are told to come again.
        connections: Open connections; more are closed at once.
        waiting: Requests of one connection that wait for the one before them.
        header_bytes: Of one request, its first line included.
        header_s: How long a request may take to say what it wants.
        silence_s: How long a body, or whoever reads an answer, may stand still.
        threads: How many requests look into the registry at once.
        goodbye_s: How long requests may go on when the hub is told to stop.
    """

    requests: int = 200
    connections: int = 1_000
    waiting: int = 16
    header_bytes: int = 16 * 1024
    header_s: float = 10.0
    silence_s: float = 60.0
    threads: int = 16
    goodbye_s: int = 30


@dataclass(frozen=True, slots=True)
class Names:
    """The names under which a hub may be addressed.

    Attributes:
        known: Names and addresses, in lower case, without ports.
        any_address: Whether any IP address will do: there is no name to be led astray by.
    """

    known: frozenset[str]
    any_address: bool = False

    @classmethod
    def of(cls, host: str, more: Collection[str] = ()) -> Names:
        """Return the names of a hub that listens at an address."""
        known = {*LOOPBACK, host.lower(), *(name.lower().strip("[]") for name in more)}
        return cls(frozenset(known), any_address=host not in LOOPBACK)

    def check(self, headers: Headers) -> None:
        """Return when a request is addressed to this hub, and comes from no other site.

        Raises:
            UsageError: ``hub/host``.
            Refused: ``hub/origin``.
        """
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise UsageError(
                f"expected a name of this hub in `Host`, found `{printable(host, 80)}`",
                code="hub/host",
                hint="whoever runs the hub can add a name: `ketch hub --name`",
            )
        origin = headers.get("origin")
        foreign = origin is not None and (
            urlsplit(origin).netloc.lower() != host.lower() or not self._is_ours(origin)
        )
        if foreign or headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            raise Refused(
                "expected a request from a program, found one from a page of another site",
                code="hub/origin",
            )

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(host if "://" in host else f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self.known:
            return True
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return self.any_address
        return False


def check_framing(headers: Headers) -> None:
    """Return when there is one way to read where the body ends.

    Raises:
        UsageError: ``hub/request``: two parties might read it in two ways.
    """
    for name in ("host", "authorization", "content-length", "content-type"):
        if len(headers.getlist(name)) > 1:
            raise UsageError(f"expected one `{name}`, found several", code="hub/request")
    if "content-length" in headers and "transfer-encoding" in headers:
        raise UsageError("expected one length of the body, found two", code="hub/request")
    if headers.get("content-encoding", "identity").lower() != "identity":
        found = printable(headers["content-encoding"], 40)
        message = f"expected a body as it is, found one encoded as `{found}`"
        raise UsageError(message, code="hub/media-type", hint="send it without `Content-Encoding`")


class Body:
    """The body of a request: no longer than it may be, and never standing still.

    Args:
        receive: Where it comes from.
        most_bytes: The most it may hold.
        silence_s: How long it may stand still.
    """

    def __init__(self, receive: Receive, most_bytes: int, silence_s: float) -> None:
        self._receive = receive
        self._most = most_bytes
        self._silence_s = silence_s
        self._count = 0
        self._ended = False

    def check_length(self, headers: Headers) -> None:
        """Return when the body that is announced is not too long.

        Raises:
            UsageError: ``hub/too-large``.
        """
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            raise UsageError("expected a number in `Content-Length`", code="hub/request")
        if int(length) > self._most:
            raise _too_large(self._most, int(length))

    async def __call__(self) -> Message:
        """Return the next part, in time."""
        if self._ended:  # who waits for the client to leave may wait
            return await self._receive()
        try:
            async with asyncio.timeout(self._silence_s):
                message = await self._receive()
        except TimeoutError as error:
            raise UsageError(
                f"expected more of the body within {self._silence_s:g} s, found nothing",
                code="hub/slow",
            ) from error
        self._count += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._count > self._most:
            raise _too_large(self._most, self._count)
        return message


class Answer:
    """Sends an answer with the headers that every answer has, and takes note of it.

    Args:
        send: Where it goes.
        request: The number under which the log has the request.
        secure: Whether the connection is encrypted.
    """

    def __init__(self, send: Send, request: str, *, secure: bool) -> None:
        self._send = send
        self._request = request
        self._secure = secure
        self.status: int | None = None
        self.count = 0

    async def __call__(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name.lower() for name, _ in message.get("headers", ())}
            more = {**HEADERS, "ketch-request": self._request}
            if self._secure:
                more["strict-transport-security"] = "max-age=31536000"
            added = [
                (name.encode(), value.encode())
                for name, value in more.items()
                if name.encode() not in given
            ]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        else:
            self.count += message.get("count") or len(message.get("body", b""))
        await self._send(message)


def is_secure(scope: Scope) -> bool:
    """Whether a request came over an encrypted connection."""
    return bool(scope.get("scheme") == "https")


def _too_large(most: int, found: int) -> UsageError:
    return UsageError(
        f"expected a body of at most {most} bytes, found {found} or more", code="hub/too-large"
    )
