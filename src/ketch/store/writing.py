"""Large files on their way to a disk, past the page cache where that pays.

A file that is written once and synced before anybody reads it gains nothing from a copy
in memory: the kernel finds room for it, fills it, and then waits for the disk. Handing
the disk our own buffer takes a third of the time and none of the memory. A slow disk is
another matter: there, what takes long is reading the bytes back, so they are kept.
"""

import errno
import mmap
import os
import time

from ketch.store import durable

DIRECT_BYTES = 1024 * 1024
"""Smaller files are gone before a disk takes notice."""

SLOW_BYTES_PER_S = 500_000_000
"""Hashing a file anew is quicker than this: a slower disk is better not asked for it."""

_PIECE = 256 * 1024
"""Fits the cache of a processor: what was read is still near when it is written."""

_ALIGNMENT = 4096
_TRIAL_BYTES = 64 * 1024 * 1024
_WRITEBACK_BYTES = 8 * 1024 * 1024


def buffer_of(size: int) -> memoryview:
    """Return room for ``size`` bytes that a disk can read from directly."""
    return memoryview(mmap.mmap(-1, size))


class Disk:
    """What was learnt about a disk from the files that were written to it directly."""

    def __init__(self) -> None:
        self._bytes = 0
        self._waited_s = 0.0

    @property
    def is_slow(self) -> bool:
        """Whether the page cache serves it better."""
        is_tried = self._bytes >= _TRIAL_BYTES
        return is_tried and self._bytes < SLOW_BYTES_PER_S * self._waited_s

    def learn(self, count: int, waited_s: float) -> None:
        """Take note of a write; when two threads do so at once, one may be lost."""
        self._bytes += count
        self._waited_s += waited_s


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

    def piece(self, room: int) -> int:
        """Return how many bytes to append at once, of at most ``room``."""
        return room if self._is_direct else min(room, _PIECE)

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
        began = time.monotonic()
        try:
            durable.write_all(self._fd, content)
            self._disk.learn(len(content), time.monotonic() - began)
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
