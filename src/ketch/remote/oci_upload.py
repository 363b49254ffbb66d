"""Uploads to an OCI registry: whole, or in chunks that go on where a break stopped them.

A small blob is sent in one piece. A large one is sent in chunks; the registry answers each
with the ``Location`` of the next, which the journal keeps, so that another process can go
on after this one was killed. What arrived of a broken chunk only the registry knows: it is
asked, and believed. Debian's docker-registry (2.8) forgets a whole upload of which a chunk
was broken off, so that one begins anew there; blobs that were finished are never sent again.
A blob that went to another repository of the registry before is mounted from there.
"""

from __future__ import annotations

from ketch.errors import DigestMismatch, Unavailable, UsageError
from ketch.package.blobs import Stored
from ketch.remote.http import Session
from ketch.remote.journal import Entry, Journal
from ketch.remote.oci_upload_calls import CHUNK_BYTES, UPLOAD_LOST, Upload, UploadCalls
from ketch.remote.outgoing import Outgoing, Part
from ketch.store.base import Progress

_BREAKS = 5


class Uploads:
    """Sends blobs to one repository. Threads may share it.

    Args:
        session: The registry.
        repository: Such as ``team/shop``.
        journal: Where uploads that were begun are remembered.
    """

    def __init__(self, session: Session, repository: str, journal: Journal) -> None:
        self._session = session
        self._repository = repository
        self._calls = UploadCalls(session, repository)
        self._journal = journal

    def send(self, outgoing: Outgoing, *, progress: Progress | None = None) -> None:
        """Send a blob; the registry compares it with its digest.

        Raises:
            DigestMismatch: The blob is not what its digest says, here or there.
            KetchError: As the registry says.
        """
        stored = outgoing.stored
        try:
            if stored.size <= CHUNK_BYTES:
                self._whole(outgoing, progress)
            else:
                with self._journal.entry(self._session.url(self._calls.at(stored))) as entry:
                    self._in_chunks(outgoing, entry, _Meter(progress))
        except DigestMismatch as error:
            raise outgoing.damage() or error from error
        self._journal.went_to(self._session.base, stored.digest.hex, self._repository)

    def holds(self, stored: Stored) -> bool:
        """Whether the repository has a blob."""
        return self._calls.holds(stored)

    def _whole(self, outgoing: Outgoing, progress: Progress | None) -> None:
        stored = outgoing.stored
        for tried in range(1, _BREAKS + 1):
            upload = self._begun(stored)
            if upload is None:
                break
            try:
                self._calls.finish(upload, stored, Part(outgoing, 0, stored.size))
                break
            except Unavailable:
                if tried == _BREAKS:
                    raise
                self._session.pause(tried)
        if progress is not None:
            progress(stored.size)

    def _in_chunks(self, outgoing: Outgoing, entry: Entry, meter: _Meter) -> None:
        stored, breaks = outgoing.stored, 0
        upload = self._calls.known(entry.read(), stored) or self._begun(stored)
        while upload is not None and upload.position < stored.size:
            entry.write(upload.location)
            meter.at(upload.position)
            try:
                upload = self._calls.chunk(upload, outgoing)
            except Unavailable as problem:
                breaks += 1
                if breaks > _BREAKS:
                    raise
                upload = self._after_break(problem, upload, stored, breaks)
            except UsageError:
                if upload.position:
                    raise
                entry.forget()
                self._whole(outgoing, meter.rest(stored.size))  # it takes no chunks of this size
                return
        if upload is not None:
            self._calls.finish(upload, stored, b"")
        meter.at(stored.size)
        entry.forget()

    def _after_break(
        self, problem: Unavailable, upload: Upload, stored: Stored, breaks: int
    ) -> Upload | None:
        """Return how far an upload is after so many breaks, or a new one."""
        self._session.pause(breaks)
        # A connection that died unseen may hold the upload for a while yet.
        if problem.code == UPLOAD_LOST and breaks >= _BREAKS // 2:
            return self._begun(stored)
        return self._calls.known(upload.location, stored) or self._begun(stored)

    def _begun(self, stored: Stored) -> Upload | None:
        """Begin an upload; ``None`` when another repository of the registry had the blob."""
        source = self._journal.gone_to(self._session.base, stored.digest.hex)
        is_elsewhere = source is not None and source != self._repository
        return self._calls.begin(stored, source if is_elsewhere else None)


class _Meter:
    """Tells progress from positions, which may also go back."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._position = 0

    def at(self, position: int) -> None:
        if self._progress is not None and position != self._position:
            self._progress(position - self._position)
        self._position = position

    def rest(self, size: int) -> Progress:
        return lambda _: self.at(size)
