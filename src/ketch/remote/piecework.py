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
from typing import BinaryIO

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
        stored, sha = outgoing.stored, hashlib.sha256()
        sending: list[Future[None]] = []
        sent: list[Piece] = []
        try:
            with outgoing.open() as file:
                for content, future in self._sent(stored.digest, file, progress):
                    sha.update(content)
                    sent.append(Piece(Digest.of(content), len(content)))
                    sending += [future] if future else []
        finally:
            _settle(sending)
        listed, found = Pieces(tuple(sent)), Digest(sha.hexdigest())
        if Stored(found, listed.size) != stored:
            self.delete(stored.digest)
            raise stream_mismatch(stored, found, listed.size)
        self._bucket.put(_list_key(stored.digest), listed.to_bytes())
