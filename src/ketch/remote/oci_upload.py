"""Uploads to an OCI registry: whole, or in chunks that go on where a break stopped them.

A small blob is sent in one piece. A large one is sent in chunks; the registry answers each
with the ``Location`` of the next, which the journal keeps, so that another process can go
on after this one was killed. What arrived of a broken chunk only the registry knows: it is
asked, and believed. Debian's docker-registry (2.8) forgets a whole upload of which a chunk
was broken off, so that one begins anew there; blobs that were finished are never sent again.
A blob that went to another repository of the registry before is mounted from there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ketch.errors import (
    DigestMismatch,
    KetchError,
    NotFound,
    Refused,
    Unavailable,
    UsageError,
)
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.remote.calls import Reply
from ketch.remote.http import Session
from ketch.remote.journal import Entry, Journal
from ketch.remote.outgoing import Outgoing
from ketch.remote.replies import with_query
from ketch.store.base import Progress
from ketch.store.copying import READ_CHUNK, stream_mismatch

CHUNK_BYTES = 16 * 1024 * 1024
"""How much is sent in one call; smaller blobs are sent whole."""

_PART_BYTES = 256 * 1024
_BREAKS = 5
_UPLOAD_LOST = "remote/upload-lost"
_OCTETS = {"Content-Type": "application/octet-stream"}
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")
_LOST = frozenset({400, 404, 409, 410, 416})
"""How registries say that they do not know an upload, or that it stands elsewhere."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a blob; a :class:`~ketch.remote.calls.Body`."""

    outgoing: Outgoing
    position: int
    length: int

    def __iter__(self) -> Iterator[bytes]:
        """Yield its bytes.

        Raises:
            DigestMismatch: The blob is shorter than it is said to be.
        """
        left = self.length
        with self.outgoing.open() as file:
            file.seek(self.position)
            while left and (part := file.read(min(_PART_BYTES, left))):
                left -= len(part)
                yield part
        if left:
            stored = self.outgoing.stored
            raise stream_mismatch(stored, stored.digest, stored.size - left)


