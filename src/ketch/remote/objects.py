"""A prefix of a bucket as a store: S3, Google Cloud Storage, Azure, and what speaks like them.

::

    PREFIX/
    ├── blobs/sha256/<hex>                content of at most 16 MiB
    ├── blobs/sha256/<hex>.pieces         else the list of its pieces, written last
    ├── pieces/<hex>/<number>-<digest>    and these, each by its own digest
    ├── tags/<name>                       a descriptor; written on condition
    └── referrers/<hex>                   an index of what refers to a blob; likewise

Object stores know no upload that another process could go on with, by one call for all of
them; pieces give that, and a download in parallel, to every one
([decision 13](docs/decisions/0013-large-blobs-lie-in-pieces.md)). What is already there is
recognised by name and never sent again; nobody sees a blob before its list is written.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore

from ketch.errors import Unavailable
from ketch.package.digest import Digest
from ketch.package.oci import MAX_MANIFEST_BYTES, Descriptor
from ketch.remote.bucket import Bucket, Seen
from ketch.remote.pieces import PIECE_BYTES, Piece, Pieces
from ketch.remote.store import WORKERS, Outgoing, RemoteStore
from ketch.schema.parse import canonical_json, parse_json
from ketch.store.base import Progress, Reader, not_found
from ketch.store.blobs import is_hex_name
from ketch.store.copying import stream_mismatch
from ketch.store.index import Index, check_tag, joined

_BLOBS = "blobs/sha256/"
_LISTS = ".pieces"
_MOST_RACES = 50


class ObjectStore(RemoteStore):
    """Packages below a prefix of a bucket.

    Args:
        bucket: The bucket, at the prefix.
        where: What a person calls it.
    """

    def __init__(self, bucket: Bucket, *, where: str) -> None:
        super().__init__(where)
        self._bucket = bucket
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="ketch-pieces")
        self._slots = BoundedSemaphore(WORKERS + 1)  # pieces in memory, whoever sends them

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when it is not there."""
        size = self._bucket.size(_key(digest))
        if size is not None:
            return size
        pieces = self._pieces(digest)
        return None if pieces is None else pieces.size

    @contextmanager
    def fetch(self, digest: Digest, position: int = 0) -> Iterator[Reader]:
        """Open a blob for reading from a position on; pieces come several at a time."""
        parts = self._bucket.stream(_key(digest), position)
        if parts is None:
            pieces = self._pieces(digest)
            if pieces is None:
                raise not_found(digest, self._at(digest))
            parts = self._ahead(digest, pieces.after(position))
        yield Parts(parts)

    def send(self, outgoing: Outgoing, *, progress: Progress | None = None) -> None:
        """Store a blob; of a large one, the pieces that are not there yet."""
        stored = outgoing.stored
        if stored.size <= PIECE_BYTES:
            with outgoing.open() as file:
                content = file.read(PIECE_BYTES + 1)
            found = Digest.of(content)
            if found != stored.digest:
                raise stream_mismatch(stored, found, len(content))
            self._bucket.put(_key(stored.digest), content)
            if progress is not None:
                progress(stored.size)
        else:
            self._send_pieces(outgoing, progress)

    def digests(self) -> Iterator[Digest]:
        """Yield what the store holds, in no order."""
        for key in self._bucket.names(_BLOBS):
            name = key.removeprefix(_BLOBS).removesuffix(_LISTS)
            if is_hex_name(name):
                yield Digest(name)

    def delete(self, digest: Digest) -> None:
        """Remove a blob, if it is there, whoever refers to it."""
        lists = f"{_key(digest)}{_LISTS}"
        keys = [lists, _key(digest), *self._bucket.names(_folder(digest))]
        for key in keys:  # the list first: without it the pieces are nothing
            self._bucket.delete(key)

    def check_name(self, name: str) -> None:
        """Refuse what is no name for a person to give."""
        check_tag(name)

    def put_manifest(self, content: bytes, media_type: str) -> None:
        """Store a manifest, which is a blob like any other."""
        del media_type
        self.put_bytes(content)

    def put_referrer(self, subject: Digest, descriptor: Descriptor, content: bytes) -> None:
        """Store a manifest that refers to ``subject``, and list it."""
        self.put_bytes(content)

        def change(seen: Seen | None) -> bytes | None:
            known = self._listed(seen, subject) if seen else []
            listed = joined(known, [descriptor])
            return Index.of(listed).to_bytes() if len(listed) > len(known) else None

        self._update(f"referrers/{subject.hex}", change)

    def name(
        self, name: str, descriptor: Descriptor, content: bytes, *, replace: bool = False
    ) -> None:
        """Let a name stand for a manifest; of two at once, one is refused."""
        del content

        def change(seen: Seen | None) -> bytes | None:
            if seen is not None and self._descriptor(seen.content, name) == descriptor:
                return None
            self.require_free(name, descriptor, replace=replace)
            return canonical_json(descriptor.to_json())

        self._update(f"tags/{name}", change)

    def untag(self, name: str) -> None:
        """Forget a name, if it is known."""
        check_tag(name)
        self._bucket.delete(f"tags/{name}")

    def resolve(self, name: str) -> Descriptor | None:
        """Return what a name stands for."""
        check_tag(name)
        seen = self._bucket.look(f"tags/{name}")
        return None if seen is None else self._descriptor(seen.content, name)

    def names(self) -> list[str]:
        """Return every name, sorted."""
        return sorted(key.removeprefix("tags/") for key in self._bucket.names("tags/"))

    def referrers(self, subject: Digest) -> list[Descriptor]:
        """Return the manifests that refer to ``subject``, oldest first."""
        seen = self._bucket.look(f"referrers/{subject.hex}")
        return [] if seen is None else self._listed(seen, subject)

    def _update(self, key: str, change: Callable[[Seen | None], bytes | None]) -> None:
        """Change a small object, again if somebody else was faster."""
        for _ in range(_MOST_RACES):
            seen = self._bucket.look(key)
            content = change(seen)
            if content is None or self._bucket.swap(key, seen, content):
                return
        raise Unavailable(
            f"expected to change `{key}`, found that others did, {_MOST_RACES} times",
            code="remote/busy",
            where=self.where,
            hint="run the same again",
        )

    def _send_pieces(self, outgoing: Outgoing, progress: Progress | None) -> None:
        stored, sha = outgoing.stored, hashlib.sha256()
        there = self._bucket.sizes(_folder(stored.digest))
        sending: list[Future[None]] = []
        pieces: list[Piece] = []
        try:
            with outgoing.open() as file:
                while content := file.read(PIECE_BYTES):
                    sha.update(content)
                    piece = Piece(Digest.of(content), len(content))
                    key = _piece_key(stored.digest, len(pieces), piece)
                    pieces.append(piece)
                    if there.get(key) != piece.size:
                        sending.append(self._send_piece(key, content, progress))
                    elif progress is not None:
                        progress(piece.size)
        finally:
            _settle(sending)
        found, size = Digest(sha.hexdigest()), sum(piece.size for piece in pieces)
        if (found, size) != (stored.digest, stored.size):
            self.delete(stored.digest)
            raise stream_mismatch(stored, found, size)
        self._bucket.put(f"{_key(stored.digest)}{_LISTS}", Pieces(tuple(pieces)).to_bytes())

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

    def _ahead(self, digest: Digest, wanted: Sequence[tuple[int, Piece, int]]) -> Iterator[bytes]:
        """Yield the pieces in order, while the next ones are on their way."""
        coming: deque[Future[bytes]] = deque()
        left = deque(wanted)
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

    def _pieces(self, digest: Digest) -> Pieces | None:
        seen = self._bucket.look(f"{_key(digest)}{_LISTS}")
        return None if seen is None else Pieces.parse(seen.content, where=self._at(digest))

    def _descriptor(self, content: bytes, name: str) -> Descriptor:
        where = f"{self.where}/{name}"
        return Descriptor.from_json(parse_json(content, where=where), where=where)

    def _listed(self, seen: Seen, subject: Digest) -> list[Descriptor]:
        where = f"{self.where}/referrers/{subject.hex}"
        body = parse_json(seen.content, max_bytes=MAX_MANIFEST_BYTES, where=where)
        return [each for _, each in Index.from_json(body, where=where).named()]


class Parts:
    """An iterator of bytes as a :class:`~ketch.store.base.Reader`."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    def read(self, count: int, /) -> bytes:
        """Return at most ``count`` bytes; none at the end."""
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return b""
            self._rest = memoryview(part)
        part, self._rest = bytes(self._rest[:count]), self._rest[count:]
        return part


def _settle(sending: Sequence[Future[None]]) -> None:
    """Wait for every upload, then raise the first error among them."""
    errors = [error for error in (each.exception() for each in sending) if error is not None]
    if errors:
        raise errors[0]


def _key(digest: Digest) -> str:
    return f"{_BLOBS}{digest.hex}"


def _folder(digest: Digest) -> str:
    return f"pieces/{digest.hex}/"


def _piece_key(digest: Digest, number: int, piece: Piece) -> str:
    return f"{_folder(digest)}{number:06d}-{piece.digest.hex}"
