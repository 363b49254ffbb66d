"""A part of a file as an answer: by the kernel where the server can, in chunks elsewhere.

The event loop serves everybody, so it waits for no disk: threads read, and hand over. A
client that takes nothing for a while is left; with ``Range`` it goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import BinaryIO

from anyio import to_thread
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ketch.hub.oci.ranges import Span
from ketch.hub.oci.zerocopy import EXTENSION

CHUNK_BYTES = 512 * 1024
"""What is held in memory for a client, where the kernel can not send files."""


class FileAnswer(Response):
    """Some bytes of an open file, which is closed at the end.

    Args:
        file: The file.
        span: Which bytes; there are that many.
        status: The status.
        headers: The headers, with ``Content-Length``.
        idle_s: A client that takes nothing for so long is left.
    """

    def __init__(
        self,
        file: BinaryIO,
        span: Span,
        *,
        status: int,
        headers: Mapping[str, str],
        idle_s: float,
    ) -> None:
        super().__init__(None, status, headers)
        self._file = file
        self._span = span
        self._idle_s = idle_s

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Send the head, then the bytes."""
        head = {"type": "http.response.start", "status": self.status_code}
        with self._file:
            await send({**head, "headers": self.raw_headers})
            if EXTENSION in scope.get("extensions", {}) and self._span.count:
                await self._by_kernel(send)
            else:
                await self._in_chunks(send)

    async def _by_kernel(self, send: Send) -> None:
        first, count = self._span.first, self._span.count
        await send({"type": EXTENSION, "file": self._file, "offset": first, "count": count})

    async def _in_chunks(self, send: Send) -> None:
        for first in range(self._span.first, self._span.last + 1, CHUNK_BYTES):
            body = await self._chunk(first, min(CHUNK_BYTES, self._span.last + 1 - first))
            try:
                async with asyncio.timeout(self._idle_s):
                    await send({"type": "http.response.body", "body": body, "more_body": True})
            except TimeoutError as error:
                raise ClientDisconnect from error
        await send({"type": "http.response.body", "body": b""})

    async def _chunk(self, first: int, count: int) -> bytes:
        return await to_thread.run_sync(_read, self._file.fileno(), first, count)


def _read(fd: int, first: int, count: int) -> bytes:
    content = os.pread(fd, count, first)
    if len(content) != count:
        raise OSError(f"expected {count} bytes at {first}, found {len(content)}")
    return content