@dataclass(frozen=True, slots=True)
class _Upload:
    """An upload as the registry knows it: where it goes on, and how much has arrived."""

    location: str
    position: int = 0
    least: int = 0


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
        self._base = f"/v2/{repository}/blobs"
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
                with self._journal.entry(self._session.url(self._at(stored))) as entry:
                    self._in_chunks(outgoing, entry, _Meter(progress))
        except DigestMismatch as error:
            raise _damaged(outgoing) or error from error
        self._journal.went_to(self._session.base, stored.digest.hex, self._repository)

    def _whole(self, outgoing: Outgoing, progress: Progress | None) -> None:
        stored = outgoing.stored
        for tried in range(1, _BREAKS + 1):
            upload = self._begun(stored)
            if upload is None:
                break
            try:
                self._finish(upload, stored, Part(outgoing, 0, stored.size))
                break
            except Unavailable:
                if tried == _BREAKS:
                    raise
                self._session.pause(tried)
        if progress is not None:
            progress(stored.size)

    def _in_chunks(self, outgoing: Outgoing, entry: Entry, meter: _Meter) -> None:
        stored, breaks = outgoing.stored, 0
        upload = self._known(entry.read(), stored) or self._begun(stored)
        while upload is not None and upload.position < stored.size:
            entry.write(upload.location)
            meter.at(upload.position)
            try:
                upload = self._chunk(upload, outgoing)
            except Unavailable as problem:
                breaks += 1
                if breaks > _BREAKS:
                    raise
                self._session.pause(breaks)
                # A connection that died unseen may hold the upload for a while yet.
                is_held = problem.code == _UPLOAD_LOST and breaks >= _BREAKS // 2
                known = None if is_held else self._known(upload.location, stored)
                upload = known or self._begun(stored)
            except UsageError:
                if upload.position:
                    raise
                entry.forget()
                self._whole(outgoing, meter.rest(stored.size))  # it takes no chunks of this size
                return
        if upload is not None:
            self._finish(upload, stored, b"")
        meter.at(stored.size)
        entry.forget()

    def _begun(self, stored: Stored) -> _Upload | None:
        """Begin an upload; ``None`` when another repository of the registry had the blob."""
        source = self._journal.gone_to(self._session.base, stored.digest.hex)
        is_elsewhere = source is not None and source != self._repository
        query = {"mount": str(stored.digest), "from": str(source)} if is_elsewhere else None
        path = f"{self._base}/uploads/"
        try:
            reply = self._session.request("POST", path, query=query, body=b"", again=True)
        except (NotFound, Refused, UsageError):
            if query is None:
                raise
            reply = self._session.request("POST", path, body=b"", again=True)
        if reply.status == 201:
            return None
        least = reply.headers.get("oci-chunk-min-length", "0")[:12]
        return _Upload(self._session.led_to(reply), least=int(least) if least.isdigit() else 0)

    def _known(self, location: str | None, stored: Stored) -> _Upload | None:
        """Ask how far an upload is; ``None`` when the registry does not know it any more."""
        if location is None:
            return None
        try:
            reply = self._session.request("GET", location, allow=_LOST)
        except UsageError:
            return None
        said = _RANGE.fullmatch(reply.headers.get("range", ""))
        if reply.status in _LOST or said is None:
            return None
        position = int(said[1]) + 1 if int(said[1]) else 0  # "0-0" is also said of nothing
        if position > stored.size:
            return None
        return _Upload(self._session.led_to(reply, location), position)

    def _chunk(self, upload: _Upload, outgoing: Outgoing) -> _Upload:
        length = min(max(CHUNK_BYTES, upload.least), outgoing.stored.size - upload.position)
        end = upload.position + length
        reply = self._session.request(
            "PATCH",
            upload.location,
            headers={**_OCTETS, "Content-Range": f"{upload.position}-{end - 1}"},
            body=Part(outgoing, upload.position, length),
            allow=_LOST,
        )
        if reply.status in _LOST:
            raise _lost(reply)
        said = _RANGE.fullmatch(reply.headers.get("range", ""))
        arrived = min(int(said[1]) + 1, end) if said and int(said[1]) else end
        return _Upload(self._session.led_to(reply, upload.location), arrived, upload.least)

    def _finish(self, upload: _Upload, stored: Stored, body: bytes | Part) -> None:
        location = with_query(upload.location, {"digest": str(stored.digest)})
        try:
            self._session.request("PUT", location, headers=_OCTETS, body=body)
        except (Unavailable, NotFound):
            if not self.holds(stored):  # else the answer was lost, and nothing but that
                raise

    def holds(self, stored: Stored) -> bool:
        """Whether the repository has a blob."""
        reply = self._session.request("HEAD", self._at(stored), allow={404}, elsewhere=True)
        return reply.headers.get("content-length") == str(stored.size) and reply.status != 404

    def _at(self, stored: Stored) -> str:
        return f"{self._base}/{stored.digest}"


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


def _lost(reply: Reply) -> Unavailable:
    return Unavailable(
        f"expected the registry to know the upload, found HTTP {reply.status}",
        code=_UPLOAD_LOST,
        where=reply.url.partition("?")[0],
        hint="run the same again: the blob is sent from its start",
    )


def _damaged(outgoing: Outgoing) -> KetchError | None:
    """Hash a blob again; return what is wrong with it, if anything is."""
    stored, sha, size = outgoing.stored, hashlib.sha256(), 0
    with outgoing.open() as file:
        while part := file.read(READ_CHUNK):
            sha.update(part)
            size += len(part)
    found = Digest(sha.hexdigest())
    if found == stored.digest:
        return None
    problem = stream_mismatch(stored, found, size)
    problem.hint = "the blob is damaged here; run `ketch fsck --repair`, then pack or pull it again"
    return problem
