"""Large files on their way to a disk, past the page cache where that pays.

A file that is written once and synced before anybody reads it gains nothing from a copy
in memory: the kernel finds room for it, fills it, and then waits for the disk. Handing
the disk our own buffer takes a third of the time and none of the memory. A slow disk is
another matter: the next to come hashes the bytes again, and would wait for them; so there
they pass through the cache, and stay in it.
"""

import errno
import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ketch.store import durable

DIRECT_BYTES = 1024 * 1024
"""Smaller files are gone before a disk takes notice."""

SLOW = 4.0
"""A disk that takes longer for some bytes than this many times what it takes to hash them."""

_ALIGNMENT = 4096
_TRIAL_BYTES = 64 * 1024 * 1024
_WRITEBACK_BYTES = 8 * 1024 * 1024


def buffer_of(size: int) -> memoryview:
    """Return room for ``size`` bytes that a disk can read from directly."""
    return memoryview(mmap.mmap(-1, size))


class Disk:
    """How fast a disk is, beside how fast this machine hashes what lies on it.

    Both are measured while other work goes on, which slows the one as it does the other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writers = 0
        self._since = 0.0
        self._written = self._hashed = 0
        self._write_s = self._hash_s = 0.0

    @property
    def is_slow(self) -> bool:
        """Whether the page cache serves it better."""
        if min(self._written, self._hashed) < _TRIAL_BYTES:
            return False
        return self._write_s / self._written > SLOW * self._hash_s / self._hashed

    @contextmanager
    def writing(self, count: int) -> Iterator[None]:
        """Take note of bytes that are written in the block; several threads share a disk."""
        self._pass_time(writers=1)
        try:
            yield
        finally:
            self._pass_time(writers=-1, written=count)

    def hashed(self, count: int, seconds: float) -> None:
        """Take note of bytes that were hashed."""
        with self._lock:
            self._hashed += count
            self._hash_s += seconds

    def _pass_time(self, *, writers: int, written: int = 0) -> None:
        with self._lock:
            now = time.monotonic()
            self._write_s += now - self._since if self._writers else 0
            self._since = now
            self._writers += writers
            self._written += written


class Writer:
    """Appends to an empty file.

    Args:
        fd: The file.
        size: How many bytes are to come, as far as is known.
        disk: What is known of the disk that the file is on.
    """

    def __init__(self, fd: int, size: int, disk: Disk) -> None:
        self._fd = fd
        self._disk = disk
        self._is_direct = size >= DIRECT_BYTES and durable.set_direct(fd, on=True)
        self._position = 0
        self._handed_over = 0

    def append(self, content: memoryview) -> None:
        """Write every byte."""
        if self._is_direct and (len(content) % _ALIGNMENT or self._disk.is_slow):
            self._leave_direct()
        if self._is_direct:
            self._append_directly(content)
        else:
            durable.write_all(self._fd, content)
        self._position += len(content)
        self._hand_over()

    def _append_directly(self, content: memoryview) -> None:
        try:
            with self._disk.writing(len(content)):
                durable.write_all(self._fd, content)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # Not on this filesystem, or not behind the part that a nearly full disk took.
            self._leave_direct()
            done = os.fstat(self._fd).st_size - self._position
            durable.write_all(self._fd, content[done:])

    def _leave_direct(self) -> None:
        durable.set_direct(self._fd, on=False)
        self._is_direct = False
        self._handed_over = self._position

    def _hand_over(self) -> None:
        # The disk starts now, so that the sync before the commit has little left to do.
        count = self._position - self._handed_over
        if not self._is_direct and count >= _WRITEBACK_BYTES:
            durable.start_writeback(self._fd, self._handed_over, count)
            self._handed_over = self._position
