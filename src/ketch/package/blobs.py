"""What a package needs of a store: somewhere to put bytes, somewhere to get them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ketch.package.digest import Digest


@dataclass(frozen=True, slots=True)
class Stored:
    """Content that a sink holds: its digest and its size in bytes."""

    digest: Digest
    size: int


class BlobSource(Protocol):
    """Where the bytes of a package come from."""

    def read(self, digest: Digest, *, max_bytes: int = ...) -> bytes:
        """Return content whose digest was checked on the way.

        Raises:
            NotFound: There is no such content.
            DigestMismatch: The content is not what its digest says.
            PackageError: There are more than ``max_bytes`` of it.
        """
        ...

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when it is not there."""
        ...

    def path(self, digest: Digest) -> Path:
        """Return the path of a blob, to be read in place after it was verified."""
        ...

    def verify_all(self, digests: Sequence[Digest]) -> None:
        """Hash blobs again, in parallel.

        Raises:
            NotFound: A blob is missing.
            DigestMismatch: A blob is not what its digest says.
        """
        ...


class BlobSink(Protocol):
    """Where the bytes of a package go."""

    def put_bytes(self, content: bytes) -> Stored:
        """Store some bytes."""
        ...
