"""The few ways in which bytes reach a disk for good.

The order is always the same: write all of it, ``fsync`` the file, ``rename`` it to the
name that counts, ``fsync`` the folder. A failed ``fsync`` is final: the kernel may have
dropped the pages, so nothing is committed and nothing is synced again as if it were fine.
"""

import ctypes
import errno
import fcntl
import functools
import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_FICLONE = 0x40049409  # linux/fs.h
_SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h
_F_FULLFSYNC = 51  # sys/fcntl.h of macOS, where fsync alone stops at the drive's cache
_NO_CLONE = frozenset(
    {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM}
)


def write_all(fd: int, content: bytes | memoryview) -> None:
    """Write every byte.

    A nearly full disk takes part of a write and reports no error; a caller that ignores
    the count stores a truncated file.
    """
    rest = memoryview(content)
    while rest:
        written = os.write(fd, rest)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]


def clone(source: int, target: int) -> bool:
    """Share the source's blocks with the target, where the filesystem can."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _NO_CLONE:
            return False
        raise
    return True


def start_writeback(fd: int, offset: int, count: int) -> None:
    """Let the disk begin with these bytes now, so that the ``fsync`` to come is short.

    Advice only: errors are reported by that ``fsync``.
    """
    call = _libc_function("sync_file_range")
    if call is not None:
        call(
            ctypes.c_int(fd),
            ctypes.c_int64(offset),
            ctypes.c_int64(count),
            ctypes.c_uint(_SYNC_FILE_RANGE_WRITE),
        )


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
    finally:
        os.close(fd)


def can_sync_filesystem() -> bool:
    """Whether :func:`sync_filesystem` exists and reports failed writes.

    Before Linux 5.8 ``syncfs`` answered success even when pages were lost (syncfs(2)).
    """
    return _release() >= (5, 8) and _libc_function("syncfs") is not None


def sync_filesystem(fd: int) -> None:
    """Return once everything on the filesystem of ``fd`` is on the disk.

    For thousands of small files this is many times faster than syncing each.
    Failures since ``fd`` was opened are reported.
    """
    call = _libc_function("syncfs")
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(ctypes.c_int(fd)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def replace_file(path: Path, content: bytes, *, temporary: Path) -> None:
    """Give a file new content, whole or not at all, durable on return.

    Args:
        path: The file.
        content: Its new content.
        temporary: Where to write first: same filesystem, one writer at a time.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(temporary, flags, 0o644)
        try:
            write_all(fd, content)
            sync_file(fd)
        finally:
            os.close(fd)
        temporary.rename(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@functools.cache
def _libc_function(name: str) -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)


@functools.cache
def _release() -> tuple[int, int]:
    if sys.platform != "linux":
        return (0, 0)
    major, _, rest = platform.release().partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)
