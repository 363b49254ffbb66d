"""All uploads that are open at a hub: whose they are, how many, how large, since when.

An upload outlives the hub, and belongs to one person and one repository. Its file is told
of in :mod:`ketch.hub.oci.upload`.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ketch.errors import DigestMismatch, NotFound, Refused, Unavailable, UsageError
from ketch.files import explained
from ketch.hub.oci.limits import Limits
from ketch.hub.oci.upload import Upload
from ketch.package import Digest, Stored
from ketch.store import LocalStore
from ketch.store.locks import is_held


class Uploads:
    """All open uploads of a hub; the only one that writes to them, until it is closed.

    Args:
        store: Where they become blobs; they lie on the same disk.
        limits: How many there may be, and how large.
        clock: The present, in seconds since 1970.

    Raises:
        Refused: ``oci/two-hubs``: another hub serves the same folder.
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
                upload = Upload.found(folder)
                if upload is None:
                    shutil.rmtree(folder, ignore_errors=True)
                else:
                    self._open[upload.id] = upload
        self.expire()

    def close(self) -> None:
        """Let another hub go on with the uploads."""
        os.close(self._fd)

    def start(self, repository: str, person: str) -> Upload:
        """Begin an upload.

        Raises:
            Refused: ``oci/too-many-uploads``.
        """
        self.expire()
        upload = Upload.new(self._folder, repository, person)
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
            upload.create()
        except BaseException:
            self.drop(upload)
            raise
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
        self._require_room(upload, sum(map(len, parts)))
        upload.add(parts)

    def finish(self, upload: Upload, digest: Digest) -> Stored:
        """Make the blob of what has arrived; the upload is gone, also when it was wrong.

        Raises:
            DigestMismatch: It is not what its digest says.
        """
        found, stored = upload.digest(), Stored(digest, upload.size)
        if found != digest:
            self.drop(upload)
            raise DigestMismatch(
                f"expected `{digest}`, found {upload.size} bytes of `{found}`",
                hint="the bytes changed on their way, or another file was sent; send it again",
            )
        try:
            upload.become(stored, self._store.layout)
        finally:
            if not upload.folder.exists():
                self.drop(upload)
        return stored

    def drop(self, upload: Upload) -> None:
        """Forget an upload and all that has arrived of it."""
        with self._lock:
            self._open.pop(upload.id, None)
        upload.remove()

    def expire(self) -> None:
        """Forget the uploads that got nothing for long."""
        before = self._clock() - self._limits.upload_age_s
        with self._lock:
            waiting = [one for one in self._open.values() if not one.is_busy]
        for upload in waiting:
            if upload.changed() < before:
                self.drop(upload)

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
