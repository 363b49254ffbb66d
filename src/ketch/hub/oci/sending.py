"""A part of a file as an answer: by the kernel where the server can, in chunks elsewhere.

The event loop serves everybody, so it must not wait for a disk. Bytes that are in the page
cache are sent at once; others are fetched by a thread first. A client that takes nothing
for a while is left: with ``Range`` it goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

from anyio import to_thread
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ketch.hub.oci.ranges import Span
from ketch.hub.oci.zerocopy import EXTENSION

SLICE_BYTES = 4 * 1024 * 1024
"""What is handed to the kernel at once: nobody else's request waits for more."""

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
        with self._file:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            by_kernel = EXTENSION in scope.get("extensions", {})
            step = SLICE_BYTES if by_kernel else CHUNK_BYTES
            for first in range(self._span.first, self._span.last + 1, step):
                count = min(step, self._span.last + 1 - first)
                rest = first + count <= self._span.last
                make = self._for_kernel if by_kernel else self._chunk
                await self._send(send, {**await make(first, count), "more_body": rest})
            if self._span.count <= 0:
                await send({"type": "http.response.body", "body": b""})

    async def _send(self, send: Send, message: Any) -> None:
        try:
            async with asyncio.timeout(self._idle_s):
                await send(message)
        except TimeoutError as error:
            raise ClientDisconnect from error

    async def _for_kernel(self, first: int, count: int) -> dict[str, object]:
        fd = self._file.fileno()
        if not _is_cached(fd, first, count):
            await to_thread.run_sync(_fetch, fd, first, count)
        return {"type": EXTENSION, "file": self._file, "offset": first, "count": count}

    async def _chunk(self, first: int, count: int) -> dict[str, object]:
        content = await to_thread.run_sync(_read, self._file.fileno(), first, count)
        return {"type": "http.response.body", "body": content}


def _is_cached(fd: int, first: int, count: int) -> bool:
    """Whether bytes are in memory, as far as the first and the last of them tell."""
    flag = getattr(os, "RWF_NOWAIT", None)
    if flag is None:
        return False
    one = bytearray(1)
    try:
        return all(os.preadv(fd, [one], at, flag) == 1 for at in (first, first + count - 1))
    except BlockingIOError:
        return False
    except OSError:  # a filesystem that knows no such thing, such as one in memory
        return True


def _fetch(fd: int, first: int, count: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, first, count, os.POSIX_FADV_WILLNEED)
    os.pread(fd, 1, first + count - 1)


def _read(fd: int, first: int, count: int) -> bytes:
    content = os.pread(fd, count, first)
    if len(content) != count:
        raise OSError(f"expected {count} bytes at {first}, found {len(content)}")
    return content
