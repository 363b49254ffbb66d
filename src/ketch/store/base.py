"""The port of a store: bytes by digest, tags that name some of them, referrers.

A store promises: content never changes under its digest; a blob is there whole or not at
all, whatever is killed and whenever the power goes; a tag never names a package of which a
part is missing. :class:`~ketch.store.local.LocalStore` and
:class:`~ketch.store.memory.MemoryStore` keep it, and ``ketch.testing.check_store``
tells whether another one does.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from ketch.errors import NotFound, PackageError
from ketch.package.blobs import BlobSink, BlobSource, Stored
from ketch.package.digest import Digest
from ketch.package.oci import Descriptor

MAX_READ_BYTES = 256 * 1024 * 1024
"""The largest blob that :meth:`Store.read` takes into memory; larger ones are opened."""

Progress = Callable[[int], None]
"""Called with the number of bytes done since the last call; never by two threads at once."""


class Reader(Protocol):
    """Anything that bytes can be read from, to its end."""

    def read(self, count: int, /) -> bytes:
        """Return at most ``count`` bytes; none at the end."""
        ...


class Incoming(Protocol):
    """Blobs on their way into a store; nobody sees them before :meth:`commit`."""

    def has(self, stored: Stored) -> bool:
        """Whether the store holds a blob already; if so, it stays for a while."""
        ...

    def add(self, stream: Reader, expected: Stored) -> None:
        """Take one blob from a stream, which is read to ``expected.size`` and one byte on.

        May be called from several threads at once.

        Raises:
            DigestMismatch: The stream holds something else, less, or more.
        """
        ...

    def put_bytes(self, content: bytes) -> Stored:
        """Take some bytes."""
        ...

    def read(self, digest: Digest) -> bytes:
        """Return a manifest that was added, or that the store had before.

        Raises:
            NotFound, DigestMismatch: There is no such blob, or it is damaged.
            PackageError: It is larger than any manifest may be.
        """
        ...

    def commit(self, only: Collection[Digest] | None = None) -> None:
        """Show the blobs to everybody: all, or those named in ``only``."""
        ...


class Store(BlobSource, BlobSink, Protocol):
    """Bytes by digest; tags; referrers."""

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when it is not there."""
        ...

    def digests(self) -> Iterator[Digest]:
        """Yield what the store holds, in no order."""
        ...

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob for reading; nothing is hashed.

        Raises:
            NotFound: There is no such blob.
        """
        ...

    def read(self, digest: Digest, *, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return the content of a blob, hashed on the way.

        Raises:
            NotFound: There is no such blob.
            DigestMismatch: The blob is damaged.
            PackageError: It is larger than ``max_bytes``.
        """
        ...

    def path(self, digest: Digest) -> Path:
        """Return where a blob can be read in place, after :meth:`verify_all`.

        Raises:
            NotFound: There is no such blob.
        """
        ...

    def verify_all(self, digests: Sequence[Digest], *, progress: Progress | None = None) -> None:
        """Hash blobs again, in parallel.

        Raises:
            NotFound, DigestMismatch: At least one is missing or damaged; every one of
                them is in the error's findings.
        """
        ...

    def delete(self, digest: Digest) -> None:
        """Remove a blob, if it is there, whoever refers to it."""
        ...

    def put_bytes(self, content: bytes) -> Stored:
        """Store some bytes."""
        ...

    def put_files(
        self, paths: Sequence[Path], *, link: bool = False, progress: Progress | None = None
    ) -> Mapping[Path, Stored]:
        """Store files, all or none, each hashed while it is copied.

        Args:
            paths: Regular files; links are refused.
            link: Hard-link instead of copying, where the filesystem allows. The file then
                *is* the blob: a program that later writes into it, rather than replacing
                it, damages the package (verification finds that out).
            progress: Told how many bytes were done.

        Raises:
            NotFound: A file is missing.
            UsageError: Something is not a regular file.
            Unavailable: A file changed while it was read, or the disk refused.
        """
        ...

    def incoming(self) -> AbstractContextManager[Incoming]:
        """Return a place for blobs that shall all become visible at once."""
        ...

    def tag(self, name: str, descriptor: Descriptor, *, replace: bool = False) -> None:
        """Let a name stand for a descriptor, whose whole graph must be in the store.

        Raises:
            NotFound: A part is missing; the findings say which.
            Refused: The name stands for other content and ``replace`` is false.
            UsageError: The name breaks the grammar of OCI reference names.
        """
        ...

    def untag(self, name: str) -> None:
        """Forget a name, if it is known; the content stays until :func:`~ketch.store.gc`."""
        ...

    def resolve(self, name: str) -> Descriptor | None:
        """Return what a name stands for."""
        ...

    def tags(self) -> dict[str, Descriptor]:
        """Return every name and what it stands for, sorted; not the referrers' tags."""
        ...

    def referrers(self, subject: Digest) -> list[Descriptor]:
        """Return the manifests that refer to ``subject``, oldest first."""
        ...

    def add_referrer(self, subject: Digest, *descriptors: Descriptor) -> None:
        """Record that manifests, already stored, refer to ``subject``."""
        ...


def put_stream(store: Store, stream: Reader, expected: Stored) -> None:
    """Store one blob from a stream.

    Raises:
        DigestMismatch: The stream holds something else; the store is unchanged.
    """
    with store.incoming() as incoming:
        incoming.add(stream, expected)
        incoming.commit()


def not_found(digest: Digest, where: str) -> NotFound:
    """Return the error for a blob that is not there."""
    return NotFound(
        f"expected blob `{digest}`, found nothing",
        code="store/no-blob",
        where=where,
        hint="pull or pack the package again; `ketch fsck` lists everything that is missing",
    )


def too_large(max_bytes: int, where: str) -> PackageError:
    """Return the error for a blob that is not read at once."""
    return PackageError(
        f"expected at most {max_bytes} bytes, found more", code="store/blob-too-large", where=where
    )


def unique(digests: Iterable[Digest]) -> list[Digest]:
    """Return the digests, each once, in the order in which they first came."""
    return list(dict.fromkeys(digests))
