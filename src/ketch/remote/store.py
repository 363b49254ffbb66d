"""What every remote store is: a :class:`~ketch.store.base.Store` over few calls.

A protocol says how large a blob is, gives out its bytes from a position on, and takes a
blob. All the rest follows here, and with it the promise that nothing received is believed:
:meth:`RemoteStore.read` and :meth:`RemoteStore.path` hash what they return. Of the port's
promises a remote cannot keep all; what is missing stands with each.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ketch.errors import KetchError, Refused
from ketch.files import explained
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Descriptor
from ketch.remote.spool import Spool
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
from ketch.store.copying import READ_CHUNK, Meter, copy_stream, hash_file, stream_mismatch
from ketch.store.graph import manifests, require_complete, require_refers, walk
from ketch.store.sources import opened_source

WORKERS = 4
"""How many blobs travel at once."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A blob on its way to a remote.

    Attributes:
        stored: Its digest and size.
        open: Opens its content, as often as it is asked; it can be sought in.
    """

    stored: Stored
    open: Callable[[], BinaryIO]


class RemoteStore(ABC):
    """A store elsewhere; see :class:`~ketch.store.base.Store`.

    Attributes:
        where: What a person calls it.
        lists_every_blob: Whether :meth:`digests` yields also what no tag leads to.
    """

    lists_every_blob = True

    def __init__(self, where: str) -> None:
        self.where = where
        self._lock = threading.RLock()
        self._folder: Path | None = None

    @abstractmethod
    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when it is not there."""

    def has(self, stored: Stored) -> bool:
        """Whether a blob of this size is there."""
        return self.size(stored.digest) == stored.size

    @abstractmethod
    def fetch(self, digest: Digest, position: int = 0) -> AbstractContextManager[Reader]:
        """Open a blob for reading from a position on; nothing is hashed.

        Raises:
            NotFound: There is no such blob.
            Unavailable: Also while it is read: the rest did not come.
        """

    @abstractmethod
    def send(self, outgoing: Outgoing, *, progress: Progress | None = None) -> None:
        """Take a blob, and go on where an earlier attempt stopped.

        Raises:
            DigestMismatch: The content is not what its digest says; nothing is kept.
        """

    @abstractmethod
    def put_manifest(self, content: bytes, media_type: str) -> None:
        """Store a manifest whose parts are there."""

    @abstractmethod
    def put_referrer(self, subject: Digest, descriptor: Descriptor, content: bytes) -> None:
        """Store a manifest that refers to ``subject``, and see that it is listed there."""

    @abstractmethod
    def name(
        self, name: str, descriptor: Descriptor, content: bytes, *, replace: bool = False
    ) -> None:
        """Let a name stand for a manifest whose graph the caller saw to.

        Raises:
            Refused: ``store/tag-taken``.
        """

    @abstractmethod
    def digests(self) -> Iterator[Digest]:
        """Yield what the store holds, in no order."""

    @abstractmethod
    def delete(self, digest: Digest) -> None:
        """Remove a blob, if it is there, whoever refers to it."""

    @abstractmethod
    def untag(self, name: str) -> None:
        """Forget a name, if it is known."""

    @abstractmethod
    def resolve(self, name: str) -> Descriptor | None:
        """Return what a name stands for."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return every name, sorted; not the referrers' tags."""

    @abstractmethod
    def referrers(self, subject: Digest) -> list[Descriptor]:
        """Return the manifests that refer to ``subject``, oldest first."""

    @abstractmethod
    def check_name(self, name: str) -> None:
        """Refuse what is no name here.

        Raises:
            UsageError: ``store/tag-syntax``.
        """

    def pause(self, tried: int) -> None:
        """Wait before something is tried again that failed so often, from 1."""
        time.sleep(min(0.25 * 2 ** (tried - 1), 10.0))

    def tag(self, name: str, descriptor: Descriptor, *, replace: bool = False) -> None:
        """Let a name stand for a descriptor, whose whole graph must be in the store."""
        self.check_name(name)
        require_complete(self, descriptor)
        self.require_free(name, descriptor, replace=replace)
        read = manifests(self)
        for each in walk([descriptor], read):
            if each.media_type in {IMAGE_MANIFEST, IMAGE_INDEX}:
                self.put_manifest(read(each.digest), each.media_type)
        self.name(name, descriptor, read(descriptor.digest), replace=replace)

    def add_referrer(self, subject: Digest, *descriptors: Descriptor) -> None:
        """Record that manifests, already stored, refer to ``subject``."""
        read = manifests(self)
        for each in descriptors:
            require_refers(read, subject, each)
        require_complete(self, *descriptors)
        for each in descriptors:
            self.put_referrer(subject, each, read(each.digest))

    def tags(self) -> dict[str, Descriptor]:
        """Return every name and what it stands for, sorted; not the referrers' tags."""
        names = self.names()
        with ThreadPoolExecutor(WORKERS) as pool:
            found = zip(names, pool.map(self.resolve, names), strict=True)
            return {name: top for name, top in found if top is not None}

    def require_free(self, name: str, descriptor: Descriptor, *, replace: bool = False) -> None:
        """Refuse a name that stands for other content, unless it may be replaced.

        Raises:
            Refused: ``store/tag-taken``.
        """
        current = self.resolve(name)
        if current is not None and current.digest != descriptor.digest and not replace:
            raise Refused(
                f"expected `{name}` to stand for `{descriptor.digest}`, found `{current.digest}`",
                code="store/tag-taken",
                where=self.where,
                hint="a version never changes meaning: give the new content a new version",
            )

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob for reading; nothing is hashed."""
        return io.BufferedReader(_Raw(self.fetch(digest)), READ_CHUNK)

    def read(self, digest: Digest, *, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return the content of a blob, hashed on the way."""
        parts, size = [], 0
        with self.fetch(digest) as stream:
            while part := stream.read(READ_CHUNK):
                parts.append(part)
                size += len(part)
                if size > max_bytes:
                    raise too_large(max_bytes, self._at(digest))
        content = b"".join(parts)
        found = Digest.of(content)
        if found != digest:
            raise stream_mismatch(Stored(digest, size), found, size)
        return content

    def manifest(self, digest: Digest) -> bytes:
        """Return a manifest, hashed on the way."""
        return self.read(digest, max_bytes=MAX_MANIFEST_BYTES)

    def path(self, digest: Digest) -> Path:
        """Return a file with the content of a blob, fetched on demand and verified."""
        path = self._kept() / digest.hex
        if not path.exists():
            size = self.size(digest)
            if size is None:
                raise not_found(digest, self._at(digest))
            with (
                explained(path),
                self.fetch(digest) as stream,
                tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file,
            ):
                copy_stream(stream, file.fileno(), Stored(digest, size))
                Path(file.name).rename(path)
        return path

    def verify_all(self, digests: Sequence[Digest], *, progress: Progress | None = None) -> None:
        """Fetch and hash blobs, in parallel."""
        meter = Meter(progress)

        def error_in(digest: Digest) -> KetchError | None:
            try:
                self._verify(digest, meter)
            except KetchError as error:
                return error
            return None

        with ThreadPoolExecutor(WORKERS) as pool:
            found = pool.map(error_in, unique(digests))
            raise_all([error for error in found if error is not None])

    def put_bytes(self, content: bytes) -> Stored:
        """Store some bytes."""
        stored = Stored(Digest.of(content), len(content))
        if not self.has(stored):
            self.send(Outgoing(stored, lambda: io.BytesIO(content)))
        return stored

    def put_files(
        self,
        paths: Sequence[Path],
        *,
        link: bool = False,  # noqa: ARG002 - there is nothing to link to
        progress: Progress | None = None,
    ) -> Mapping[Path, Stored]:
        """Store files: all, or none of them was right."""
        found = {path: _hashed(path) for path in dict.fromkeys(paths)}
        for path, stored in found.items():
            if not self.has(stored):
                self.send(Outgoing(stored, opener(path)))
            if progress is not None:
                progress(stored.size)
        return found

    def incoming(self) -> AbstractContextManager[Incoming]:
        """Return a place for blobs that shall all become visible at once.

        They gather on this machine and are sent by the commit; a remote that is read
        meanwhile shows the first before the last.
        """
        return Spool(self)

    def _verify(self, digest: Digest, meter: Meter) -> None:
        sha, size = hashlib.sha256(), 0
        with self.fetch(digest) as stream:
            while part := stream.read(READ_CHUNK):
                sha.update(part)
                size += len(part)
                meter.done(len(part))
        if sha.hexdigest() != digest.hex:
            raise stream_mismatch(Stored(digest, size), Digest(sha.hexdigest()), size)

    def _kept(self) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="ketch-remote-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            return self._folder

    def _at(self, digest: Digest) -> str:
        return f"{self.where}@{digest}"


class _Raw(io.RawIOBase):
    """A stream that is fetched, as a file."""

    def __init__(self, fetching: AbstractContextManager[Reader]) -> None:
        self._fetching = fetching
        self._stream = fetching.__enter__()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        part = self._stream.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        if not self.closed:
            self._fetching.__exit__(None, None, None)
        super().close()


def _hashed(path: Path) -> Stored:
    with explained(path), opened_source(path) as source:
        return Stored(hash_file(source.fd, source.size, Meter()), source.size)


def opener(path: Path) -> Callable[[], BinaryIO]:
    """Return what opens a file, again and again."""
    return lambda: path.open("rb")
