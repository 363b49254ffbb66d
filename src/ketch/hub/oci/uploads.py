"""Uploads on their way: files that grow, each bound to one person and one repository.

::

    STORE/.ketch/uploads/<32 hex digits>/
    ├── ticket.json    whose it is, for which repository
    └── data           what has arrived

An upload outlives the hub: its size says how far it is. What has arrived is hashed as it
comes; after a restart it is hashed once more, before anything is added. Nothing becomes a
blob before all of it was hashed, and then at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import DigestMismatch, KetchError, NotFound, Refused, Unavailable, UsageError
from ketch.files import explained
from ketch.hub.oci.limits import Limits
from ketch.package import Digest, Stored
from ketch.schema.parse import canonical_json, parse_json
from ketch.store import LocalStore
from ketch.store.copying import READ_CHUNK
from ketch.store.durable import start_writeback, write_all
from ketch.store.locks import is_held
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
        is_busy: Whether a request is at work on it; only the event loop asks and says so.
    """

    id: str
    repository: str
    person: str
    folder: Path
    size: int = 0
    is_busy: bool = False
    sha: hashlib._Hash | None = None

    @property
    def data(self) -> Path:
        """The file that grows."""
        return self.folder / "data"


class Uploads:
    """All open uploads of a hub; the only one that writes to them, until it is closed.

    Raises:
        Refused: ``oci/two-hubs``: another hub serves the same folder.

    Args:
        store: Where they become blobs; they lie on the same disk.
        limits: How many there may be, and how large.
        clock: The present, in seconds since 1970.
    """

    def __init__(
        self, store: LocalStore, limits: Limits, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock
        self._folder = store.layout.lock.parent / "uploads"
        self._lock = threading.Lock()
        self._open: dict[str, Upload] = {}
        store.layout.create()
        with explained(self._folder):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if is_held(self._fd):
                os.close(self._fd)
                raise Refused(
                    "expected one hub for a folder, found another at work there",
                    code="oci/two-hubs",
                    where=str(self._folder),
                    hint="stop the other one, or give this one another folder",
                )
            for folder in self._folder.iterdir():
                upload = _found(folder)
                if upload is None:
                    shutil.rmtree(folder, ignore_errors=True)
                else:
                    self._open[upload.id] = upload

    def close(self) -> None:
        """Let another hub go on with the uploads."""
        os.close(self._fd)

    def start(self, repository: str, person: str) -> Upload:
        """Begin an upload.

        Raises:
            Refused: ``oci/too-many-uploads``.
        """
        self.expire()
        name = secrets.token_hex(16)
        upload = Upload(name, repository, person, self._folder / name, sha=hashlib.sha256())
        upload.is_busy = True  # nobody clears it away while it is made
        with self._lock:
            theirs = sum(one.person == person for one in self._open.values())
            if len(self._open) >= self._limits.uploads or theirs >= self._limits.uploads_each:
                raise Refused(
                    f"expected fewer open uploads, found {theirs} of yours",
                    code="oci/too-many-uploads",
                    hint="finish or cancel some; an upload without news is forgotten in a day",
                )
            self._open[upload.id] = upload
        try:
            with explained(upload.folder):
                upload.folder.mkdir(mode=0o700)
                ticket = {"repository": repository, "person": person}
                # Not synced: who loses it with the power sends the blob again.
                (upload.folder / "ticket.json").write_bytes(canonical_json(ticket))
                upload.data.touch(mode=0o600)
        except BaseException:
            self.drop(upload)
            raise
        upload.is_busy = False
        return upload

    def find(self, name: str, repository: str, person: str) -> Upload:
        """Return an open upload, to the person who began it, in the repository it is for.

        Raises:
            NotFound: ``oci/no-upload``; also for anybody else.
        """
        upload = self._open.get(name)
        if upload is None or (upload.repository, upload.person) != (repository, person):
            raise NotFound(
                "expected an upload that you began here, found none",
                code="oci/no-upload",
                hint="begin again: it was finished, cancelled, or forgotten after a day",
            )
        return upload

    @contextmanager
    def alone(self, upload: Upload) -> Iterator[None]:
        """Hold an upload while one request is at work on it.

        Raises:
            Refused: ``oci/upload-busy``: another one is.
        """
        if upload.is_busy:
            raise Refused(
                "expected one request at a time for an upload, found another at work",
                code="oci/upload-busy",
                hint="wait for it, or cancel the upload and begin again",
            )
        upload.is_busy = True
        try:
            yield
        finally:
            upload.is_busy = False

    def append(self, upload: Upload, parts: Sequence[bytes]) -> None:
        """Add bytes at the end, all or none.

        Raises:
            UsageError: ``oci/blob-size``: it grows larger than a blob may be.
            Refused: ``oci/too-many-uploads``: all of them together grow too large.
            Unavailable: ``disk/full``, or the disk refused.
        """
        sha, count = self._sha(upload), sum(map(len, parts))
        self._require_room(upload, count)
        before = sha.copy()
        with explained(upload.data):
            fd = os.open(upload.data, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                for part in parts:
                    write_all(fd, part)
                    sha.update(part)
                start_writeback(fd, upload.size, count)
                upload.size += count
            except BaseException:
                os.ftruncate(fd, upload.size)
                upload.sha = before
                raise
            finally:
                os.close(fd)

    def mark(self, upload: Upload) -> Callable[[], None]:
        """Return what takes an upload back to where it is now."""
        size, sha = upload.size, self._sha(upload).copy()

        def back() -> None:
            with explained(upload.data):
                os.truncate(upload.data, size)
            upload.size, upload.sha = size, sha

        return back

    def finish(self, upload: Upload, digest: Digest) -> Stored:
        """Make the blob of what has arrived; the upload is gone, also when it was wrong.

        Raises:
            DigestMismatch: It is not what its digest says.
        """
        found = Digest(self._sha(upload).hexdigest())
        if found != digest:
            self.drop(upload)
            raise DigestMismatch(
                f"expected `{digest}`, found {upload.size} bytes of `{found}`",
                hint="the bytes changed on their way, or another file was sent; send it again",
            )
        stored = Stored(digest, upload.size)
        with Staging(self._store.layout) as staging, explained(upload.data):
            path = staging.new_path()
            upload.data.rename(path)
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    staging.seal(path, fd, stored)
                finally:
                    os.close(fd)
                staging.commit()
            finally:  # a failed sync is final: what it was about is not believed again
                self.drop(upload)
        return stored

    def drop(self, upload: Upload) -> None:
        """Forget an upload and all that has arrived of it."""
        with self._lock:
            self._open.pop(upload.id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)

    def expire(self) -> None:
        """Forget the uploads that got nothing for long."""
        before = self._clock() - self._limits.upload_age_s
        with self._lock:
            waiting = [one for one in self._open.values() if not one.is_busy]
        for upload in waiting:
            if _changed(upload) < before:
                self.drop(upload)

    def _sha(self, upload: Upload) -> hashlib._Hash:
        if upload.sha is None:
            upload.sha = hashlib.sha256()
            with explained(upload.data), upload.data.open("rb") as file:
                while content := file.read(READ_CHUNK):
                    upload.sha.update(content)
        return upload.sha

    def _require_room(self, upload: Upload, count: int) -> None:
        if upload.size + count > self._limits.blob_bytes:
            raise UsageError(
                f"expected at most {self._limits.blob_bytes} bytes, found more",
                code="oci/blob-size",
            )
        if sum(one.size for one in list(self._open.values())) + count > self._limits.upload_bytes:
            raise Refused(
                f"expected at most {self._limits.upload_bytes} bytes in all open uploads",
                code="oci/too-many-uploads",
                hint="finish or cancel some; an upload without news is forgotten in a day",
            )
        with explained(self._folder):
            disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < self._limits.reserve_bytes + count:
            raise Unavailable(
                "expected room for the upload, found the hub's disk full",
                code="disk/full",
                hint="whoever runs the hub has to free some space; then go on with the upload",
            )


def _found(folder: Path) -> Upload | None:
    """Return an upload that an earlier hub left; None when it was not begun to its end."""
    if not _ID.fullmatch(folder.name):
        return None
    try:
        match parse_json((folder / "ticket.json").read_bytes()):
            case {"repository": str(repository), "person": str(person)}:
                size = (folder / "data").stat().st_size
                return Upload(folder.name, repository, person, folder, size)
    except (OSError, KetchError):
        return None
    return None


def _changed(upload: Upload) -> float:
    try:
        return upload.data.stat().st_mtime
    except OSError:
        return 0.0
