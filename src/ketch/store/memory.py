"""A store in memory, for tests and for packages that live for one command."""

import io
import shutil
import tempfile
import threading
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ketch.errors import DigestMismatch, KetchError
from ketch.files import explained
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, MAX_MANIFEST_BYTES, Descriptor
from ketch.store.base import (
    MAX_READ_BYTES,
    Incoming,
    Progress,
    Reader,
    not_found,
    too_large,
    unique,
)
from ketch.store.blobs import raise_all
from ketch.store.copying import READ_CHUNK, stream_mismatch
from ketch.store.graph import manifests, require_complete, require_refers
from ketch.store.index import Index, check_tag, joined, rebind, referrers_tag
from ketch.store.sources import file_changed, opened_source


class MemoryStore:
    """A store that is gone with its process; see :class:`~ketch.store.base.Store`."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}
        self._index = Index()
        self._lock = threading.RLock()
        self._folder: Path | None = None

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when it is not there."""
        content = self._blobs.get(digest)
        return None if content is None else len(content)

    def digests(self) -> Iterator[Digest]:
        """Yield what the store holds."""
        yield from list(self._blobs)

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob for reading; nothing is hashed."""
        return io.BytesIO(self._content(digest))

    def read(self, digest: Digest, *, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return the content of a blob, hashed on the way."""
        content = self._content(digest)
        if len(content) > max_bytes:
            raise too_large(max_bytes, str(digest))
        if Digest.of(content) != digest:
            raise DigestMismatch(
                f"expected `{digest}`, found `{Digest.of(content)}`", where=str(digest)
            )
        return content

    def path(self, digest: Digest) -> Path:
        """Return a file with the content of a blob, written on demand."""
        content = self._content(digest)
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="ketch-memory-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            path = self._folder / digest.hex
            path.write_bytes(content)
        return path

    def verify_all(self, digests: Sequence[Digest], *, progress: Progress | None = None) -> None:
        """Hash blobs again."""
        errors: list[KetchError] = []
        for digest in unique(digests):
            try:
                content = self.read(digest, max_bytes=self.size(digest) or 0)
            except KetchError as error:
                errors.append(error)
            else:
                if progress is not None:
                    progress(len(content))
        raise_all(errors)

    def delete(self, digest: Digest) -> None:
        """Remove a blob, if it is there, whoever refers to it."""
        self._blobs.pop(digest, None)

    def put_bytes(self, content: bytes) -> Stored:
        """Store some bytes."""
        stored = Stored(Digest.of(content), len(content))
        self._blobs[stored.digest] = content
        return stored

    def put_files(
        self,
        paths: Sequence[Path],
        *,
        link: bool = False,  # noqa: ARG002 - memory has no links
        progress: Progress | None = None,
    ) -> Mapping[Path, Stored]:
        """Store files, all or none; nothing is ever linked."""
        contents = {path: _content_of(path, progress) for path in dict.fromkeys(paths)}
        return {path: self.put_bytes(content) for path, content in contents.items()}

    @contextmanager
    def incoming(self) -> Iterator[Incoming]:
        """Return a place for blobs that shall all become visible at once."""
        yield _MemoryIncoming(self._blobs, self)

    def tag(self, name: str, descriptor: Descriptor, *, replace: bool = False) -> None:
        """Let a name stand for a descriptor, whose whole graph must be in the store."""
        check_tag(name)
        with self._lock:
            require_complete(self, descriptor)
            self._index = rebind(self._index, name, descriptor, replace=replace)

    def untag(self, name: str) -> None:
        """Forget a name, if it is known."""
        check_tag(name)
        with self._lock:
            self._index = self._index.unbind(name)

    def resolve(self, name: str) -> Descriptor | None:
        """Return what a name stands for."""
        return self._index.resolve(name)

    def tags(self) -> dict[str, Descriptor]:
        """Return every name and what it stands for, sorted; not the referrers' tags."""
        return self._index.tags()

    def referrers(self, subject: Digest) -> list[Descriptor]:
        """Return the manifests that refer to ``subject``, oldest first."""
        found = self.resolve(referrers_tag(subject))
        if found is None:
            return []
        listed = Index.parse(self.read(found.digest), where=str(found.digest))
        return [descriptor for _, descriptor in listed.named()]

    def add_referrer(self, subject: Digest, *descriptors: Descriptor) -> None:
        """Record that manifests, already stored, refer to ``subject``."""
        for each in descriptors:
            require_refers(manifests(self), subject, each)
        with self._lock:
            known = self.referrers(subject)
            listed = joined(known, descriptors)
            if len(listed) == len(known):
                return
            stored = self.put_bytes(Index.of(listed).to_bytes())
            top = Descriptor(IMAGE_INDEX, stored.digest, stored.size)
            require_complete(self, top)
            self._index = self._index.bind(referrers_tag(subject), top)

    def _content(self, digest: Digest) -> bytes:
        content = self._blobs.get(digest)
        if content is None:
            raise not_found(digest, str(digest))
        return content


class _MemoryIncoming:
    def __init__(self, blobs: dict[Digest, bytes], store: MemoryStore) -> None:
        self._blobs = blobs
        self._store = store
        self._staged: dict[Digest, bytes] = {}

    def has(self, stored: Stored) -> bool:
        return self._store.size(stored.digest) == stored.size

    def add(self, stream: Reader, expected: Stored) -> None:
        content = b"".join(_parts(stream, expected.size + 1))
        found = Digest.of(content)
        if len(content) != expected.size or found != expected.digest:
            raise stream_mismatch(expected, found, len(content))
        self._staged[expected.digest] = content

    def put_bytes(self, content: bytes) -> Stored:
        stored = Stored(Digest.of(content), len(content))
        self._staged[stored.digest] = content
        return stored

    def read(self, digest: Digest) -> bytes:
        staged = self._staged.get(digest)
        if staged is None:
            return manifests(self._store)(digest)
        if len(staged) > MAX_MANIFEST_BYTES:
            raise too_large(MAX_MANIFEST_BYTES, str(digest))
        return staged

    def commit(self, only: Collection[Digest] | None = None) -> None:
        chosen = {digest for digest in self._staged if only is None or digest in only}
        self._blobs.update({digest: self._staged.pop(digest) for digest in chosen})


def _parts(stream: Reader, most: int) -> Iterator[bytes]:
    while most and (part := stream.read(min(READ_CHUNK, most))):
        most -= len(part)
        yield part


def _content_of(path: Path, progress: Progress | None) -> bytes:
    with explained(path), opened_source(path) as source:
        with open(source.fd, "rb", closefd=False) as file:
            content = file.read()
        if len(content) != source.size:
            raise file_changed(path)
    if progress is not None:
        progress(len(content))
    return content
