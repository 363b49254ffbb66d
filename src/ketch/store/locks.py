"""Locks, taken with ``flock``: the kernel lets go when their holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ketch.errors import Unavailable
from ketch.files import explained

WAIT_S = 60.0
_PAUSE_S = 0.005


@contextmanager
def locked(path: Path, *, exclusive: bool, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the lock.

    Threads exclude each other as processes do; a thread that asks twice waits for itself.

    Raises:
        Unavailable: ``store/busy``: somebody else held it for longer than ``wait_s``.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _wait(fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, path, wait_s)
        yield
    finally:
        os.close(fd)


def is_held(fd: int) -> bool:
    """Whether another open of this file or folder holds its lock; if not, ``fd`` does now."""
    return not _try(fd, fcntl.LOCK_EX)


def hold(fd: int) -> None:
    """Hold the lock of an open file or folder until ``fd`` is closed."""
    _try(fd, fcntl.LOCK_SH)


def abandoned(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder and is held by nobody: whoever made it is no more.

    What was made a moment ago may not be held yet; a caller that deletes looks at the age.
    """
    with explained(folder):
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in paths:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError:
            yield path
            continue
        try:
            if not is_held(fd):
                yield path
        finally:
            os.close(fd)


def _wait(fd: int, how: int, path: Path, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while not _try(fd, how):
        if time.monotonic() > deadline:
            raise Unavailable(
                f"expected the store's lock within {wait_s:g} s, found it held by another process",
                code="store/busy",
                where=str(path),
                hint="let the other `ketch` command finish, then run the same again",
            )
        time.sleep(_PAUSE_S)


def _try(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
