"""One upload: a file that grows, and the hash of what has arrived.

::

    STORE/.ketch/uploads/<32 hex digits>/
    ├── ticket.json    whose it is, for which repository
    └── data           what has arrived

What arrives is hashed as it comes; after a restart it is hashed once more, before anything
is added. Nothing becomes a blob before all of it was hashed, and then at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ketch.errors import KetchError
from ketch.files import explained
from ketch.package import Digest, Stored
from ketch.schema.parse import canonical_json, parse_json
from ketch.store.copying import READ_CHUNK
from ketch.store.durable import start_writeback, write_all
from ketch.store.layout import Layout
from ketch.store.staging import Staging

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass
class Upload:
    """One upload.

    Attributes:
        id: Its name in addresses; nobody guesses it.
        repository: Where it belongs.
        person: Whose it is.
        folder: Where it lies.
        size: How many bytes have arrived.
        is_busy: Whether somebody is at work on it.
    """

    id: str
    repository: str
    person: str
    folder: Path
    size: int = 0
    is_busy: bool = False
    sha: hashlib._Hash | None = None

    @classmethod
    def new(cls, parent: Path, repository: str, person: str) -> Self:
        """Return an upload that is not yet on the disk; see :meth:`create`."""
        name = secrets.token_hex(16)
        return cls(name, repository, person, parent / name, is_busy=True, sha=hashlib.sha256())

    @classmethod
    def found(cls, folder: Path) -> Self | None:
        """Return an upload that an earlier hub left; None when it was not begun to its end."""
        if not _ID.fullmatch(folder.name):
            return None
        try:
            match parse_json((folder / "ticket.json").read_bytes()):
                case {"repository": str(repository), "person": str(person)}:
                    size = (folder / "data").stat().st_size
                    return cls(folder.name, repository, person, folder, size)
        except (OSError, KetchError):
            return None
        return None

    @property
    def data(self) -> Path:
        """The file that grows."""
        return self.folder / "data"

    def create(self) -> None:
        """Begin it on the disk; nobody is at work on it then."""
        with explained(self.folder):
            self.folder.mkdir(mode=0o700)
            ticket = {"repository": self.repository, "person": self.person}
            # Not synced: who loses it with the power sends the blob again.
            (self.folder / "ticket.json").write_bytes(canonical_json(ticket))
            self.data.touch(mode=0o600)
        self.is_busy = False

    def add(self, parts: Sequence[bytes]) -> None:
        """Add bytes at the end, all or none."""
        sha, count = self._hashed(), sum(map(len, parts))
        before = sha.copy()
        with explained(self.data):
            fd = os.open(self.data, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                for part in parts:
                    write_all(fd, part)
                    sha.update(part)
                start_writeback(fd, self.size, count)
                self.size += count
            except BaseException:
                os.ftruncate(fd, self.size)
                self.sha = before
                raise
            finally:
                os.close(fd)

    def mark(self) -> Callable[[], None]:
        """Return what takes the upload back to where it is now."""
        size, sha = self.size, self._hashed().copy()

        def back() -> None:
            with explained(self.data):
                os.truncate(self.data, size)
            self.size, self.sha = size, sha

        return back

    def digest(self) -> Digest:
        """Return the digest of what has arrived."""
        return Digest(self._hashed().hexdigest())

    def become(self, stored: Stored, layout: Layout) -> None:
        """Become a blob, by one rename; whatever happens, the upload is gone."""
        with Staging(layout) as staging, explained(self.data):
            path = staging.new_path()
            self.data.rename(path)
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    staging.seal(path, fd, stored)
                finally:
                    os.close(fd)
                staging.commit()
            finally:  # a failed sync is final: what it was about is not believed again
                self.remove()

    def remove(self) -> None:
        """Remove what has arrived."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def changed(self) -> float:
        """Return when something arrived last, in seconds since 1970."""
        try:
            return self.data.stat().st_mtime
        except OSError:
            return 0.0

    def _hashed(self) -> hashlib._Hash:
        if self.sha is None:
            sha = hashlib.sha256()
            with explained(self.data), self.data.open("rb") as file:
                while content := file.read(READ_CHUNK):
                    sha.update(content)
            self.sha = sha
        return self.sha
