"""What package code prints: the last of it, kept for those who look into the package."""

import os
import re
import select
import threading
from collections import deque

KEPT_BYTES = 64 * 1024
MARGIN = 8 * 1024
"""More that is kept than is told: where the tail was cut off, a secret may have been cut."""

LINES = 20
_LINE_CHARACTERS = 400
_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\r\n])")


class Output:
    """Drains a pipe for as long as anyone holds its other end, and keeps the tail.

    A worker that prints never blocks on a full pipe, and never fills the memory of the
    process that started it.
    """

    def __init__(self) -> None:
        self._read, self.write_end = os.pipe()
        os.set_blocking(self._read, False)
        self._stop_read, self._stop_write = os.pipe()
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._position = 0
        self._is_open = True
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._drain, name="ketch-output", daemon=True)
        self._thread.start()

    @property
    def position(self) -> int:
        """How many bytes were printed until now."""
        self._catch_up()
        return self._position

    @property
    def text(self) -> str:
        """All that is kept, as text; what is not UTF-8 is replaced."""
        return self.since(0)[0]

    def since(self, position: int) -> tuple[str, bool]:
        """Return what was printed after a position, and whether its beginning is lost."""
        self._catch_up()
        with self._lock:
            kept = b"".join(self._parts)[-(KEPT_BYTES + MARGIN) :]
            start = self._position - len(kept)
        content = kept[max(0, position - start) :]
        return content.decode("utf-8", "replace"), position < start

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
        with self._lock:
            self._is_open = False
            os.close(self._read)
            os.close(self._stop_read)

    def _drain(self) -> None:
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._stop_read in ready or self._take() == b"":
                return

    def _catch_up(self) -> None:
        """Read what lies in the pipe: a reply came after all that was printed before it."""
        for _ in range(MARGIN):  # somebody may print without end
            if not self._is_open or not self._take():
                return

    def _take(self) -> bytes | None:
        """Keep what can be read now: nothing at the end of the pipe, None when it is empty."""
        with self._lock:
            if not self._is_open:
                return b""
            try:
                part = os.read(self._read, KEPT_BYTES)
            except BlockingIOError:
                return None
            self._parts.append(part)
            self._size += len(part)
            self._position += len(part)
            while self._size - len(self._parts[0]) >= KEPT_BYTES + MARGIN:
                self._size -= len(self._parts.popleft())
            return part


def as_seen(text: str) -> str:
    """Return text as a terminal would show it in the end: a bar drawn over itself is one."""
    return _OVERWRITTEN.sub("", text.replace("\r\n", "\n")).replace("\r", "\n")


def last_lines(text: str, most: int = LINES) -> str:
    r"""Return the last lines of a text, none of them long; the first says what is left out.

    >>> print(last_lines("one\ntwo\n\nthree\n", 2))
    … 1 line before
    two
    three
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    shown = [
        line if len(line) <= _LINE_CHARACTERS else f"{line[: _LINE_CHARACTERS - 1]}…"
        for line in lines[-most:]
    ]
    more = len(lines) - len(shown)
    head = [f"… {more:,} line{'' if more == 1 else 's'} before"] if more else []
    return "\n".join([*head, *shown])
