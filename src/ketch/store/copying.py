"""The engine that copies and hashes in one pass.

The hash is taken of the bytes that *arrived*: while one thread lets the kernel copy, this
one reads the copy back from memory, a chunk behind, and hashes it. So a blob is what its
digest says even when the source changes under our hands; that the source changed is then
found by looking at its size and times once more.
"""

import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from ketch.errors import DigestMismatch, NotFound, Unavailable, UsageError
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store import durable
from ketch.store.base import Progress, Reader

READ_CHUNK = 1024 * 1024


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

    Holds one megabyte, whatever the size. A source that ends early leaves a short target:
    the caller compares sizes.
    """
    if durable.clone(source, target):
        return hash_file(target, size, meter)
    copied = _Watermark()
    copier = threading.Thread(target=_copy, args=(source, target, size, copied), daemon=True)
    copier.start()
    try:
        return _hash_behind(target, copied, meter)
    finally:
        copied.stop()
        copier.join()


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


class _Watermark:
    """How far the copy has come; the hashing thread waits for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._position = 0
        self._ended = False
        self._stopped = False
        self._error: OSError | None = None

    def advance(self, position: int) -> bool:
        """Tell how far the copy is; return whether it should go on."""
        with self._changed:
            self._position = position
            self._changed.notify()
            return not self._stopped

    def end(self, error: OSError | None = None) -> None:
        """Tell that there is no more to come."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    def stop(self) -> None:
        """Ask the copier to leave off."""
        with self._changed:
            self._stopped = True

    def beyond(self, position: int) -> int:
        """Wait for bytes after ``position``; return how far they go, or ``position`` at the end.

        Raises:
            OSError: The copier met it.
        """
        with self._changed:
            while self._position <= position and not self._ended:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            return self._position


def _copy(source: int, target: int, size: int, copied: _Watermark) -> None:
    position = 0
    try:
        while position < size:
            wanted = min(durable.COPY_CHUNK, size - position)
            count = durable.copy_some(source, target, position, wanted)
            if count == 0:
                break
            # The disk starts now, so that the sync before the commit has little left to do.
            durable.start_writeback(target, position, count)
            position += count
            if not copied.advance(position):
                break
    except OSError as error:
        copied.end(error)
    else:
        copied.end()


def _hash_behind(target: int, copied: _Watermark, meter: Meter) -> Digest:
    sha, buffer, position = hashlib.sha256(), memoryview(bytearray(READ_CHUNK)), 0
    while (limit := copied.beyond(position)) > position:
        while position < limit:
            count = os.preadv(target, [buffer[: min(READ_CHUNK, limit - position)]], position)
            if count == 0:
                raise OSError(5, "the copy ended before what was written to it")
            sha.update(buffer[:count])
            position += count
            meter.done(count)
    return Digest(sha.hexdigest())


def _not_a_file(path: Path) -> UsageError:
    return UsageError(
        "expected a regular file, found a link, a folder or a device",
        code="store/not-a-file",
        where=str(path),
        hint="put the file itself in its place",
    )
