"""The few calls that only a protocol can know; :mod:`ketch.remote.store` derives the rest.

A protocol says how large a blob is, gives out its bytes from a position on, takes a blob,
and lets names and referrers stand for manifests.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager

from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import Descriptor
from ketch.remote.outgoing import Outgoing
from ketch.store.base import Progress, Reader


class RemotePort(ABC):
    """What speaks one protocol.

    Attributes:
        where: What a person calls it.
        lists_every_blob: Whether :meth:`digests` yields also what no tag leads to.
    """

    lists_every_blob = True

    def __init__(self, where: str) -> None:
        self.where = where
        self._lock = threading.RLock()

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

    def _at(self, digest: Digest) -> str:
        return f"{self.where}@{digest}"
