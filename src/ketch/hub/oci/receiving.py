"""What a client sends, on its way into an upload: hashed and written while it arrives.

Two batches at most are in memory for each client: one that gathers, and one that a thread
hashes and writes. When the connection breaks, what has arrived stays, so that the client
goes on there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from anyio import to_thread
from starlette.requests import ClientDisconnect

from ketch.errors import KetchError, UsageError
from ketch.hub.oci.upload import Upload
from ketch.hub.oci.uploads import Uploads

BATCH_BYTES = 1024 * 1024


async def receive(
    body: AsyncIterator[bytes],
    upload: Upload,
    uploads: Uploads,
    *,
    count: int | None,
) -> None:
    """Add a request's body to an upload.

    Args:
        body: The body, in parts.
        upload: Where it goes.
        uploads: Those that it is one of.
        count: How many bytes it must have, when the client said so. A body of another
            size leaves the upload as it was, unless the connection broke.

    Raises:
        UsageError: ``oci/body-size``, ``oci/cut-off``, and what the body itself raises.
        KetchError: What :meth:`Uploads.append` raises.
    """
    back = await to_thread.run_sync(upload.mark)
    batches = _Batches(upload, uploads)
    try:
        received = 0
        async for part in _whole(body):
            received += len(part)
            if count is not None and received > count:
                break
            await batches.add(part)
        await batches.end()
    except KetchError:
        await batches.settle()
        raise
    if count is not None and received != count:
        await to_thread.run_sync(back)
        found = "more" if received > count else str(received)
        raise UsageError(
            f"expected {count} bytes, as the request said, found {found}", code="oci/body-size"
        )


async def _whole(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for part in body:
            yield part
    except ClientDisconnect as error:
        raise UsageError("expected the rest of the body, found none", code="oci/cut-off") from error


class _Batches:
    """Gathers parts, and lets one thread at a time write them."""

    def __init__(self, upload: Upload, uploads: Uploads) -> None:
        self._upload = upload
        self._uploads = uploads
        self._parts: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None

    async def add(self, part: bytes) -> None:
        """Take a part; wait for the writer when it is behind."""
        self._parts.append(part)
        self._size += len(part)
        if self._size >= BATCH_BYTES:
            await self._write()

    async def end(self) -> None:
        """Return when all is written."""
        await self._write()
        await self._written()

    async def settle(self) -> None:
        """Write what there is, after an error: as far as the disk still takes it."""
        try:
            await self.end()
        except KetchError:
            self._writing = None

    async def _write(self) -> None:
        await self._written()
        if self._parts:
            parts, self._parts, self._size = self._parts, [], 0
            writing = to_thread.run_sync(self._uploads.append, self._upload, parts)
            self._writing = asyncio.ensure_future(writing)

    async def _written(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing
