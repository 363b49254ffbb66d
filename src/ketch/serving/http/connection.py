"""One connection: requests in, answers out, in order; nobody waits for a client for ever.

The path of a request: ``data_received`` feeds the reader, whole requests wait in its queue,
the application is asked for one at a time, and its answer is one write. A client that
leaves takes its request with it: whoever works on it is cancelled. No clock is set for a
request: the server looks at all connections twice a second (:meth:`Connection.look`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import monotonic
from types import CoroutineType
from typing import TYPE_CHECKING

from ketch.errors import UsageError
from ketch.serving.http import writing
from ketch.serving.http.messages import Response
from ketch.serving.http.reading import Reader
from ketch.serving.http.turn import Reading, Turn

if TYPE_CHECKING:
    from ketch.serving.http.server import Server

_PIECE = 4_096
"""Bytes read at once; what they hold is answered before more is read."""


class Connection(asyncio.Protocol):
    """One connection.

    Args:
        server: What all connections share.
    """

    __slots__ = (
        *("_ends", "_idle_since", "_paused", "_reader", "_server", "_stuck_bytes"),
        *("_stuck_since", "_transport", "_turn", "_unread", "_work"),
    )

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport
        self._reader: Reader
        self._turn: Turn | None = None
        self._work: asyncio.Future[Response] | None = None
        self._unread: memoryview | None = None
        self._paused = False
        self._stuck_since = self._ends = 0.0
        self._stuck_bytes = 0
        self._idle_since = monotonic()

    # What the transport calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # a stream, always
        """Let a client in."""
        server = self._server
        self._transport = transport
        is_secure = transport.get_extra_info("sslcontext") is not None
        self._reader = Reader(server.limits, server.admit, server.room, is_secure=is_secure)
        server.come(self)

    def data_received(self, data: bytes) -> None:
        """Read, and answer what is whole."""
        if self._ends:
            return
        if self._unread is not None:
            self._unread = memoryview(bytes(self._unread) + data)
        elif len(data) <= _PIECE:
            self._reader.feed(data)
        else:
            self._unread = memoryview(data)
        self._go_on()
        if self._unread is not None or len(self._reader.turns) > self._server.limits.waiting:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Take a client that says no more as one that left: it looks the same from here."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # asyncio gives it
        """Drop what the client asked."""
        self._server.leave(self)
        self._stop_reading()
        for turn in self._reader.turns:
            self._server.room.taken -= len(turn.request.body)
        self._reader.turns.clear()
        if self._work is not None and self._turn is not None:
            self._server.room.taken -= len(self._turn.request.body)
            self._turn = None
            self._work.cancel()

    def pause_writing(self) -> None:
        """Note since when the client does not take its answer."""
        self._stuck_since = monotonic()
        self._stuck_bytes = self._transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """Go on: it took it."""
        self._stuck_since = 0.0
        self._go_on()

    # What the server calls.

    def look(self, now: float) -> None:
        """End what takes too long.

        Args:
            now: On the monotonic clock.
        """
        limits, reader = self._server.limits, self._reader
        if self._stuck_since:
            taken = self._stuck_bytes - self._transport.get_write_buffer_size()
            if now > self._stuck_since + limits.answer_s + taken / limits.slowest:
                self._transport.abort()
        elif self._ends:
            waits = limits.answer_s if self._transport.get_write_buffer_size() else 0.0
            if now > self._ends + waits:
                self._transport.abort()
        elif reader.state is Reading.NOTHING:
            if self.is_idle and now > self._idle_since + limits.idle_s:
                self.close()
        elif self._unread is None and reader.is_late(now):
            reader.refuse(UsageError("expected the whole request by now", code="request/slow"))
            self._go_on()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked, whole or in part."""
        return (
            self._work is None
            and self._reader.state is Reading.NOTHING
            and not self._reader.turns
            and self._unread is None
            and not self._stuck_since
            and not self._ends
        )

    def close(self) -> None:
        """End a connection on which nothing is asked."""
        if self._transport.get_write_buffer_size():  # an answer that nobody takes
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """End at once, whatever is at work."""
        self._transport.abort()

    # Taking turns.

    def _go_on(self) -> None:
        """Answer, and read on, until one of them has to wait."""
        reader, turns = self._reader, self._reader.turns
        while self._work is None and not self._stuck_since and not self._ends:
            if turns:
                self._ask(turns.popleft())
            elif self._unread is not None:
                size = max(_PIECE, reader.expects)
                piece, rest = self._unread[:size], self._unread[size:]
                self._unread = rest or None
                reader.feed(piece)
            else:
                self._wait()
                return

    def _wait(self) -> None:
        """Wait for the client."""
        server, reader = self._server, self._reader
        if self not in server.quiet:
            server.quiet[self] = None
            self._idle_since = monotonic()
        if self._paused:
            self._paused = False
            reader.began = monotonic()  # it was us who let it wait
            self._transport.resume_reading()
        if reader.wants_leave:
            reader.wants_leave = False
            if not reader.received:
                self._transport.write(writing.CONTINUE)

    def _ask(self, turn: Turn) -> None:
        """Ask the application for an answer, and send it if it comes at once."""
        server = self._server
        server.quiet.pop(self, None)
        if turn.error is not None:
            self._send(turn, server.failed(turn.error, turn.request))
            return
        try:
            answer = server.app(turn.request)
            if not isinstance(answer, Response):
                self._turn, self._work = turn, _working(answer, server.loop)
                self._work.add_done_callback(self._answered)
                return
        except Exception as error:  # noqa: BLE001 # the gateway's last handler
            answer = server.failed(error, turn.request)
        self._send(turn, answer)

    def _answered(self, work: asyncio.Future[Response]) -> None:
        """Send the answer that was waited for."""
        turn, self._turn, self._work = self._turn, None, None
        error = None if work.cancelled() else work.exception()
        if turn is None:  # the client left
            return
        if work.cancelled():
            self._server.room.taken -= len(turn.request.body)
            self._transport.abort()
            return
        self._send(
            turn, work.result() if error is None else self._server.failed(error, turn.request)
        )
        self._go_on()

    def _send(self, turn: Turn, response: Response) -> None:
        """Send an answer."""
        server, transport = self._server, self._transport
        server.room.taken -= len(turn.request.body)
        if transport.is_closing():
            self._ends = monotonic()
            return
        is_last = turn.is_last or server.is_closing
        connection = writing.CLOSE if is_last else writing.KEEP if turn.is_old else ""
        try:
            pieces = writing.encoded(response, server.date, connection, is_bare=turn.is_bare)
        except Exception as error:  # noqa: BLE001 # the gateway's last handler
            told = server.failed(error, turn.request)
            pieces = writing.encoded(told, server.date, connection, is_bare=turn.is_bare)
        if len(pieces) == 1:
            transport.write(pieces[0])
        else:
            transport.writelines(pieces)
        if is_last:
            self._end(is_refused=turn.error is not None)

    def _end(self, *, is_refused: bool) -> None:
        """End after the last answer, in a way that lets the client read it.

        To close while bytes of the client are unread would reset the connection, and the
        answer might be lost with it (RFC 9112 §9.6).
        """
        transport, limits = self._transport, self._server.limits
        self._stop_reading()
        self._ends = monotonic() + limits.linger_s
        if transport.can_write_eof():
            transport.write_eof()
        elif not is_refused:
            transport.close()
            return
        if self._paused:
            self._paused = False
            transport.resume_reading()

    def _stop_reading(self) -> None:
        self._reader.stop()
        self._unread = None


def _working(
    answer: Awaitable[Response], loop: asyncio.AbstractEventLoop
) -> asyncio.Future[Response]:
    """Return what is waited for; most often it is what an ``async def`` returned."""
    if type(answer) is CoroutineType:
        return loop.create_task(answer)
    return asyncio.ensure_future(answer)
