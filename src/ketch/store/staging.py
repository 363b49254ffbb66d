"""Files on their way into a local store: seen by nobody until they are all durable."""

import itertools
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
from ketch.files import explained, sync_file, sync_folder
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import MAX_MANIFEST_BYTES
from ketch.store import durable
from ketch.store.base import Reader, too_large
from ketch.store.batches import SMALL_BYTES
from ketch.store.blobs import BlobFolder
from ketch.store.copying import copy_stream
from ketch.store.layout import Layout
from ketch.store.locks import hold

BLOB_MODE = 0o444

MOST_SYNCED_EACH = 64
"""With more small files than this, one sync of the filesystem beats a sync of each."""


@dataclass(slots=True)
class _Staged:
    """A file that is to become a blob.

    Attributes:
        fd: A descriptor to sync it by; ``None`` when that is done or done otherwise.
    """

    path: Path
    size: int
    fd: int | None = None

    def forget_fd(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


class Staging:
    """A folder of files that :meth:`commit` turns into blobs, all at once.

    The order is: write, sync every file, rename every file, sync the folder. Whatever
    tags the blobs comes after, so a tag never outlives its content. A large file is
    synced by the thread that wrote it; small ones together, at the commit. The folder is
    locked while its writer lives; that is how a garbage collection knows the dead ones.

    Args:
        layout: The store.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._blobs = BlobFolder(layout)
        self._waiting = 0
        self._numbers = itertools.count()
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
        for staged in self._staged.values():
            staged.forget_fd()
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
            folder = self._own.folder = self._folder / str(next(self._numbers))
            folder.mkdir(mode=0o700)
        return folder / str(next(self._numbers))

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
        self._adopt(stored, _Staged(path, stored.size, self._synced_or_kept(fd, stored.size)))

    def adopt(self, path: Path, stored: Stored) -> None:
        """Take a path inside the staging, and synced, as the blob that it holds."""
        self._adopt(stored, _Staged(path, stored.size))

    def _adopt(self, stored: Stored, staged: _Staged) -> None:
        with self._lock:
            known = self._staged.setdefault(stored.digest, staged)
        if known is not staged:
            staged.forget_fd()
            staged.path.unlink()

    def _synced_or_kept(self, fd: int, size: int) -> int | None:
        """Sync a file, or let it wait for the commit; return what to sync it by then."""
        if size <= SMALL_BYTES:
            with self._lock:
                self._waiting += 1
            if self._waiting <= MOST_SYNCED_EACH:
                return os.dup(fd)
            if durable.can_sync_filesystem():
                return None
        sync_file(fd)
        return None

    def holds(self, digest: Digest) -> bool:
        """Whether the blob is here already."""
        return digest in self._staged

    def put_bytes(self, content: bytes) -> Stored:
        """Take some bytes, unless the store holds them already."""
        stored = Stored(Digest.of(content), len(content))
        if not self._blobs.claim_content(stored, content):
            self.put(content, stored)
        return stored

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
        """Return a manifest that is here, or in the store."""
        staged = self._staged.get(digest)
        if staged is None:
            return self._blobs.read(digest, MAX_MANIFEST_BYTES)
        if staged.size > MAX_MANIFEST_BYTES:
            raise too_large(MAX_MANIFEST_BYTES, str(digest))
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
            self._sync(chosen.values())
            for digest, staged in chosen.items():
                staged.forget_fd()
                staged.path.rename(self._layout.blob(digest))
                del self._staged[digest]
            sync_folder(self._layout.blobs)

    def _sync(self, chosen: Collection[_Staged]) -> None:
        if self._waiting > MOST_SYNCED_EACH and durable.can_sync_filesystem():
            durable.sync_filesystem(self._fd)
            return
        waiting = [(staged.fd, staged.size) for staged in chosen if staged.fd is not None]
        for fd, size in waiting:  # all of them first: the syncs to come then share one commit
            durable.start_writeback(fd, 0, size)
        for fd, _ in waiting:
            sync_file(fd)
