"""The files that decisions are written to first, one writer each.

``hot/<writer>-<number after the last of the file before>.log`` holds records, only ever
added to;
``hot/<writer>.count`` how many decisions the writer was given so far, in memory that the
kernel keeps when the process is killed; ``hot/<writer>.end`` up to which number its files
were sealed and are gone. Numbers have no gaps, so whatever of a writer is missing can be
counted later. A writer holds a lock on its count while it lives.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ketch.files import sync_file, sync_folder, write_whole
from ketch.monitor.decisions import frames
from ketch.store.durable import write_all

FOLDER = "hot"
COUNT = ".count"
LOG = ".log"
END = ".end"
_COUNT_BYTES = 16
_NAME = 16
_MASK = 0xFFFF_FFFF_FFFF_FFFF


class Counter:
    """How many decisions a writer was given; survives the end of the process.

    Args:
        path: Where it is kept; locked until it is closed. It is locked before it has that
            name, for a count that nobody holds is that of a dead writer.
    """

    def __init__(self, path: Path) -> None:
        part = path.with_name(f".{path.name}.part")
        self._fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_all(self._fd, _count_bytes(0))  # a file with a hole would kill whoever fills it
            self._map = mmap.mmap(self._fd, _COUNT_BYTES)
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            os.close(self._fd)
            raise
        self._view = memoryview(self._map).cast("Q")

    def set(self, count: int) -> None:
        """Remember a count: two stores to memory."""
        self._view[0] = count
        self._view[1] = count ^ _MASK

    def close(self) -> None:
        """Let go of the lock: the writer is gone."""
        self._view.release()
        self._map.close()
        os.close(self._fd)


def read_count(path: Path) -> int | None:
    """Return how many decisions a writer was given; None if that is not known."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(content) != _COUNT_BYTES:
        return None
    count = int.from_bytes(content[:8], "little")
    other = int.from_bytes(content[8:], "little") ^ _MASK
    return max(count, other) if abs(count - other) <= 1 else None  # it was killed in between


def start_of(path: Path) -> int:
    """Return the number that the name of a hot file tells."""
    return int(path.stem.rpartition("-")[2])


def read_end(folder: Path, writer: str) -> int:
    """Return up to which number the files of a writer were sealed."""
    path = folder / f"{writer}{END}"
    content = path.read_bytes() if path.exists() else b""
    found = [body for body in frames.read(content) if isinstance(body, bytes)]
    return int(found[0]) if found else 0


def write_end(folder: Path, writer: str, end: int) -> None:
    """Remember up to which number the files of a writer were sealed."""
    write_whole(folder / f"{writer}{END}", frames.frame(b"%d" % end))


def is_alive(count: Path) -> bool:
    """Whether the writer of a count lives, or nobody can tell, as on some network mounts."""
    try:
        fd = os.open(count, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


@dataclass(frozen=True, slots=True)
class Writer:
    """What is left of a writer, or of one that still writes.

    Attributes:
        name: Its name.
        files: Its files, in the order they were written.
        is_alive: Whether it lives; then the last file may grow.
    """

    name: str
    files: tuple[Path, ...]
    is_alive: bool

    @property
    def sealable(self) -> tuple[Path, ...]:
        """The files that grow no more."""
        return self.files[:-1] if self.is_alive else self.files


def writers(folder: Path) -> tuple[Writer, ...]:
    """Return every writer that has left something in a folder of hot files."""
    files: dict[str, list[Path]] = {}
    names = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    for name in names:
        if not name.startswith("."):  # which is no writer's yet
            files.setdefault(name[:_NAME], [])
    alive = {name: is_alive(folder / f"{name}{COUNT}") for name in files}
    for one in sorted(folder.glob(f"*{LOG}")):  # after the locks: none is sealed that grows
        files.setdefault(one.name[:_NAME], []).append(one)
    return tuple(Writer(name, tuple(files[name]), alive.get(name, True)) for name in files)


def _count_bytes(count: int) -> bytes:
    return count.to_bytes(8, "little") + (count ^ _MASK).to_bytes(8, "little")


class HotFiles:
    """The files of one writer.

    Args:
        folder: Of the hot files.
        writer: The name of the writer.
    """

    def __init__(self, folder: Path, writer: str) -> None:
        self._folder = folder
        self._writer = writer
        self._fd: int | None = None
        self._is_new = False
        self._end = 0
        self.size = 0
        self.opened = 0.0
        self.is_dirty = False

    def append(self, content: bytes, end: int) -> None:
        """Write records; on failure the file is as it was before.

        Args:
            content: The records.
            end: The number after the last of them; the next file is named by it.

        Raises:
            OSError: The disk refused.
        """
        fd = self._open() if self._fd is None else self._fd
        try:
            write_all(fd, content)
        except OSError:
            try:
                os.ftruncate(fd, self.size)
            except OSError:
                self.rotate()  # nobody knows what stands there: never write behind it
            raise
        self.size += len(content)
        self.is_dirty = True
        self._end = end

    def sync(self) -> None:
        """Return once all that was appended is on the disk.

        Raises:
            OSError: The disk failed; what was appended since the last time may be gone.
        """
        if self._fd is not None and self.is_dirty:
            sync_file(self._fd)
            if self._is_new:
                sync_folder(self._folder)
            self._is_new = self.is_dirty = False

    def rotate(self) -> None:
        """Write what comes next to a new file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            self.size = 0
            self.is_dirty = False

    def _open(self) -> int:
        path = self._folder / f"{self._writer}-{self._end:016d}{LOG}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        self.size = os.fstat(self._fd).st_size
        self.opened = time.monotonic()
        self._is_new = True
        return self._fd
