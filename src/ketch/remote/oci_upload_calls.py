"""The calls of an upload to an OCI registry, as the distribution specification has them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ketch.errors import NotFound, Refused, Unavailable, UsageError
from ketch.package.blobs import Stored
from ketch.remote.calls import Reply
from ketch.remote.http import Session
from ketch.remote.outgoing import Outgoing, Part
from ketch.remote.replies import with_query

CHUNK_BYTES = 16 * 1024 * 1024
"""How much is sent in one call; smaller blobs are sent whole."""

UPLOAD_LOST = "remote/upload-lost"
"""The code of an error: the registry does not know an upload, or it stands elsewhere."""

_OCTETS = {"Content-Type": "application/octet-stream"}
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")
_LOST = frozenset({400, 404, 409, 410, 416})
"""How registries say that."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload as the registry knows it.

    Attributes:
        location: Where it goes on.
        position: How much has arrived, in bytes.
        least: The smallest chunk that is taken, in bytes.
    """

    location: str
    position: int = 0
    least: int = 0


class UploadCalls:
    """Uploads to one repository, call by call. Threads may share it.

    Args:
        session: The registry.
        repository: Such as ``team/shop``.
    """

    def __init__(self, session: Session, repository: str) -> None:
        self._session = session
        self._base = f"/v2/{repository}/blobs"

    def begin(self, stored: Stored, source: str | None) -> Upload | None:
        """Begin an upload; ``None`` when the blob was mounted from another repository."""
        query = {"mount": str(stored.digest), "from": source} if source else None
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
        return Upload(self._session.led_to(reply), least=int(least) if least.isdigit() else 0)

    def known(self, location: str | None, stored: Stored) -> Upload | None:
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
        return Upload(self._session.led_to(reply, location), position)

    def chunk(self, upload: Upload, outgoing: Outgoing) -> Upload:
        """Send the next chunk; return how far the upload is then.

        Raises:
            Unavailable: ``remote/upload-lost``, or it did not arrive.
        """
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
        return Upload(self._session.led_to(reply, upload.location), arrived, upload.least)

    def finish(self, upload: Upload, stored: Stored, body: bytes | Part) -> None:
        """Send the rest, and let the upload become a blob."""
        location = with_query(upload.location, {"digest": str(stored.digest)})
        try:
            self._session.request("PUT", location, headers=_OCTETS, body=body)
        except (Unavailable, NotFound):
            if not self.holds(stored):  # else the answer was lost, and nothing but that
                raise

    def holds(self, stored: Stored) -> bool:
        """Whether the repository has a blob."""
        reply = self._session.request("HEAD", self.at(stored), allow={404}, elsewhere=True)
        return reply.headers.get("content-length") == str(stored.size) and reply.status != 404

    def at(self, stored: Stored) -> str:
        """Return the path of a blob."""
        return f"{self._base}/{stored.digest}"


def _lost(reply: Reply) -> Unavailable:
    return Unavailable(
        f"expected the registry to know the upload, found HTTP {reply.status}",
        code=UPLOAD_LOST,
        where=reply.url.partition("?")[0],
        hint="run the same again: the blob is sent from its start",
    )
