"""uvicorn, taught to hand files to the kernel: ``http.response.zerocopysend`` of ASGI.

Started with ``uvicorn.Config(app, http=ZeroCopyProtocol, loop="asyncio")``, it offers the
extension to applications (ASGI extensions, "Zero Copy Send"). Bytes of a file then go from
the page cache into the socket, past this process. Where that is not possible (TLS, another
event loop, another server) nothing is offered, and an application sends chunks.

A thread hands the bytes over: the kernel may have to wait for the disk, and several
processors may send at once. Between two hands the event loop waits for the client, so a
slow one holds no thread.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, ClassVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import is_ssl

EXTENSION = "http.response.zerocopysend"
THREADS = 8
"""More than a machine has processors would only take turns; some may wait for a disk."""

TURN_BYTES = 16 * 1024 * 1024
"""What a thread sends to a client that takes all at once, before it looks after others."""

_limiter: RunVar[CapacityLimiter] = RunVar("ketch_senders")

Send = Any
"""What ASGI passes to an application; uvicorn's own type knows no extensions."""


class ZeroCopyProtocol(HttpToolsProtocol):
    """A connection whose application may send files.

    Attributes:
        idle_s: A client that takes nothing for so long is left.
    """

    idle_s: ClassVar[float] = 60.0

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if is_ssl(self.transport) or not isinstance(self.loop, asyncio.SelectorEventLoop):
            super()._start_asgi_task(cycle, app)
            return

        async def with_files(scope: Any, receive: Any, _: Send) -> None:
            await app(scope, receive, _FileSend(cycle, self.loop, self.idle_s))

        scope: Any = cycle.scope
        scope["extensions"] = {EXTENSION: {}}
        super()._start_asgi_task(cycle, with_files)


class _FileSend:
    """Sends what uvicorn sends, and files."""

    def __init__(
        self, cycle: RequestResponseCycle, loop: asyncio.AbstractEventLoop, idle_s: float
    ) -> None:
        self._cycle = cycle
        self._loop = loop
        self._idle_s = idle_s

    async def __call__(self, message: Any) -> None:
        if message["type"] != EXTENSION:
            await self._cycle.send(message)
            return
        cycle, count = self._cycle, message["count"]
        if cycle.disconnected or cycle.response_complete:
            return
        if count > cycle.expected_content_length or cycle.chunked_encoding:
            raise RuntimeError("Response content longer than Content-Length")
        try:
            await self._send(message["file"].fileno(), message["offset"], count)
        except OSError:  # the client has gone, or takes nothing: then nothing gets there
            cycle.disconnected = True
            cycle.transport.abort()
            return
        cycle.expected_content_length -= count
        if not message.get("more_body", False):
            await cycle.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, file: int, offset: int, count: int) -> None:
        transport = self._cycle.transport
        async with asyncio.timeout(self._idle_s):
            # The head goes first; a transport tells nobody that its buffer is empty.
            while transport.get_write_buffer_size():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        if transport.is_closing():
            raise ConnectionResetError
        # Our own name of the connection: another thread may be at work on it when the
        # transport closes its own, which the system then gives to somebody else.
        fd = os.dup(transport.get_extra_info("socket").fileno())
        try:
            while True:
                sent = await to_thread.run_sync(
                    _hand_over, fd, file, offset, min(count, TURN_BYTES), limiter=_senders()
                )
                offset, count = offset + sent, count - sent
                if count == 0:
                    return
                await self._writable(fd)
        finally:
            os.close(fd)

    async def _writable(self, fd: int) -> None:
        ready = self._loop.create_future()
        self._loop.add_writer(fd, _settle, ready)
        try:
            async with asyncio.timeout(self._idle_s):
                await ready
        finally:
            self._loop.remove_writer(fd)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _hand_over(fd: int, file: int, offset: int, count: int) -> int:
    """Let the kernel send until it is done, or the client has to take some first."""
    sent = 0
    while sent < count:
        try:
            done = os.sendfile(fd, file, offset + sent, count - sent)
        except BlockingIOError:
            break
        if done == 0:
            raise OSError(f"expected {count} bytes at {offset}, found {sent}")
        sent += done
    return sent


def _senders() -> CapacityLimiter:
    """Return how many threads of this event loop hand over at once."""
    try:
        return _limiter.get()
    except LookupError:
        made = CapacityLimiter(THREADS)
        _limiter.set(made)
        return made
