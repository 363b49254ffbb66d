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

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ketch.errors import Unavailable
from ketch.package.digest import Digest
from ketch.package.oci import MAX_MANIFEST_BYTES, Descriptor
from ketch.remote import pieces
from ketch.remote.bucket import Bucket, Seen
from ketch.remote.outgoing import Outgoing
from ketch.remote.piecework import BLOBS, LISTS, Piecework, blob_key
from ketch.remote.readers import Parts
from ketch.remote.store import RemoteStore
from ketch.schema.parse import canonical_json, parse_json
from ketch.store.base import Progress, Reader, not_found
from ketch.store.blobs import is_hex_name
from ketch.store.copying import stream_mismatch
from ketch.store.index import Index, check_tag, joined

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
        self._piecework = Piecework(bucket, where)

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when it is not there."""
        size = self._bucket.size(blob_key(digest))
        if size is not None:
            return size
        listed = self._piecework.listed(digest)
        return None if listed is None else listed.size

    @contextmanager
    def fetch(self, digest: Digest, position: int = 0) -> Iterator[Reader]:
        """Open a blob for reading from a position on; pieces come several at a time."""
        parts = self._bucket.stream(blob_key(digest), position)
        if parts is None:
            listed = self._piecework.listed(digest)
            if listed is None:
                raise not_found(digest, self._at(digest))
            parts = self._piecework.read(digest, listed, position)
        yield Parts(parts)

    def send(self, outgoing: Outgoing, *, progress: Progress | None = None) -> None:
        """Store a blob; of a large one, the pieces that are not there yet."""
        stored = outgoing.stored
        if stored.size > pieces.PIECE_BYTES:
            self._piecework.send(outgoing, progress)
            return
        with outgoing.open() as file:
            content = file.read(pieces.PIECE_BYTES + 1)
        found = Digest.of(content)
        if found != stored.digest:
            raise stream_mismatch(stored, found, len(content))
        self._bucket.put(blob_key(stored.digest), content)
        if progress is not None:
            progress(stored.size)

    def digests(self) -> Iterator[Digest]:
        """Yield what the store holds, in no order."""
        for key in self._bucket.names(BLOBS):
            name = key.removeprefix(BLOBS).removesuffix(LISTS)
            if is_hex_name(name):
                yield Digest(name)

    def delete(self, digest: Digest) -> None:
        """Remove a blob, if it is there, whoever refers to it."""
        self._piecework.delete(digest)
        self._bucket.delete(blob_key(digest))

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

    def _descriptor(self, content: bytes, name: str) -> Descriptor:
        where = f"{self.where}/{name}"
        return Descriptor.from_json(parse_json(content, where=where), where=where)

    def _listed(self, seen: Seen, subject: Digest) -> list[Descriptor]:
        where = f"{self.where}/referrers/{subject.hex}"
        body = parse_json(seen.content, max_bytes=MAX_MANIFEST_BYTES, where=where)
        return [each for _, each in Index.from_json(body, where=where).named()]
