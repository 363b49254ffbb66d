"""What every remote store is: a :class:`~ketch.store.base.Store` over few calls.

All follows from those of :class:`~ketch.remote.port.RemotePort`, and with it the promise
that nothing received is believed: :meth:`RemoteStore.read` and :meth:`RemoteStore.path`
hash what they return. Of the port's promises a remote cannot keep all; what is missing
stands with each.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from ketch.errors import KetchError, Refused
from ketch.files import explained
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Descriptor
from ketch.remote.outgoing import Outgoing
from ketch.remote.port import RemotePort
from ketch.remote.readers import Fetched
from ketch.remote.spool import Spool
from ketch.store.base import (
    MAX_READ_BYTES,
    Incoming,
    Progress,
    not_found,
    too_large,
    unique,
)
from ketch.store.blobs import raise_all
from ketch.store.copying import READ_CHUNK, Meter, copy_stream, hash_of_file, stream_mismatch
from ketch.store.graph import manifests, require_complete, require_refers, walk

WORKERS = 4
"""How many blobs travel at once."""


class RemoteStore(RemotePort):
    """A store elsewhere; see :class:`~ketch.store.base.Store`."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self._folder: Path | None = None

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
        return io.BufferedReader(Fetched(self.fetch(digest)), READ_CHUNK)

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
            self._fetch_to(path, digest)
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
        found = {path: hash_of_file(path) for path in dict.fromkeys(paths)}
        for path, stored in found.items():
            if not self.has(stored):
                self.send(Outgoing.of_file(stored, path))
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

    def _fetch_to(self, path: Path, digest: Digest) -> None:
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

    def _kept(self) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="ketch-remote-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            return self._folder
