"""One way to servers: requests that end, credentials that stay at home, errors as they were.

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
        reply.json()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ketch.remote import links
from ketch.remote.auth import Auth
from ketch.remote.calls import Body, Call, Patience, Reply
from ketch.remote.exchange import Exchange
from ketch.remote.replies import is_loopback, origin, with_query
from ketch.remote.tries import tried
from ketch.remote.wire import Stream, Wire

__all__ = ["Patience", "Session"]

MAX_REPLY_BYTES = 8 * 1024 * 1024
"""The largest reply that :meth:`Session.request` holds in memory, if it is not told otherwise."""

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})


class Session:
    """Requests to one server. Threads may share it.

    Args:
        base: The server's URL, with a path if it is not at the root.
        auth: Credentials, for this server's origin only.
        ca_file: Certificates to trust instead of the system's, in PEM form.
        patience: How long it waits, and how often it tries.
        sleep: Waits between tries.

    Raises:
        UsageError: ``remote/address``, ``remote/ca-file``.
    """

    def __init__(
        self,
        base: str,
        *,
        auth: Auth | None = None,
        ca_file: Path | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.base = base.rstrip("/")
        self._patience = patience or Patience()
        self._sleep = sleep or time.sleep
        _, host, _ = origin(self.base)
        # A proxy is for what is far away.
        self._wire = Wire(self._patience, ca_file, has_proxy=not is_loopback(host))
        reply_s = self._patience.reply_s
        self._exchange = Exchange(self._wire, self.base, auth, reply_s=reply_s)

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
        self._wire.close()

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
            json: What to send, as JSON; None for nothing.
            body: What to send, as bytes.
            allow: Statuses from 400 on to return instead of raising.
            again: Whether the call may be repeated after it may have been heard; by
                default that is so for methods that change nothing.
            elsewhere: Whether a redirect to another server is followed.
            max_bytes: The largest answer to take.

        Raises:
            KetchError: What the server says, in the class it was raised there.
            Refused: ``remote/denied``: it wants other credentials.
            Unavailable: ``remote/…``: it did not answer, or not as it should.
        """
        said = dict(headers or {})
        if json is not None:
            body, said = msgspec.json.encode(json), {"Content-Type": "application/json", **said}
        call = Call(method, with_query(self.url(path), query), said, body, allow, elsewhere)

        def once() -> Reply:
            answer = self._exchange.answer(call)
            content = answer.whole(max_bytes, self._patience.reply_s)
            return Reply(answer.status, answer.headers, content, answer.url)

        may_repeat = method in _REPEATABLE if again is None else again
        return tried(once, self._patience, self._sleep, again=may_repeat)

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        allow: Collection[int] = (),
        elsewhere: bool = False,
    ) -> Iterator[Stream]:
        """GET something of any size; until it is open, it is tried like any other call.

        Raises:
            KetchError: As :meth:`request` does.
        """
        call = Call("GET", self.url(path), headers or {}, None, allow, elsewhere)
        once = partial(self._exchange.answer, call)
        answer = tried(once, self._patience, self._sleep, again=True)
        try:
            yield answer
        finally:
            answer.close()

    def pause(self, tried: int) -> None:
        """Wait before a call is tried again that only the caller can repeat.

        Args:
            tried: How often it failed so far, from 1.
        """
        wait_s = self._patience.wait_s * 2 ** (tried - 1)
        self._sleep(min(wait_s, self._patience.longest_wait_s))

    def led_to(self, reply: Reply, otherwise: str | None = None) -> str:
        """Return the whole URL that a reply's ``Location`` names; see :func:`links.led_to`."""
        return links.led_to(reply, self.base, otherwise)

    def next_page(self, reply: Reply) -> str | None:
        """Return where a list goes on; see :func:`links.next_page`."""
        return links.next_page(reply, self.base)
