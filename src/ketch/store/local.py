"""A store in a folder: an OCI image layout that skopeo, oras and modctl read too.

What is promised, and how:

- *A blob is whole or absent.* It is written elsewhere, its size compared with what was
  hashed, synced, and only then renamed to its digest.
- *A tag never names what is not there.* ``index.json`` is replaced whole, under a lock,
  after every blob and the folder of blobs are durable; and :meth:`LocalStore.tag` looks
  for every part first.
- *Nothing dies under a writer.* A blob that is relied on is renewed under the same lock
  that garbage collection holds (:mod:`ketch.store.gc`).
- *Reading creates nothing.* A store that was never written to is an empty store.

Damage by others, such as a failing disk, is found by hashing: :meth:`LocalStore.verify_all`
before bytes are used, :func:`ketch.store.fsck` for all of them.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from ketch.files import explained, write_whole
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, Descriptor
from ketch.store.base import MAX_READ_BYTES, Incoming, Progress
from ketch.store.blobs import BlobFolder
from ketch.store.filecache import RACY_NS
from ketch.store.graph import manifests, require_complete, require_refers
from ketch.store.index import Index, check_tag, joined, rebind, referrers_tag
from ketch.store.intake import take_files
from ketch.store.layout import Layout
from ketch.store.locks import locked
from ketch.store.staging import Staging


class LocalStore:
    """A store in a folder of this machine; see :class:`~ketch.store.base.Store`.

    Args:
        root: The folder; created, mode 0700, by the first write.
        workers: How many files are read at once; as many as there are processors.
    """

    def __init__(self, root: Path, *, workers: int | None = None) -> None:
        self.layout = Layout(root.absolute())
        self.blobs = BlobFolder(self.layout)
        self._workers = workers or os.cpu_count() or 1
        self._seen: tuple[tuple[int, int, int], Index] | None = None

    @property
    def root(self) -> Path:
        """The folder of the OCI image layout."""
        return self.layout.root

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when it is not there."""
        return self.blobs.size(digest)

    def digests(self) -> Iterator[Digest]:
        """Yield what the store holds, in no order."""
        return self.blobs.digests()

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob for reading; nothing is hashed."""
        return self.blobs.open(digest)

    def read(self, digest: Digest, *, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return the content of a blob, hashed on the way."""
        return self.blobs.read(digest, max_bytes)

    def path(self, digest: Digest) -> Path:
        """Return where a blob can be read in place, after :meth:`verify_all`."""
        return self.blobs.path(digest)

    def verify_all(self, digests: Sequence[Digest], *, progress: Progress | None = None) -> None:
        """Hash blobs again, in parallel; every one that is wrong is in the error's findings."""
        self.blobs.verify_all(digests, workers=self._workers, progress=progress)

    def delete(self, digest: Digest) -> None:
        """Remove a blob, if it is there, whoever refers to it."""
        self.blobs.delete(digest)

    def put_bytes(self, content: bytes) -> Stored:
        """Store some bytes."""
        with Staging(self.layout) as staging:
            stored = staging.put_bytes(content)
            staging.commit()
        return stored

    def put_files(
        self, paths: Sequence[Path], *, link: bool = False, progress: Progress | None = None
    ) -> Mapping[Path, Stored]:
        """Store files, all or none, each hashed while it is copied."""
        return take_files(self.layout, paths, link=link, workers=self._workers, progress=progress)

    def incoming(self) -> AbstractContextManager[Incoming]:
        """Return a place for blobs that shall all become visible at once."""
        return Staging(self.layout)

    def tag(self, name: str, descriptor: Descriptor, *, replace: bool = False) -> None:
        """Let a name stand for a descriptor, whose whole graph must be in the store."""
        check_tag(name)

        def change(index: Index) -> Index:
            require_complete(self, descriptor)
            return rebind(index, name, descriptor, replace=replace)

        self.update(change)

    def untag(self, name: str) -> None:
        """Forget a name, if it is known."""
        check_tag(name)
        self.update(lambda index: index.unbind(name))

    def resolve(self, name: str) -> Descriptor | None:
        """Return what a name stands for."""
        return self.index().resolve(name)

    def tags(self) -> dict[str, Descriptor]:
        """Return every name and what it stands for, sorted; not the referrers' tags."""
        return self.index().tags()

    def referrers(self, subject: Digest) -> list[Descriptor]:
        """Return the manifests that refer to ``subject``, oldest first."""
        found = self.resolve(referrers_tag(subject))
        if found is None:
            return []
        content = self.read(found.digest)
        listed = Index.parse(content, where=str(self.layout.blob(found.digest)))
        return [descriptor for _, descriptor in listed.named()]

    def add_referrer(self, subject: Digest, *descriptors: Descriptor) -> None:
        """Record that manifests, already stored, refer to ``subject``."""
        for each in descriptors:
            require_refers(manifests(self), subject, each)
        tag, is_done = referrers_tag(subject), False
        while not is_done:
            before = self.resolve(tag)
            known = self.referrers(subject)
            listed = joined(known, descriptors)
            if len(listed) == len(known):
                return
            stored = self.put_bytes(Index.of(listed).to_bytes())
            is_done = self._swap(tag, before, Descriptor(IMAGE_INDEX, stored.digest, stored.size))

    def index(self) -> Index:
        """Return the tags as they are now; an empty index when nothing was ever stored."""
        with explained(self.layout.index):
            try:
                now = self.layout.index.lstat()
            except FileNotFoundError:
                return Index()
            key = (now.st_ino, now.st_size, now.st_mtime_ns)
            if self._seen is None or self._seen[0] != key:
                index = self._read_index()
                # A younger file may change again within the grain of its clock.
                is_settled = time.time_ns() - now.st_mtime_ns > RACY_NS
                self._seen = (key, index) if is_settled else None
                return index
            return self._seen[1]

    def update(self, change: Callable[[Index], Index]) -> None:
        """Change the tags under the lock; what ``change`` raises leaves them as they are."""
        self.layout.create()
        with explained(self.layout.index), locked(self.layout.lock, exclusive=True):
            before = self._read_index()
            after = change(before)
            if after is not before:
                write_whole(self.layout.index, after.to_bytes())

    def _read_index(self) -> Index:
        path = self.layout.index
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return Index()
        with os.fdopen(fd, "rb") as file:
            return Index.parse(file.read(), where=str(path))

    def _swap(self, tag: str, before: Descriptor | None, after: Descriptor) -> bool:
        """Point a tag elsewhere unless somebody else did; return whether it was done."""
        swapped = False

        def change(index: Index) -> Index:
            nonlocal swapped
            swapped = index.resolve(tag) == before
            if swapped:
                require_complete(self, after)
            return index.bind(tag, after) if swapped else index

        self.update(change)
        return swapped
