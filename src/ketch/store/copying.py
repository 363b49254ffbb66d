"""The engine that copies and hashes in one pass.

Every byte is read once; what is hashed is the buffer that was written, so a blob is what
its digest says even when the source changes under our hands. That the source changed is
then found by looking at its size and times once more. Large files take two threads: one
reads and writes, the other hashes a buffer behind.
"""

import hashlib
import os
import threading
from queue import SimpleQueue
from typing import Self

from ketch.errors import DigestMismatch
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store import durable
from ketch.store.base import Progress, Reader
from ketch.store.sources import Source
from ketch.store.writing import Disk, Writer, buffer_of

READ_CHUNK = 1024 * 1024

TWO_THREADS_BYTES = 64 * 1024 * 1024
"""Smaller files are copied and hashed by one thread each; there are enough of them."""

_BUFFERS = 4


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


def copy_hashed(source: Source, target: int, disk: Disk, meter: Meter) -> Digest:
    """Fill an empty ``target`` with a file, up to the size it was; return the digest.

    Holds at most four megabytes, whatever the size. A source that ends early leaves a
    short target: the caller compares sizes.
    """
    if durable.clone(source.fd, target):
        return hash_file(target, source.size, meter)
    copy = _Copy(source, Writer(target, source.size, disk))
    is_large = source.size >= TWO_THREADS_BYTES
    return _hash_behind(copy, meter) if is_large else _hash_alone(copy, meter)


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


class _Copy:
    """A copy on its way, and how far it is."""

    def __init__(self, source: Source, writer: Writer) -> None:
        self._source = source
        self._writer = writer
        self._position = 0

    def fill(self, buffer: memoryview) -> int:
        """Copy through a buffer until it is full; return how many bytes it holds now."""
        filled = 0
        while filled < len(buffer):
            room = min(len(buffer) - filled, self._source.size - self._position)
            part = buffer[filled : filled + self._writer.piece(room)]
            count = self._source.read_into(part, self._position)
            if count == 0:
                break
            self._writer.append(part[:count])
            self._position += count
            filled += count
        return filled


def _hash_alone(copy: _Copy, meter: Meter) -> Digest:
    sha, buffer = hashlib.sha256(), buffer_of(READ_CHUNK)
    while count := copy.fill(buffer):
        sha.update(buffer[:count])
        meter.done(count)
    return Digest(sha.hexdigest())


def _hash_behind(copy: _Copy, meter: Meter) -> Digest:
    """Hash in this thread what another one copies; the buffers go round between them."""
    free: SimpleQueue[memoryview | None] = SimpleQueue()
    full: SimpleQueue[tuple[memoryview, int] | OSError | None] = SimpleQueue()
    for _ in range(_BUFFERS):
        free.put(buffer_of(READ_CHUNK))
    copier = threading.Thread(target=_copy_ahead, args=(copy, free, full), daemon=True)
    copier.start()
    sha = hashlib.sha256()
    try:
        while (item := full.get()) is not None:
            if isinstance(item, OSError):
                raise item
            buffer, count = item
            sha.update(buffer[:count])
            free.put(buffer)
            meter.done(count)
    finally:
        free.put(None)
        copier.join()
    return Digest(sha.hexdigest())


def _copy_ahead(
    copy: _Copy,
    free: SimpleQueue[memoryview | None],
    full: SimpleQueue[tuple[memoryview, int] | OSError | None],
) -> None:
    try:
        while (buffer := free.get()) is not None and (count := copy.fill(buffer)):
            full.put((buffer, count))
    except OSError as error:
        full.put(error)
    finally:
        full.put(None)  # whatever happened: nobody waits for a thread that is gone
