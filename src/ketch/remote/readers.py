"""What is fetched, as a file or a :class:`~ketch.store.base.Reader`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from ketch.store.base import Reader


class Fetched(io.RawIOBase):
    """A stream that is fetched, as a file.

    Args:
        fetching: Opens the stream; it is closed with the file.
    """

    def __init__(self, fetching: AbstractContextManager[Reader]) -> None:
        self._fetching = fetching
        self._stream = fetching.__enter__()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as something came; return how far."""
        part = self._stream.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Let go of the stream."""
        if not self.closed:
            self._fetching.__exit__(None, None, None)
        super().close()


class Parts:
    """An iterator of bytes as a :class:`~ketch.store.base.Reader`."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    def read(self, count: int, /) -> bytes:
        """Return at most ``count`` bytes; none at the end."""
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return b""
            self._rest = memoryview(part)
        part, self._rest = bytes(self._rest[:count]), self._rest[count:]
        return part
