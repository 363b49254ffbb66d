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

_FICLONE = 0x40049409  # linux/fs.h
_SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h
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


def set_direct(fd: int, *, on: bool) -> bool:
    """Write past the page cache, or no longer; return whether the filesystem can.

    While it is on, whatever is written starts, in memory and in the file, and ends at a
    multiple of the disk's blocks; else the kernel answers ``EINVAL`` (open(2), O_DIRECT).
    """
    flag = getattr(os, "O_DIRECT", 0)
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | flag if on else flags & ~flag)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return flag != 0


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
