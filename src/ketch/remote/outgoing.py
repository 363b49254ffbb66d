"""Blobs on their way to a remote, as values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from ketch.errors import KetchError
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store.copying import READ_CHUNK, stream_mismatch

_PART_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A blob on its way to a remote.

    Attributes:
        stored: Its digest and size.
        open: Opens its content, as often as it is asked; it can be sought in.
    """

    stored: Stored
    open: Callable[[], BinaryIO]

    @classmethod
    def of_file(cls, stored: Stored, path: Path) -> Self:
        """Return a blob that lies in a file."""
        return cls(stored, lambda: path.open("rb"))

    def damage(self) -> KetchError | None:
        """Hash a blob again; return what is wrong with it, if anything is."""
        stored, sha, size = self.stored, hashlib.sha256(), 0
        with self.open() as file:
            while part := file.read(READ_CHUNK):
                sha.update(part)
                size += len(part)
        found = Digest(sha.hexdigest())
        if found == stored.digest:
            return None
        problem = stream_mismatch(stored, found, size)
        problem.hint = (
            "the blob is damaged here; run `ketch fsck --repair`, then pack or pull it again"
        )
        return problem


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
