"""The engine that copies and hashes in one pass.

Every byte is read once; what is hashed is the buffer that was written, so a blob is what
its digest says even when the source changes under our hands. That the source changed is
then found by looking at its size and times once more. Large files take two threads: one
reads and hashes, the other writes.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from ketch.errors import DigestMismatch
from ketch.files import explained
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store import durable
from ketch.store.base import Progress, Reader
from ketch.store.sources import Source, opened_source
from ketch.store.writing import Disk, Writer, buffer_of

READ_CHUNK = 1024 * 1024

TWO_THREADS_BYTES = 64 * 1024 * 1024
"""Smaller files are copied and hashed by one thread each; there are enough of them."""

_LARGE_CHUNK = 4 * 1024 * 1024
_BUFFERS = 3


class Cancelled(Exception):
    """Another file failed; the work on this one stops."""


class Meter:
    """Adds up progress from several threads, and stops them all when one fails."""

    def __init__(
        self, progress: Progress | None = None, *, stopped: threading.Event | None = None
    ) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._stopped = stopped or threading.Event()

    def done(self, count: int) -> None:
        """Report ``count`` more bytes.

        Raises:
            Cancelled: :meth:`stop` was called.
        """
        if self._stopped.is_set():
            raise Cancelled
        if self._progress is not None and count:
            with self._lock:
                self._progress(count)

    def stop(self) -> None:
        """Let every thread stop at its next report."""
        self._stopped.set()

    def silent(self) -> Self:
        """Return a meter that reports nothing but stops with this one."""
        return type(self)(stopped=self._stopped)


def hash_file(fd: int, size: int, meter: Meter) -> Digest:
    """Return the digest of the first ``size`` bytes, or of all when there are fewer."""
    sha, position = hashlib.sha256(), 0
    buffer = memoryview(bytearray(min(READ_CHUNK, size)))
    while position < size:
        count = os.preadv(fd, [buffer[: size - position]], position)
        if count == 0:
            break
        sha.update(buffer[:count])
        position += count
        meter.done(count)
    return Digest(sha.hexdigest())


def hash_of_file(path: Path) -> Stored:
    """Return the digest and size of a user's file.

    Raises:
        NotFound, UsageError, Unavailable: It is not there, is no file, or changed meanwhile.
    """
    with explained(path), opened_source(path) as source:
        return Stored(hash_file(source.fd, source.size, Meter()), source.size)


def copy_hashed(source: Source, target: int, disk: Disk, meter: Meter) -> Digest:
    """Fill an empty ``target`` with a file, up to the size it was; return the digest.

    Holds at most twelve megabytes, whatever the size. A source that ends early leaves a
    short target: the caller compares sizes.
    """
    if durable.clone(source.fd, target):
        return hash_file(target, source.size, meter)
    copy = _copy_in_step if source.size < TWO_THREADS_BYTES else _copy_in_two
    sha = _Sha(disk)
    copy(source, Writer(target, source.size, disk), sha, meter)
    return sha.digest()


def copy_stream(stream: Reader, target: int, expected: Stored) -> None:
    """Fill an empty ``target`` from a stream, and stop one byte after the expected size.

    Raises:
        DigestMismatch: The stream holds less, more, or something else.
    """
    sha, position = hashlib.sha256(), 0
    while content := stream.read(min(READ_CHUNK, expected.size + 1 - position)):
        position += len(content)
        if position > expected.size:
            break
        durable.write_all(target, content)
        durable.start_writeback(target, position - len(content), len(content))
        sha.update(content)
    if position != expected.size or sha.hexdigest() != expected.digest.hex:
        raise stream_mismatch(expected, Digest(sha.hexdigest()), position)


def stream_mismatch(expected: Stored, found: Digest, size: int) -> DigestMismatch:
    """Return the error for a stream that is not what was announced."""
    if size > expected.size:
        what = f"more than {expected.size} bytes"
    elif size < expected.size:
        what = f"{size} bytes of {expected.size}"
    else:
        what = f"`{found}`"
    return DigestMismatch(f"expected `{expected.digest}`, found {what}", where=str(expected.digest))


class Hashing:
    """Hashes what is read through it."""

    def __init__(self, stream: Reader) -> None:
        self._stream = stream
        self._sha = hashlib.sha256()

    def read(self, count: int, /) -> bytes:
        """Return at most ``count`` bytes; none at the end."""
        content = self._stream.read(count)
        self._sha.update(content)
        return content

    def digest(self) -> Digest:
        """Return the digest of what was read so far."""
        return Digest(self._sha.hexdigest())


class _Sha:
    """SHA-256, and how long it takes beside the disk."""

    def __init__(self, disk: Disk) -> None:
        self._sha = hashlib.sha256()
        self._disk = disk

    def update(self, content: memoryview) -> None:
        began = time.monotonic()
        self._sha.update(content)
        self._disk.hashed(len(content), time.monotonic() - began)

    def digest(self) -> Digest:
        return Digest(self._sha.hexdigest())


def _parts(source: Source, empty: Callable[[], memoryview]) -> Iterator[memoryview]:
    """Yield a file's content, up to the size it was, each part in another empty buffer."""
    position = 0
    while position < source.size:
        buffer = empty()[: source.size - position]
        filled = 0
        while filled < len(buffer):
            count = source.read_into(buffer[filled:], position + filled)
            if count == 0:
                break
            filled += count
        if filled == 0:
            return
        position += filled
        yield buffer[:filled]


def _copy_in_step(source: Source, writer: Writer, sha: _Sha, meter: Meter) -> None:
    buffer = buffer_of(READ_CHUNK)
    for part in _parts(source, lambda: buffer):
        writer.append(part)
        sha.update(part)
        meter.done(len(part))


def _copy_in_two(source: Source, writer: Writer, sha: _Sha, meter: Meter) -> None:
    """Read and hash in this thread what another one writes; the buffers go round."""
    free: SimpleQueue[memoryview] = SimpleQueue()
    full: SimpleQueue[memoryview | None] = SimpleQueue()
    failed: list[OSError] = []
    for _ in range(_BUFFERS):
        free.put(buffer_of(_LARGE_CHUNK))

    def write() -> None:
        while (part := full.get()) is not None:
            if not failed:
                try:
                    writer.append(part)
                except OSError as error:
                    failed.append(error)
            free.put(memoryview(part.obj))

    beside = threading.Thread(target=write, daemon=True)
    beside.start()
    try:
        for part in _parts(source, free.get):
            if failed:
                break
            full.put(part)
            sha.update(part)
            meter.done(len(part))
    finally:
        full.put(None)
        beside.join()
    if failed:
        raise failed[0]
