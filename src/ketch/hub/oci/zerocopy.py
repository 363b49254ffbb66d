"""uvicorn, taught to hand files to the kernel: ``http.response.zerocopysend`` of ASGI.

Started with ``uvicorn.Config(app, http=ZeroCopyProtocol, loop="asyncio")``, it offers the
extension to applications (ASGI extensions, "Zero Copy Send"). Bytes of a file then go from
the page cache into the socket, past this process. Where that is not possible (TLS, another
event loop, another server) nothing is offered, and an application sends chunks.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import is_ssl

EXTENSION = "http.response.zerocopysend"

Send = Any
"""What ASGI passes to an application; uvicorn's own type knows no extensions."""


class ZeroCopyProtocol(HttpToolsProtocol):
    """A connection whose application may send files."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if is_ssl(self.transport) or not isinstance(self.loop, asyncio.SelectorEventLoop):
            super()._start_asgi_task(cycle, app)
            return

        async def with_files(scope: Any, receive: Any, _: Send) -> None:
            await app(scope, receive, _FileSend(cycle, self.loop))

        scope: Any = cycle.scope
        scope["extensions"] = {EXTENSION: {}}
        super()._start_asgi_task(cycle, with_files)


class _FileSend:
    """Sends what uvicorn sends, and files."""

    def __init__(self, cycle: RequestResponseCycle, loop: asyncio.AbstractEventLoop) -> None:
        self._cycle = cycle
        self._loop = loop

    async def __call__(self, message: Any) -> None:
        if message["type"] != EXTENSION:
            await self._cycle.send(message)
            return
        cycle = self._cycle
        if cycle.disconnected or cycle.response_complete:
            return
        count = message["count"]
        if count > cycle.expected_content_length or cycle.chunked_encoding:
            raise RuntimeError("Response content longer than Content-Length")
        try:
            await self._loop.sendfile(
                cycle.transport, message["file"], message["offset"], count, fallback=False
            )
        except OSError:  # the client has gone
            cycle.disconnected = True
            cycle.transport.abort()
            return
        except asyncio.CancelledError:  # it takes nothing: what waits for it never gets there
            cycle.transport.abort()
            raise
        cycle.expected_content_length -= count
        if not message.get("more_body", False):
            await cycle.send({"type": "http.response.body", "body": b"", "more_body": False})
