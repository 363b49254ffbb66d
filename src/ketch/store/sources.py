"""Files of a user, opened with care: what they are, and whether they hold still."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import NotFound, Unavailable, UsageError


@dataclass(frozen=True, slots=True)
class Source:
    """A user's file, open for reading.

    Attributes:
        path: What the user calls it.
        fd: Its file descriptor.
        seen: What ``stat`` said when it was opened.
    """

    path: Path
    fd: int
    seen: os.stat_result

    @property
    def size(self) -> int:
        """Its size in bytes when it was opened."""
        return self.seen.st_size

    def read_into(self, buffer: memoryview, position: int) -> int:
        """Fill a buffer from a position; return how many bytes there were.

        Raises:
            OSError: With the file's name, so that nobody suspects the store's disk.
        """
        try:
            return os.preadv(self.fd, [buffer], position)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error


@contextmanager
def opened_source(path: Path) -> Iterator[Source]:
    """Open a user's file for reading, and look at it once more at the end.

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
        yield Source(path, fd, before)
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


def _not_a_file(path: Path) -> UsageError:
    return UsageError(
        "expected a regular file, found a link, a folder or a device",
        code="store/not-a-file",
        where=str(path),
        hint="put the file itself in its place",
    )
