"""Read a package from one file that nobody vouches for.

:mod:`ketch.store.tarstream` admits regular files only, this module admits only the names
of an OCI image layout, every blob is hashed against its name, and nothing becomes visible
in the store until everything that the index leads to was checked.
"""

import itertools
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from ketch.errors import ManifestError, NotFound, PackageError, UsageError
from ketch.files import explained
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import Descriptor
from ketch.schema.parse import parse_json
from ketch.store.base import Incoming, Store
from ketch.store.blobs import is_hex_name
from ketch.store.copying import READ_CHUNK, Hashing, stream_mismatch
from ketch.store.graph import MAX_BLOBS, referrers_in, require_complete, walk
from ketch.store.index import Index, referrers_tag, subject_of
from ketch.store.layout import check_layout_file
from ketch.store.naming import proper_tag
from ketch.store.tarstream import Body, Member, members, refused, truncated

_MAX_INDEX_BYTES = 4 * 1024 * 1024
_MAX_ENTRIES = 256  # an archive carries a package or some, and what refers to them
_BLOBS = "blobs/sha256/"
_COPY_AGAIN = "the archive is damaged, or was not copied to its end: copy or write it again"
_FOLDERS = frozenset({"", ".", "blobs", "blobs/sha256"})


@dataclass(frozen=True, slots=True)
class Imported:
    """What an archive held.

    Attributes:
        roots: The packages, each with the name it gives itself; what is no package has
            the name that the archive gives it, if any.
        referrers: How many manifests refer to them.
        size_bytes: The size of all blobs.
    """

    roots: tuple[tuple[str | None, Descriptor], ...]
    referrers: int
    size_bytes: int


def read_archive(path: Path, store: Store, *, max_bytes: int | None = None) -> Imported:
    """Read an archive into a store, and record its referrers there. No tag is made.

    Args:
        path: A plain tar, written by ketch, skopeo or another tool.
        store: Where the blobs go; what it holds already is not stored again.
        max_bytes: The most that all blobs together may have; by default the file's size
            is limit enough, since nothing in it is compressed.

    Raises:
        NotFound: There is no such file.
        PackageError: ``archive/*``: it breaks the rules.
        DigestMismatch: A blob is not what its name says.
        ManifestError, UsageError: Its index or a manifest can not be read.
    """
    with _told_of(path), _opened(path) as (stream, size), store.incoming() as incoming:
        taking = _Taking(incoming, size, max_bytes)
        for member, body in members(stream):
            taking.take(member, body)
        contents = _Contents.of(taking.index(str(path)), incoming)
        contents.require_whole(taking.sizes, store, str(path))
        incoming.commit(only={each.digest for each in contents.blobs})
    require_complete(store, *(root for _, root in contents.roots))
    for subject, referrers in contents.referrers.items():
        store.add_referrer(subject, *referrers)
    count = sum(len(referrers) for referrers in contents.referrers.values())
    size_bytes = sum({each.digest: each.size for each in contents.blobs}.values())
    return Imported(contents.roots, count, size_bytes)


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Have what is wrong begin with the archive's path, and say what to do about it."""
    try:
        yield
    except (PackageError, UsageError, NotFound) as problem:
        where = problem.where or str(path)
        problem.where = where if where.startswith(str(path)) else f"{path}: {where}"
        problem.hint = problem.hint or _COPY_AGAIN
        raise


@dataclass(frozen=True, slots=True)
class _Contents:
    """What an archive's index leads to."""

    roots: tuple[tuple[str | None, Descriptor], ...]
    referrers: Mapping[Digest, tuple[Descriptor, ...]]
    blobs: tuple[Descriptor, ...]

    @classmethod
    def of(cls, index: Index, incoming: Incoming) -> Self:
        named = list(index.named())
        _check_names([name for name, _ in named])
        listed = {subject_of(name): top for name, top in named if name}
        roots = tuple(
            (proper_tag(top, incoming.read) or name, top)
            for name, top in named
            if not (name and subject_of(name))
        )
        referrers = {
            subject: referrers_in(top, subject, incoming.read)
            for subject, top in listed.items()
            if subject is not None
        }
        tops = [*(top for _, top in roots), *itertools.chain(*referrers.values())]
        blobs = tuple(walk(tops, incoming.read))
        digests = {each.digest for each in blobs}
        for subject in referrers:
            if subject not in digests:
                raise refused(
                    f"expected the subject `{subject}` of a referrer, found none",
                    "foreign-referrer",
                    where=f"index.json: {referrers_tag(subject)}",
                )
        return cls(roots, referrers, blobs)

    def require_whole(self, sizes: Mapping[Digest, int], store: Store, where: str) -> None:
        """Refuse an archive that lacks a blob, or has it in another size than it is said."""
        for each in self.blobs:
            size = sizes.get(each.digest, store.size(each.digest))
            if size is None:
                raise refused(
                    f"expected blob `{each.digest}`, found none",
                    "incomplete",
                    where=where,
                    hint=_COPY_AGAIN,
                )
            if size != each.size:
                raise ManifestError(
                    f"expected {each.size} bytes of `{each.digest}`, found {size}", where=where
                )


