"""What package code prints: the last of it, kept for reports."""

import os
import select
import threading
from collections import deque

KEPT_BYTES = 64 * 1024


class Output:
    """Drains a pipe for as long as anyone holds its other end, and keeps the tail.

    A worker that prints never blocks on a full pipe, and never fills the memory of the
    process that started it.
    """

    def __init__(self) -> None:
        self._read, self.write_end = os.pipe()
        self._stop_read, self._stop_write = os.pipe()
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._thread = threading.Thread(target=self._drain, name="ketch-output", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """The last 64 KiB, as text; what is not UTF-8 is replaced."""
        return b"".join(tuple(self._parts))[-KEPT_BYTES:].decode("utf-8", "replace")

    def release_write_end(self) -> None:
        """Close our copy of the end that the worker writes to."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def settle(self, timeout_s: float) -> None:
        """Wait until everything that was printed has been read, or for ``timeout_s``."""
        self._thread.join(timeout_s)

    def close(self) -> None:
        """Read what is left, then stop, whoever still holds the other end."""
        self.release_write_end()
        self.settle(0.2)  # the end of file, when nobody is left
        os.close(self._stop_write)
        self._thread.join()
        os.close(self._read)
        os.close(self._stop_read)

    def _drain(self) -> None:
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._stop_read in ready:
                return
            part = os.read(self._read, KEPT_BYTES)
            if not part:
                return
            self._keep(part)

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part)
        while self._size - len(self._parts[0]) >= KEPT_BYTES:
            self._size -= len(self._parts.popleft())
