"""The folder of blobs: looking, reading, verifying, relying on what is there."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ketch.errors import DigestMismatch, Finding, KetchError, NotFound, PackageError
from ketch.files import explained
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.store.base import MAX_READ_BYTES, Progress, not_found, too_large, unique
from ketch.store.batches import batches
from ketch.store.copying import Meter, hash_file
from ketch.store.layout import Layout
from ketch.store.locks import locked

_HEX = frozenset("0123456789abcdef")


class BlobFolder:
    """Blobs as files. Only regular files count; links are never followed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob; ``None`` when there is no regular file of that name."""
        path = self._layout.blob(digest)
        with explained(path):
            try:
                seen = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return seen.st_size if stat.S_ISREG(seen.st_mode) else None

    def digests(self) -> Iterator[Digest]:
        """Yield what is there, in no order."""
        for entry in self._entries():
            yield Digest(entry.name)

    def by_size(self, least: int) -> dict[int, list[Path]]:
        """Return the blobs of at least ``least`` bytes, by their size."""
        found: dict[int, list[Path]] = {}
        for entry in self._entries():
            size = entry.stat(follow_symlinks=False).st_size
            if size >= least:
                found.setdefault(size, []).append(Path(entry.path))
        return found

    def path(self, digest: Digest) -> Path:
        """Return where a blob can be read in place."""
        if self.size(digest) is None:
            raise not_found(digest, str(self._layout.blob(digest)))
        return self._layout.blob(digest)

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob for reading."""
        path = self._layout.blob(digest)
        with explained(path):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                raise not_found(digest, str(path)) from None
            except OSError:
                if path.is_symlink():
                    raise _not_a_blob(path) from None
                raise
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                raise _not_a_blob(path)
            return os.fdopen(fd, "rb")

    def read(self, digest: Digest, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return the content of a blob, hashed on the way."""
        with self.open(digest) as blob, explained(self._layout.blob(digest)):
            content = blob.read(max_bytes + 1)
        where = str(self._layout.blob(digest))
        if len(content) > max_bytes:
            raise too_large(max_bytes, where)
        if (found := Digest.of(content)) != digest:
            raise _damaged(digest, found, where)
        return content

    def verify(self, digest: Digest, meter: Meter) -> None:
        """Hash a blob again."""
        with self.open(digest) as blob, explained(self._layout.blob(digest)):
            size = os.fstat(blob.fileno()).st_size
            found = hash_file(blob.fileno(), size, meter)
        if found != digest:
            raise _damaged(digest, found, str(self._layout.blob(digest)))

    def verify_all(
        self, digests: Sequence[Digest], *, workers: int, progress: Progress | None = None
    ) -> None:
        """Hash blobs again, in parallel, and report every one that is wrong."""
        meter = Meter(progress)
        sizes = {digest: self.size(digest) or 0 for digest in unique(digests)}
        with ThreadPoolExecutor(max_workers=workers) as pool:
            found = pool.map(lambda batch: self.errors(batch, meter), batches(sizes))
            raise_all([error for errors in found for error in errors.values()])

    def errors(self, digests: Sequence[Digest], meter: Meter) -> dict[Digest, KetchError]:
        """Hash some blobs again; return what is wrong with those that are."""
        found: dict[Digest, KetchError] = {}
        for digest in digests:
            try:
                self.verify(digest, meter)
            except KetchError as error:
                found[digest] = error
        return found

    def claim(self, stored: Stored, holds: Callable[[Path], bool] | None = None) -> bool:
        """Return whether a blob is there to be relied on; if so, it stays for a while.

        Its change time is renewed under the shared lock, so that a garbage collection
        beside us, which deletes old blobs under the exclusive lock, lets it stand.

        Args:
            stored: The blob, and the size it must have: a blob of another size is as good
                as none, and the caller stores it again.
            holds: Looks into the file before it is believed.
        """
        path = self._layout.blob(stored.digest)
        with explained(path):
            if self.size(stored.digest) != stored.size:
                return False
            with locked(self._layout.lock, exclusive=False):
                if self.size(stored.digest) != stored.size or (holds and not holds(path)):
                    return False
                # The same mode again: the change time is all that changes, also when the
                # blob is a hard link to a user's file.
                path.chmod(stat.S_IMODE(path.lstat().st_mode))
        return True

    def claim_content(self, stored: Stored, content: bytes | memoryview) -> bool:
        """Return whether a blob with this very content is there; if so, it stays."""
        return self.claim(stored, holds=lambda blob: blob.read_bytes() == content)

    def delete(self, digest: Digest) -> None:
        """Remove a blob, if it is there."""
        path = self._layout.blob(digest)
        with explained(path), self.exclusive():
            path.unlink(missing_ok=True)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the store's lock, if there is a store."""
        if not self._layout.lock.exists():
            yield
            return
        with locked(self._layout.lock, exclusive=True):
            yield

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        with explained(self._layout.blobs):
            try:
                folder = os.scandir(self._layout.blobs)
            except FileNotFoundError:
                return
            with folder:
                for entry in folder:
                    if is_hex_name(entry.name) and entry.is_file(follow_symlinks=False):
                        yield entry


def is_hex_name(name: str) -> bool:
    """Whether a file's name is that of a blob."""
    return len(name) == 64 and _HEX.issuperset(name)


def raise_all(errors: Sequence[KetchError]) -> None:
    """Raise the first error, with a finding for every one.

    The disk comes first, for what it hides is unknown; then damage; then what is missing.
    """
    if not errors:
        return
    findings = [Finding(error.code, error.message, error.where, error.hint) for error in errors]

    def urgency(error: KetchError) -> int:
        return {NotFound: 2, DigestMismatch: 1}.get(type(error), 0)

    first = min(errors, key=urgency)
    raise type(first)(
        first.message, code=first.code, where=first.where, hint=first.hint, findings=findings
    ) from first


def _damaged(digest: Digest, found: Digest, where: str) -> DigestMismatch:
    return DigestMismatch(
        f"expected `{digest}`, found `{found}`",
        where=where,
        hint="the blob is damaged; run `ketch fsck --repair`, then pull or pack it again",
    )


def _not_a_blob(path: Path) -> PackageError:
    return PackageError(
        "expected a regular file, found a link, a folder or a device",
        code="store/not-a-blob",
        where=str(path),
        hint="somebody changed the store by hand; run `ketch fsck`",
    )
