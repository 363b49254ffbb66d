"""Locks between processes, which the kernel drops when their owner dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold the lock on a file; yield whether it is held.

    Args:
        path: The file; it is made when missing and never removed here, since a lock on
            a removed file guards nothing.
        shared: Let others hold it shared as well.
        wait: Wait for the lock; without it, yield False when someone else holds it.
    """
    # Files are opened without inheritance, so a child process never prolongs a lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
