"""Large blobs in a bucket: sent and fetched in pieces, several at a time.

A piece that is there is recognised by its name and not sent again. The list of a blob's
pieces is written last and removed first: without it the pieces are nothing.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore

from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.remote import pieces
from ketch.remote.bucket import Bucket
from ketch.remote.outgoing import Outgoing
from ketch.remote.pieces import Piece, Pieces
from ketch.remote.store import WORKERS
from ketch.store.base import Progress
from ketch.store.copying import stream_mismatch

BLOBS = "blobs/sha256/"
LISTS = ".pieces"


class Piecework:
    """The pieces of a bucket's large blobs. Threads may share it.

    Args:
        bucket: The bucket, at the prefix.
        where: What a person calls it.
    """

    def __init__(self, bucket: Bucket, where: str) -> None:
        self._bucket = bucket
        self._where = where
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="ketch-pieces")
        self._slots = BoundedSemaphore(WORKERS + 1)  # pieces in memory, whoever sends them

    def listed(self, digest: Digest) -> Pieces | None:
        """Return the pieces of a blob; ``None`` where it does not lie in pieces."""
        seen = self._bucket.look(_list_key(digest))
        where = f"{self._where}@{digest}"
        return None if seen is None else Pieces.parse(seen.content, where=where)

    def send(self, outgoing: Outgoing, progress: Progress | None) -> None:
        """Store the pieces that are not there yet, then their list.

        Raises:
            DigestMismatch: The content is not what its digest says; nothing is kept.
        """
        stored = outgoing.stored
        found, listed = self._send_each(outgoing, progress)
        if Stored(found, listed.size) != stored:
            self.delete(stored.digest)
            raise stream_mismatch(stored, found, listed.size)
        self._bucket.put(_list_key(stored.digest), listed.to_bytes())

    def read(self, digest: Digest, listed: Pieces, position: int) -> Iterator[bytes]:
        """Yield a blob from a position on, while the next pieces are on their way."""
        coming: deque[Future[bytes]] = deque()
        left = deque(listed.after(position))
        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                while left or coming:
                    while left and len(coming) < WORKERS:
                        number, piece, start = left.popleft()
                        key = _piece_key(digest, number, piece)
                        coming.append(pool.submit(self._bucket.part, key, start, piece.size))
                    yield coming.popleft().result()
            finally:
                for each in coming:
                    each.cancel()

    def delete(self, digest: Digest) -> None:
        """Remove the list of a blob, and then its pieces."""
        for key in (_list_key(digest), *self._bucket.names(_folder(digest))):
            self._bucket.delete(key)

    def _send_each(self, outgoing: Outgoing, progress: Progress | None) -> tuple[Digest, Pieces]:
        """Send what is not there; return what the content is, and its pieces."""
        digest, sha = outgoing.stored.digest, hashlib.sha256()
        there = self._bucket.sizes(_folder(digest))
        sending: list[Future[None]] = []
        sent: list[Piece] = []
        try:
            with outgoing.open() as file:
                while content := file.read(pieces.PIECE_BYTES):
                    sha.update(content)
                    piece = Piece(Digest.of(content), len(content))
                    key = _piece_key(digest, len(sent), piece)
                    sent.append(piece)
                    if there.get(key) != piece.size:
                        sending.append(self._send_piece(key, content, progress))
                    elif progress is not None:
                        progress(piece.size)
        finally:
            _settle(sending)
        return Digest(sha.hexdigest()), Pieces(tuple(sent))

    def _send_piece(self, key: str, content: bytes, progress: Progress | None) -> Future[None]:
        self._slots.acquire()

        def send() -> None:
            try:
                self._bucket.put(key, content)
                if progress is not None:
                    progress(len(content))
            finally:
                self._slots.release()

        return self._pool.submit(send)


def blob_key(digest: Digest) -> str:
    """Return where a blob of one piece lies."""
    return f"{BLOBS}{digest.hex}"


def _settle(sending: Sequence[Future[None]]) -> None:
    """Wait for every upload, then raise the first error among them."""
    errors = [error for error in (each.exception() for each in sending) if error is not None]
    if errors:
        raise errors[0]


def _list_key(digest: Digest) -> str:
    return f"{blob_key(digest)}{LISTS}"


def _folder(digest: Digest) -> str:
    return f"pieces/{digest.hex}/"


def _piece_key(digest: Digest, number: int, piece: Piece) -> str:
    return f"{_folder(digest)}{number:06d}-{piece.digest.hex}"
