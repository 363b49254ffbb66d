"""The engine that copies and hashes in one pass.

Every byte is read once; what is hashed is the buffer that was written, so a blob is what
its digest says even when the source changes under our hands. That the source changed is
then found by looking at its size and times once more. Large files take two threads: one
reads and writes, the other hashes a buffer behind.
"""

import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from ketch.errors import DigestMismatch, NotFound, Unavailable, UsageError
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store import durable
from ketch.store.base import Progress, Reader

READ_CHUNK = 1024 * 1024

COPY_CHUNK = 256 * 1024
"""Fits the cache of a processor: what was read is still near when it is written."""

TWO_THREADS_BYTES = 64 * 1024 * 1024
"""Smaller files are copied and hashed by one thread each; there are enough of them."""

_BUFFERS = 4
_WRITEBACK_BYTES = 8 * 1024 * 1024


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


@contextmanager
def opened_source(path: Path) -> Iterator[tuple[int, os.stat_result]]:
    """Open a user's file for reading, and look at it once more at the end.

    Yields:
        Its file descriptor, and what ``stat`` said at the beginning.

    Raises:
        NotFound: There is no such file.
        UsageError: It is a link, a folder, a device, …
        Unavailable: Its size or time changed while it was open.
    """
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(
            "expected a file, found nothing", code="store/no-file", where=str(path)
        ) from error
    except OSError as error:
        if path.is_symlink():
            raise _not_a_file(path) from error
        raise
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise _not_a_file(path)
        yield fd, before
        if not same_file(before, os.fstat(fd)):
            raise file_changed(path)
    finally:
        os.close(fd)


def same_file(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two looks saw one file with one content, as far as size and time tell."""
    return (one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns) == (
        other.st_dev,
        other.st_ino,
        other.st_size,
        other.st_mtime_ns,
    )


def file_changed(path: Path) -> Unavailable:
    """Return the error for a file that was written to while it was read."""
    return Unavailable(
        "expected a file at rest, found it changed while it was read",
        code="store/file-changed",
        where=str(path),
        hint="wait until the program that writes it is done, then run the same again",
    )


def hash_file(fd: int, size: int, meter: Meter) -> Digest:
    """Return the digest of the first ``size`` bytes, or of all when there are fewer."""
    sha, buffer, position = hashlib.sha256(), memoryview(bytearray(READ_CHUNK)), 0
    while position < size:
        count = os.preadv(fd, [buffer[: min(READ_CHUNK, size - position)]], position)
        if count == 0:
            break
        sha.update(buffer[:count])
        position += count
        meter.done(count)
    return Digest(sha.hexdigest())


def copy_hashed(source: int, target: int, size: int, meter: Meter) -> Digest:
    """Fill an empty ``target`` with ``size`` bytes of ``source``; return their digest.

    Holds at most four megabytes, whatever the size. A source that ends early leaves a
    short target: the caller compares sizes.
    """
    if durable.clone(source, target):
        return hash_file(target, size, meter)
    copy = _Copy(source, target, size)
    return _hash_alone(copy, meter) if size < TWO_THREADS_BYTES else _hash_behind(copy, meter)


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

    def __init__(self, source: int, target: int, size: int) -> None:
        self._source = source
        self._target = target
        self._size = size
        self._position = 0
        self._handed_over = 0

    def fill(self, buffer: memoryview) -> int:
        """Copy through a buffer until it is full; return how many bytes it holds now."""
        filled = 0
        while filled < len(buffer):
            wanted = min(COPY_CHUNK, len(buffer) - filled, self._size - self._position)
            part = buffer[filled : filled + wanted]
            count = os.preadv(self._source, [part], self._position) if wanted else 0
            if count == 0:
                break
            durable.write_all(self._target, part[:count])
            self._position += count
            filled += count
        self._hand_over()
        return filled

    def _hand_over(self) -> None:
        # The disk starts now, so that the sync before the commit has little left to do.
        count = self._position - self._handed_over
        if count >= _WRITEBACK_BYTES:
            durable.start_writeback(self._target, self._handed_over, count)
            self._handed_over = self._position


def _hash_alone(copy: _Copy, meter: Meter) -> Digest:
    sha, buffer = hashlib.sha256(), memoryview(bytearray(COPY_CHUNK))
    while count := copy.fill(buffer):
        sha.update(buffer[:count])
        meter.done(count)
    return Digest(sha.hexdigest())


def _hash_behind(copy: _Copy, meter: Meter) -> Digest:
    """Hash in this thread what another one copies; the buffers go round between them."""
    free: SimpleQueue[memoryview | None] = SimpleQueue()
    full: SimpleQueue[tuple[memoryview, int] | OSError | None] = SimpleQueue()
    for _ in range(_BUFFERS):
        free.put(memoryview(bytearray(READ_CHUNK)))
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


def _not_a_file(path: Path) -> UsageError:
    return UsageError(
        "expected a regular file, found a link, a folder or a device",
        code="store/not-a-file",
        where=str(path),
        hint="put the file itself in its place",
    )
