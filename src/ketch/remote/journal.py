"""What is remembered of uploads: those that were begun, and where a blob went.

An upload that was begun has a file, locked while its writer lives; the next attempt goes
on with it. Where a blob went is a line in a file for each registry: another repository
there can take it over without its bytes. What is lost of either costs bandwidth and nothing
else, so nothing is synced.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ketch.files import explained

_LONGEST = 64 * 1024
_MOST_KNOWN = 1024 * 1024


class Entry:
    """What is known of one upload.

    Args:
        path: Where it is kept.
        fd: The file, locked; ``None`` to keep nothing.
    """

    def __init__(self, path: Path | None = None, fd: int | None = None) -> None:
        self._path = path
        self._fd = fd

    def read(self) -> str | None:
        """Return what the server called the upload last; ``None`` when it is new."""
        if self._fd is None:
            return None
        told, end, _ = os.pread(self._fd, _LONGEST, 0).decode(errors="replace").partition("\n")
        return told if end and told else None

    def write(self, note: str) -> None:
        """Remember what the server calls the upload from now on."""
        if self._fd is not None:
            with suppress(OSError):  # without it, the next attempt starts anew
                os.pwrite(self._fd, f"{note}\n".encode(), 0)

    def forget(self) -> None:
        """Remember nothing: the upload ended, or the server does not know it any more."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._fd = None


class Journal:
    """A folder of uploads.

    Args:
        folder: Made when it is needed; ``None`` to remember nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @contextmanager
    def entry(self, key: str) -> Iterator[Entry]:
        """Yield what is known of an upload; nothing, while another process is at it."""
        if self._folder is None:
            yield Entry()
            return
        with explained(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / hashlib.sha256(key.encode()).hexdigest()
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            yield Entry(path, fd) if _is_ours(fd) else Entry()
        finally:
            os.close(fd)

    def gone_to(self, registry: str, hex_digest: str) -> str | None:
        """Return a repository of a registry to which a blob was sent, if one is known."""
        path = self._known(registry)
        if path is None:
            return None
        with suppress(OSError), path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MOST_KNOWN))
            for line in file.read(_MOST_KNOWN).decode(errors="replace").splitlines():
                digest, _, repository = line.partition(" ")
                if digest == hex_digest and repository:
                    return repository
        return None

    def went_to(self, registry: str, hex_digest: str, repository: str) -> None:
        """Remember to which repository of a registry a blob was sent."""
        path = self._known(registry)
        if path is not None:
            with suppress(OSError):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with path.open("ab") as file:
                    file.write(f"{hex_digest} {repository}\n".encode())

    def _known(self, registry: str) -> Path | None:
        if self._folder is None:
            return None
        return self._folder / f"{hashlib.sha256(registry.encode()).hexdigest()}.known"


def _is_ours(fd: int) -> bool:
    """Lock a file; whether nobody else has it, and it was not forgotten meanwhile."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return os.fstat(fd).st_nlink > 0