class _Taking:
    """What was read of an archive so far."""

    def __init__(self, incoming: Incoming, file_bytes: int, max_bytes: int | None) -> None:
        self.sizes: dict[Digest, int] = {}
        self._incoming = incoming
        self._file_bytes = file_bytes
        self._max_bytes = max_bytes
        self._total = 0
        self._documents: dict[str, bytes] = {}
        self._seen: set[str] = set()

    def take(self, member: Member, body: Body) -> None:
        name = member.name.removeprefix("./").removesuffix("/" if member.is_folder else "")
        if name in self._seen and not (member.is_folder and name in _FOLDERS):
            raise refused("expected each name once, found it twice", "duplicate", where=name)
        self._seen.add(name)
        if len(self._seen) > MAX_BLOBS:
            raise refused(f"expected at most {MAX_BLOBS} members, found more", "too-many")
        if member.is_folder:
            self._take_folder(name)
        elif name in {"oci-layout", "index.json"}:
            self._take_document(name, member, body)
        elif name.startswith(_BLOBS) and is_hex_name(name.removeprefix(_BLOBS)):
            self._take_blob(Digest(name.removeprefix(_BLOBS)), member, body)
        else:
            raise _foreign(name)

    def index(self, where: str) -> Index:
        """Return the archive's index, once all of it was read."""
        for name in ("oci-layout", "index.json"):
            if name not in self._documents:
                raise refused(f"expected `{name}`, found none", "not-a-layout", where=where)
        check_layout_file(self._documents["oci-layout"], f"{where}: oci-layout")
        body = parse_json(self._documents["index.json"], where=f"{where}: index.json")
        return Index.from_json(body, where=f"{where}: index.json")

    def _take_folder(self, name: str) -> None:
        if name not in _FOLDERS:
            raise _foreign(name)

    def _take_document(self, name: str, member: Member, body: Body) -> None:
        if member.size > _MAX_INDEX_BYTES:
            raise refused(
                f"expected at most {_MAX_INDEX_BYTES} bytes, found {member.size}",
                "too-large",
                where=name,
            )
        self._documents[name] = body.read()

    def _take_blob(self, digest: Digest, member: Member, body: Body) -> None:
        self.sizes[digest] = member.size
        self._total += member.size
        if self._total > self._file_bytes:  # before the store makes room for so much
            raise truncated()
        if self._max_bytes is not None and self._total > self._max_bytes:
            raise refused(
                f"expected at most {self._max_bytes} bytes of blobs, found more",
                "too-large",
                where=member.name,
            )
        expected = Stored(digest, member.size)
        if self._incoming.has(expected):
            _require_content(body, expected)
        else:
            self._incoming.add(body, expected)


def _require_content(body: Body, expected: Stored) -> None:
    """Hash what is not stored because it is there already."""
    hashing = Hashing(body)
    while hashing.read(READ_CHUNK):
        pass
    if hashing.digest() != expected.digest:
        raise stream_mismatch(expected, hashing.digest(), expected.size)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    with explained(path):
        try:
            # Without O_NONBLOCK, opening a pipe waits for somebody to write into it.
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except FileNotFoundError as error:
            raise NotFound(
                "expected an archive, found nothing", code="archive/no-file", where=str(path)
            ) from error
        with file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode):
                raise refused("expected a regular file", "not-a-file", where=str(path))
            yield file, seen.st_size


def _check_names(names: Sequence[str | None]) -> None:
    if len(names) > _MAX_ENTRIES:
        raise refused(
            f"expected at most {_MAX_ENTRIES} entries, found {len(names)}",
            "too-many",
            where="index.json",
        )
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise refused("expected each name once, found it twice", "duplicate", where=name)
        seen.update([name] if name else [])


def _foreign(name: str) -> PackageError:
    return refused(
        "expected the names of an OCI image layout only, found another",
        "name",
        where=name[:200],
        hint="`oci-layout`, `index.json` and `blobs/sha256/<64 hex digits>`",
    )
