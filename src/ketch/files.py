"""Files that appear whole or not at all, and what a disk says when it refuses.

Every file that ketch leaves for others is written by :func:`whole_file`, and every
``OSError`` of a disk passes :func:`explained`: it becomes
:class:`~ketch.errors.Unavailable`, nothing was lost, and the same command works once the
cause is gone.
"""

import errno
import fcntl
import glob
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ketch.errors import KetchError, Unavailable, UsageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
DISK_TROUBLE = _FULL | {errno.EIO, errno.EROFS}
"""Numbers of an ``OSError`` that are never a fault of the program that meets them."""
PATH_TROUBLE = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR})
"""Numbers that say: no file can have this path."""
ACCESS_TROUBLE = frozenset({errno.EACCES, errno.EPERM})
"""Numbers that say: the path is not for this user."""

_RANDOM_BYTES = 4
_F_FULLFSYNC = 51  # sys/fcntl.h of macOS, where fsync alone stops at the drive's cache


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a stream whose content takes the place of ``path`` when the block ends well.

    Then it is on the disk for good. After an error there is no new file, and one that was
    there before is untouched. What an earlier writer of this file left, when it was
    killed on its way, is removed. The file gets the permissions of any other new file.

    Raises:
        UsageError: ``disk/no-folder`` or ``disk/not-a-file``: no file can stand there.
        Unavailable: ``disk/…``: the disk refused.
    """
    check_place(path)
    with explained(path):
        remove_abandoned(path.parent, glob.escape(path.name))
        part, stream = _part_beside(path)
        try:
            with stream:
                yield stream
                stream.flush()
                sync_file(stream.fileno())
                part.rename(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def read_file(path: Path, *, most: int) -> bytes:
    """Return the content of a regular file of at most ``most`` bytes.

    A folder of a stranger may hold a pipe, a device, or a file without end where a small
    one should be: none of them is waited for, nor read into memory.

    Raises:
        OSError: It is not there, is something else, or larger.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # NUL in the path
        raise OSError(errno.EINVAL, "no such name", str(path)) from error
    try:
        seen = os.fstat(fd)
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        with os.fdopen(fd, "rb", closefd=False) as file:
            content = file.read(min(seen.st_size, most) + 1)
    finally:
        os.close(fd)
    if len(content) > most:
        raise OSError(errno.EOVERFLOW, f"more than {most} bytes", str(path))
    return content


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; the same promises as :func:`whole_file`."""
    with whole_file(path) as stream:
        stream.write(content)


def remove_abandoned(folder: Path, pattern: str = "*") -> tuple[Path, ...]:
    """Remove what writers of files left, when they were killed on their way; return it.

    Args:
        folder: Where the files were to stand.
        pattern: Matches the names of the files.
    """
    removed = []
    random = "[0-9a-f]" * (2 * _RANDOM_BYTES)
    for part in folder.glob(f".{pattern}.{random}.part"):
        with suppress(OSError):  # it is another's, or its writer lives: the lock is held
            fd = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
                removed.append(part)
            finally:
                os.close(fd)
    return tuple(removed)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Yield an empty, private folder, gone afterwards; ``TMPDIR`` says where.

    Raises:
        Unavailable: ``disk/…``: the disk refused, also what is written there.
    """
    with explained(Path(tempfile.gettempdir())):
        made = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    with made as name, explained(Path(name)):
        yield Path(name)


def sync_file(fd: int) -> None:
    """Return once the file's content and size are on the disk."""
    if sys.platform == "darwin":
        fcntl.fcntl(fd, _F_FULLFSYNC)
    else:
        os.fsync(fd)


def sync_folder(path: Path) -> None:
    """Return once the names in a folder are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a network filesystem that knows no such thing
            raise
    finally:
        os.close(fd)


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Translate what the operating system raises about ``where``."""
    try:
        yield
    except BrokenPipeError:
        raise  # a reader has gone: no fault of a disk
    except OSError as error:
        raise failure(error, where) from error


def failure(error: OSError, where: Path) -> Unavailable:
    """Return the error to raise in place of an ``OSError``."""
    code, hint = _code_and_hint(error.errno)
    reason = os.strerror(error.errno) if error.errno else str(error)
    return Unavailable(
        f"expected to use `{where.name or where}`, found: {reason}",
        code=code,
        where=error.filename if isinstance(error.filename, str) else str(where),
        hint=hint,
    )


def refused_path(error: OSError) -> KetchError | None:
    """Return what to say where a path that a person gave cannot even be looked at."""
    if not isinstance(error.filename, str | os.PathLike):
        return None
    where = os.fspath(error.filename)
    if error.errno in ACCESS_TROUBLE:
        return failure(error, Path(where))
    if error.errno not in PATH_TROUBLE:
        return None
    return UsageError(
        f"expected a path that a file can have, found: {os.strerror(error.errno)}",
        code="usage/path",
        where=where,
        hint="give another path, or a shorter one",
    )


def _code_and_hint(number: int | None) -> tuple[str, str]:
    if number in _FULL:
        return "disk/full", "free some space, or run `ketch gc`; then run the same again"
    if number == errno.EIO:
        return "disk/io-error", (
            "the disk failed to read or write; look at the kernel log before trying again, "
            "and run `ketch fsck` after"
        )
    if number in ACCESS_TROUBLE | {errno.EROFS}:
        return "disk/not-permitted", "check who owns the path and whether it may be written"
    return "disk/refused", "remove the cause, then run the same again"


def check_place(path: Path) -> None:
    """Return if a file can be written at a path, or written anew.

    Raises:
        UsageError: ``disk/no-folder`` or ``disk/not-a-file``.
    """
    if not path.parent.is_dir():
        raise UsageError(
            f"expected a folder `{path.parent}`, found none", code="disk/no-folder", where=str(path)
        )
    if path.exists() and not path.is_file():  # taking the place of /dev/null helps nobody
        raise UsageError(
            f"expected a file at `{path}`, or none; found a folder or a device",
            code="disk/not-a-file",
            where=str(path),
        )


def _part_beside(path: Path) -> tuple[Path, BinaryIO]:
    """Open a new file in the same folder, so that it can take its place in one move.

    It is locked while its writer lives, which tells it from one that was left behind.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(_RANDOM_BYTES)}.part")
        fd = os.open(part, flags, 0o666)
        with suppress(OSError):  # a filesystem without locks keeps what is left behind
            fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return part, os.fdopen(fd, "w+b")
        os.close(fd)  # somebody took it for abandoned before it was locked
