"""Blobs on their way to a remote, gathered on this machine until they are sent together."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ketch.files import explained
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import MAX_MANIFEST_BYTES
from ketch.remote.outgoing import Outgoing
from ketch.store.base import Reader, too_large
from ketch.store.copying import copy_stream

if TYPE_CHECKING:
    from ketch.remote.store import RemoteStore


class Spool:
    """A folder of files for a remote; see :class:`~ketch.store.base.Incoming`."""

    def __init__(self, remote: RemoteStore) -> None:
        self._remote = remote
        self._staged: dict[Digest, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._made = tempfile.TemporaryDirectory(prefix="ketch-spool-", ignore_cleanup_errors=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._made.cleanup()

    def has(self, stored: Stored) -> bool:
        """Whether the remote holds a blob already."""
        return self._remote.has(stored)

    def add(self, stream: Reader, expected: Stored) -> None:
        """Take one blob from a stream."""
        with (
            explained(Path(self._made.name)),
            tempfile.NamedTemporaryFile(dir=self._made.name, delete=False) as file,
        ):
            copy_stream(stream, file.fileno(), expected)
            Path(file.name).rename(self._path(expected.digest))
        with self._lock:
            self._staged[expected.digest] = expected.size

    def put_bytes(self, content: bytes) -> Stored:
        """Take some bytes."""
        stored = Stored(Digest.of(content), len(content))
        self.add(io.BytesIO(content), stored)
        return stored

    def read(self, digest: Digest) -> bytes:
        """Return a manifest that was added, or that the remote had before."""
        size = self._staged.get(digest)
        if size is None:
            return self._remote.read(digest, max_bytes=MAX_MANIFEST_BYTES)
        if size > MAX_MANIFEST_BYTES:
            raise too_large(MAX_MANIFEST_BYTES, str(digest))
        with explained(self._path(digest)):
            return self._path(digest).read_bytes()

    def commit(self, only: Collection[Digest] | None = None) -> None:
        """Send the blobs: all, or those named in ``only``."""
        chosen = [digest for digest in self._staged if only is None or digest in only]
        for digest in chosen:
            stored = Stored(digest, self._staged[digest])
            if not self.has(stored):
                self._remote.send(Outgoing.of_file(stored, self._path(digest)))
            del self._staged[digest]

    def _path(self, digest: Digest) -> Path:
        return Path(self._made.name) / digest.hex
