"""Blobs on their way into a local store, which survive the death of whoever fetches them.

Each is a file beside the store's other temporary files, under its digest, and grows from
its start. Whoever comes next hashes what is there and asks for the rest only; when all have
arrived they become blobs together. What nobody touches for an hour, ``ketch gc`` removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ketch.errors import DigestMismatch, Unavailable
from ketch.files import explained
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.remote.store import RemoteStore
from ketch.store import LocalStore, durable
from ketch.store.copying import READ_CHUNK, Meter, stream_mismatch
from ketch.store.staging import Staging

_BREAKS = 5
_BROKEN = frozenset({"remote/cut-off", "remote/timeout"})
"""Codes that the next try may not meet; what else fails was tried again already."""

_WRITEBACK_BYTES = 8 * 1024 * 1024


class Arrivals:
    """Fetches blobs into one store. Threads may share it.

    Args:
        store: Where the blobs go.
        pause: Waits before a blob is asked for again; told how often it failed, from 1.
    """

    def __init__(self, store: LocalStore, *, pause: Callable[[int], None]) -> None:
        self._store = store
        self._pause = pause
        self._paths: dict[Stored, Path] = {}

    def fetch(self, remote: RemoteStore, stored: Stored, meter: Meter) -> None:
        """Fetch a blob to its end.

        Raises:
            DigestMismatch: The remote sent something else; nothing of it is kept.
            Unavailable: It did not come to its end; what came is kept.
        """
        if self._store.blobs.claim(stored):  # somebody else was faster
            meter.done(stored.size)
            return
        path = self._path(stored)
        with explained(path):
            self._store.layout.create()
            with _opened(path) as (place, fd):
                part = _Part(fd)
                if part.position > stored.size:
                    part.clear()
                meter.done(part.position)
                try:
                    self._fill(remote, stored, part, meter)
                except DigestMismatch:
                    place.unlink(missing_ok=True)
                    raise
                self._paths[stored] = place

    def commit(self, documents: Iterable[bytes], blobs: Iterable[Stored]) -> None:
        """Turn what was fetched into blobs, durably and all at once.

        Args:
            documents: Manifests, to be stored with them.
            blobs: All that the package needs: nothing else is to be left of them.
        """
        with Staging(self._store.layout) as staging, explained(self._store.layout.temporary):
            for content in documents:
                staging.put_bytes(content)
            for stored, arrived in self._paths.items():
                path = staging.new_path()
                try:
                    # A second name: were it the only one, it would be lost with the staging.
                    os.link(arrived, path)
                except FileNotFoundError:
                    if staging.has(stored):  # somebody else made a blob of it
                        continue
                    raise
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    staging.seal(path, fd, stored)
                finally:
                    os.close(fd)
            staging.commit()
        for arrived in {*self._paths.values(), *map(self._path, blobs)}:
            with suppress(OSError):
                arrived.unlink(missing_ok=True)
        self._paths.clear()

    def _path(self, stored: Stored) -> Path:
        return self._store.layout.temporary / f"{stored.digest.hex}.part"

    def _fill(self, remote: RemoteStore, stored: Stored, part: _Part, meter: Meter) -> None:
        """Fetch the rest of a blob; from its start, once, if what was there was wrong."""
        was_kept, breaks = part.position > 0, 0
        while True:
            before = part.position
            try:
                for content in _rest(remote, stored, part.position):
                    part.append(content)
                    meter.done(len(content))
            except Unavailable as error:
                breaks = 1 if part.position > before else breaks + 1
                if breaks > _BREAKS or (breaks > 1 and error.code not in _BROKEN):
                    raise
                self._pause(breaks)
                continue
            if part.stored == stored:
                return
            if not was_kept:
                raise stream_mismatch(stored, part.stored.digest, part.position)
            meter.done(-part.position)
            part.clear()
            was_kept = False


class _Part:
    """A file that grows, and the digest of what is in it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._sha = hashlib.sha256()
        self.position = 0
        while content := os.read(fd, READ_CHUNK):
            self._sha.update(content)
            self.position += len(content)

    @property
    def stored(self) -> Stored:
        """What is in it so far."""
        return Stored(Digest(self._sha.hexdigest()), self.position)

    def append(self, content: bytes) -> None:
        """Write at its end."""
        durable.write_all(self._fd, content)
        self._sha.update(content)
        begun = self.position // _WRITEBACK_BYTES
        self.position += len(content)
        if self.position // _WRITEBACK_BYTES > begun:  # the sync to come is short then
            durable.start_writeback(
                self._fd, begun * _WRITEBACK_BYTES, self.position - begun * _WRITEBACK_BYTES
            )

    def clear(self) -> None:
        """Begin anew."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._sha, self.position = hashlib.sha256(), 0


def _rest(remote: RemoteStore, stored: Stored, position: int) -> Iterator[bytes]:
    """Yield a blob's content from a position on, and at most one byte more than it has."""
    if position == stored.size:
        return
    with remote.fetch(stored.digest, position) as stream:
        while content := stream.read(min(READ_CHUNK, stored.size + 1 - position)):
            position += len(content)
            yield content
            if position > stored.size:
                return


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Path, int]]:
    """Open and lock a file, or another one beside it while somebody else is at it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        fd = os.open(path, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            path = path.with_name(f"{path.stem}.{secrets.token_hex(4)}.part")
            continue
        if os.fstat(fd).st_nlink:
            break
        os.close(fd)  # it became a blob, or was removed, before it was locked
    try:
        yield path, fd
    finally:
        os.close(fd)
