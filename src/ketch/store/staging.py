"""Files on their way into a local store: seen by nobody until they are all durable."""

import os
import secrets
import shutil
import stat
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ketch.errors import Unavailable
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store import durable
from ketch.store.base import Reader
from ketch.store.blobs import BlobFolder
from ketch.store.copying import copy_stream
from ketch.store.failures import explained
from ketch.store.layout import Layout
from ketch.store.locks import hold

BLOB_MODE = 0o444


@dataclass(slots=True)
class _Staged:
    path: Path
    size: int
    is_synced: bool


class Staging:
    """A folder of files that :meth:`commit` turns into blobs, all at once.

    The order is: write, sync every file, rename every file, sync the folder. Whatever
    tags the blobs comes after, so a tag never outlives its content. The folder is locked
    while its writer lives; that is how a garbage collection knows the dead ones.

    Args:
        layout: The store.
        sync_each: Sync each file as it is written; otherwise all in one call at the end,
            which is far quicker for thousands of them.
    """

    def __init__(self, layout: Layout, *, sync_each: bool = True) -> None:
        self._layout = layout
        self._blobs = BlobFolder(layout)
        self._sync_each = sync_each or not durable.can_sync_filesystem()
        self._folder = layout.temporary / secrets.token_hex(8)
        self._fd = -1
        self._staged: dict[Digest, _Staged] = {}
        self._lock = threading.Lock()
        self._own = threading.local()

    def __enter__(self) -> Self:
        self._layout.create()
        with explained(self._folder):
            self._folder.mkdir(mode=0o700)
            # Opened before the first write: errors since then are reported to it.
            self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            hold(self._fd)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._fd >= 0:
            os.close(self._fd)

    @property
    def scratch(self) -> Path:
        """A path for something that is no blob; gone with the staging."""
        return self._folder / "scratch"

    def new_path(self) -> Path:
        """Return a path inside the staging where nothing is yet.

        Each thread has a folder of its own: the kernel lets one thread at a time create
        files in a folder, and the others would only wait.
        """
        folder: Path | None = getattr(self._own, "folder", None)
        if folder is None:
            folder = self._own.folder = self._folder / secrets.token_hex(4)
            folder.mkdir(mode=0o700)
        return folder / secrets.token_hex(8)

    @contextmanager
    def new_file(self) -> Iterator[tuple[Path, int]]:
        """Yield an empty file, open for reading and writing, until the block ends."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with explained(self._layout.root):
            path = self.new_path()
            fd = os.open(path, flags, BLOB_MODE)
            try:
                yield path, fd
            finally:
                os.close(fd)

    def seal(self, path: Path, fd: int, stored: Stored) -> None:
        """Take a file as the blob it was hashed to.

        Raises:
            Unavailable: The file has another size than what was hashed, or did not sync.
        """
        written = os.fstat(fd)
        if written.st_size != stored.size:
            raise Unavailable(
                f"expected {stored.size} bytes to be written, found {written.st_size}",
                code="store/short-write",
                where=str(path),
                hint="the disk may be full; free some space and run the same again",
            )
        if stat.S_IMODE(written.st_mode) != BLOB_MODE:  # the user's umask
            os.fchmod(fd, BLOB_MODE)
        if self._sync_each:
            durable.sync_file(fd)
        self.adopt(path, stored, is_synced=self._sync_each)

    def adopt(self, path: Path, stored: Stored, *, is_synced: bool) -> None:
        """Take a path inside the staging as the blob that it holds."""
        with self._lock:
            known = self._staged.setdefault(stored.digest, _Staged(path, stored.size, is_synced))
        if known.path != path:
            path.unlink()

    def holds(self, digest: Digest) -> bool:
        """Whether the blob is here already."""
        return digest in self._staged

    def put(self, content: bytes | memoryview, stored: Stored) -> None:
        """Take bytes that were hashed."""
        if self.holds(stored.digest):
            return
        with self.new_file() as (path, fd):
            durable.write_all(fd, content)
            self.seal(path, fd, stored)

    def has(self, stored: Stored) -> bool:
        """Whether the store holds a blob already; if so, it stays for a while."""
        return self._blobs.claim(stored)

    def add(self, stream: Reader, expected: Stored) -> None:
        """Take one blob from a stream; see :class:`~ketch.store.base.Incoming`."""
        if self.holds(expected.digest):
            return
        with self.new_file() as (path, fd):
            copy_stream(stream, fd, expected)
            self.seal(path, fd, expected)

    def read(self, digest: Digest) -> bytes:
        """Return a blob that is here, or in the store."""
        staged = self._staged.get(digest)
        if staged is None:
            return self._blobs.read(digest)
        with explained(staged.path):
            return staged.path.read_bytes()

    def commit(self, only: Collection[Digest] | None = None) -> None:
        """Turn the files into blobs, durably: all, or those named in ``only``.

        Raises:
            Unavailable: The disk refused. Nothing of what did not sync became a blob.
        """
        chosen = {
            digest: staged
            for digest, staged in self._staged.items()
            if only is None or digest in only
        }
        if not chosen:
            return
        with explained(self._layout.blobs):
            if not all(staged.is_synced for staged in chosen.values()):
                durable.sync_filesystem(self._fd)
            for digest, staged in chosen.items():
                staged.path.rename(self._layout.blob(digest))
                del self._staged[digest]
            durable.sync_folder(self._layout.blobs)
