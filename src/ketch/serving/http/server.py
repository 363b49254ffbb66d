"""Answering HTTP on sockets that listen, and a good end.

At the end no more connections are taken; requests at work are finished, each answer says
that the connection ends, and connections on which nothing is asked are closed after a
moment in which a request that is on its way may still arrive.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from time import monotonic

from ketch.errors import KetchError
from ketch.serving.http.connection import Connection
from ketch.serving.http.limits import Limits
from ketch.serving.http.listener import BACKLOG
from ketch.serving.http.messages import Application, Request, Response
from ketch.serving.http.turn import Admit, Room

LOG = logging.getLogger("ketch.serving")
Refuse = Callable[[KetchError, Request], Response]
"""Writes an error as an answer; the request is as far as it was read, its path may be empty."""

_LOOK_S = 0.5


@asynccontextmanager
async def serve_http(
    app: Application,
    sockets: Sequence[socket.socket],
    *,
    admit: Admit,
    refuse: Refuse,
    limits: Limits | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """Answer requests while the block lasts, and finish those at work at its end.

    Args:
        app: Answers requests.
        sockets: They listen already; they are closed at the end.
        admit: Looks at the head of each request before its body is read.
        refuse: Writes errors.
        limits: How much is taken of everything.
        tls: Certificate and key, when it speaks HTTPS.
    """
    loop = asyncio.get_running_loop()
    server = Server(app, admit, refuse, (limits or Limits()).that_fit(), loop)
    server.accepting = [await _accepting(server, one, tls) for one in sockets]
    looking = loop.create_task(server.keep_looking())
    try:
        yield server
    finally:
        await server.say_goodbye()
        looking.cancel()


class Server:
    """What all connections share.

    Attributes:
        app, admit, refuse, limits, loop: As they were given.
        accepting: What takes new connections.
        connections: Those that are open.
        quiet: Those of them on which no whole request waits, since the longest first.
        room: The memory of bodies.
        date: The header that says when, with its line's end.
        is_closing: Whether the end has begun.
    """

    def __init__(
        self,
        app: Application,
        admit: Admit,
        refuse: Refuse,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.app = app
        self.admit = admit
        self.refuse = refuse
        self.limits = limits
        self.loop = loop
        self.connections: set[Connection] = set()
        self.quiet: dict[Connection, None] = {}
        self.room = Room(limits.bodies_bytes)
        self.date = _date()
        self.accepting: list[asyncio.Server] = []
        self.is_closing = False
        self._empty = asyncio.Event()

    def come(self, connection: Connection) -> None:
        """Take a connection; where there are too many, one ends that asked nothing for longest."""
        self.connections.add(connection)
        self.quiet[connection] = None
        if len(self.connections) > self.limits.connections:
            oldest = next(iter(self.quiet))
            self.leave(oldest)
            oldest.abort()

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)
        self.quiet.pop(connection, None)
        if not self.connections:
            self._empty.set()

    def failed(self, error: BaseException, request: Request) -> Response:
        """Return what is answered instead; a fault of ours is told in the log."""
        if not isinstance(error, KetchError):
            LOG.error("a request failed", exc_info=error)
            error = KetchError("the gateway failed", code="serve/fault")
        try:
            return self.refuse(error, request)
        except Exception:
            LOG.exception("an error could not be told")
            return Response(500, media_type=None)

    async def keep_looking(self) -> None:
        """End what takes too long, again and again."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.date = _date()
            now = monotonic()
            for connection in tuple(self.connections):
                connection.look(now)

    async def say_goodbye(self) -> None:
        """Take no more connections, finish what is at work, and close all of them; once."""
        self.is_closing = True
        for one in self.accepting:
            one.close()
        until = monotonic() + self.limits.goodbye_s
        await self._all_left(min(until, monotonic() + self.limits.farewell_s))
        for connection in tuple(self.connections):
            if connection.is_idle:
                connection.close()
        await self._all_left(until)
        for connection in tuple(self.connections):
            connection.abort()
        await self._all_left(monotonic() + 1.0)

    async def _all_left(self, until: float) -> None:
        if self.connections:
            self._empty.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), max(0.0, until - monotonic()))


async def _accepting(
    server: Server, listener: socket.socket, tls: ssl.SSLContext | None
) -> asyncio.Server:
    """Take the connections that arrive at a socket."""
    loop = server.loop
    listen = loop.create_server if listener.family != socket.AF_UNIX else loop.create_unix_server
    return await listen(
        lambda: Connection(server),
        sock=listener,
        backlog=BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else server.limits.head_s,
        ssl_shutdown_timeout=None if tls is None else 2.0,
    )


def _date() -> str:
    return f"date: {formatdate(usegmt=True)}\r\n"
