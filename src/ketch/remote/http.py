"""One way to servers: requests that end, credentials that stay at home, errors as they were.

This is the only module that imports httpx.

- **It ends.** Silence, the number of tries and the size of a reply all have a limit.
- **It is tried again where that is harmless**: calls that can be repeated, after a wait that
  grows, or the one the server asks for with ``Retry-After``. A call that may have been heard
  is never repeated unasked.
- **Credentials go to their own server.** A redirect to another one is followed by calls that
  say so, and without them; nothing leads from https to http.
- **An error keeps its identity**: see :mod:`ketch.remote.problem`.

::

    with Session("https://hub.shop.example", auth=Bearer(token)) as hub:
        reply = hub.request("POST", "/api/v1/versions", json={"digest": digest})
        reply.json()["event"]
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from ketch.errors import KetchError, Refused, Unavailable, UsageError
from ketch.package.paths import printable
from ketch.remote.auth import Auth
from ketch.remote.replies import error_of, malformed, parsed, wait_asked_for
from ketch.remote.trouble import explained

MAX_REPLY_BYTES = 8 * 1024 * 1024
"""The largest reply that :meth:`Session.request` holds in memory, if it is not told otherwise."""

_HOPS = 5
_CHALLENGES = 2
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a session waits, and how often it tries.

    Attributes:
        connect_s: For a connection, in seconds.
        silence_s: For the next byte in either direction, in seconds.
        tries: How often a call is made that may be repeated.
        wait_s: Before the second try; then twice that, and so on.
        longest_wait_s: The most, also when the server asks for more.
    """

    connect_s: float = 10.0
    silence_s: float = 60.0
    tries: int = 4
    wait_s: float = 0.25
    longest_wait_s: float = 20.0


class Body(Protocol):
    """What is sent: as many bytes as it says, and again from the start when asked again."""

    @property
    def length(self) -> int:
        """How many bytes there are."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Yield all of them."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes:
        status: The HTTP status, below 400 or one that the caller allowed.
        headers: By name, in any case of letters.
        content: The body.
        url: Where it came from, after redirects.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    def json(self) -> object:
        """Return the body as JSON, read strictly.

        Raises:
            Unavailable: ``remote/malformed``: it is none.
        """
        return parsed(self.content, self.url)


class Stream:
    """A reply whose body is read piece by piece; a :class:`~ketch.store.base.Reader`."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._parts = response.iter_raw()
        self._rest = b""

    @property
    def status(self) -> int:
        """The HTTP status, below 400 or one that the caller allowed."""
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, in any case of letters."""
        return self._response.headers

    @property
    def url(self) -> str:
        """Where it comes from, after redirects."""
        return str(self._response.url)

    def read(self, count: int, /) -> bytes:
        """Return at most ``count`` bytes, as they come in; none at the end.

        Raises:
            Unavailable: ``remote/cut-off``, ``remote/timeout``.
        """
        if not self._rest:
            with explained(self.url):
                self._rest = next(self._parts, b"")
        part, self._rest = self._rest[:count], self._rest[count:]
        return part


class Session:
    """Requests to one server. Threads may share it.

    Args:
        base: The server's URL, with a path if it is not at the root.
        auth: Credentials, for this server's origin only.
        ca_file: Certificates to trust instead of the system's, in PEM form.
        patience: How long it waits, and how often it tries.
        sleep: Waits between tries.
    """

    def __init__(
        self,
        base: str,
        *,
        auth: Auth | None = None,
        ca_file: Path | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base = base.rstrip("/")
        self._origin = origin(self.base)
        self._auth = auth
        self._ca_file = ca_file
        self._patience = patience or Patience()
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def url(self, path: str) -> str:
        """Return the URL of a path below the base; a whole URL stays what it is."""
        return path if "://" in path else f"{self.base}/{path.lstrip('/')}"

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        body: bytes | Body | None = None,
        allow: Collection[int] = (),
        again: bool | None = None,
        elsewhere: bool = False,
        max_bytes: int = MAX_REPLY_BYTES,
    ) -> Reply:
        """Make a call and return its whole answer.

        Args:
            method: Such as ``GET``.
            path: Below the base, or a whole URL that a reply named.
            query: Parameters.
            headers: Beside those that are always sent.
            json: What to send, as JSON.
            body: What to send, as bytes.
            allow: Statuses from 400 on to return instead of raising.
            again: Whether the call may be repeated after it may have been heard; by
                default that is so for calls that change nothing.
            elsewhere: Whether a redirect to another server is followed.
            max_bytes: The largest answer to take.

        Raises:
            KetchError: What the server says; the class is the one it was there.
            Refused: ``remote/denied``: it wants other credentials.
            Unavailable: ``remote/…``: it did not answer, or not as it should.
        """
        with self.stream(
            method,
            path,
            query=query,
            headers=headers,
            json=json,
            body=body,
            allow=allow,
            again=again,
            elsewhere=elsewhere,
            content=max_bytes,
        ) as stream:
            return Reply(stream.status, stream.headers, stream.content, stream.url)
