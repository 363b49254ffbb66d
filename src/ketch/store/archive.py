"""A package as one file: an OCI image layout in a plain tar, for places without a network.

Writing is deterministic: names sorted, no times, no owners; the same package gives the
same file everywhere. Reading trusts nothing: :mod:`ketch.store.tarstream` admits regular
files only, this module admits only the names of a layout, every blob is hashed against
its name, and nothing becomes visible in the store until the whole graph was checked.
skopeo reads and writes the same form as ``oci-archive:``.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from ketch.errors import DigestMismatch, ManifestError, NotFound
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, Descriptor
from ketch.schema.parse import parse_json
from ketch.store import durable
from ketch.store.base import Incoming, Progress, Store
from ketch.store.blobs import is_hex_name
from ketch.store.copying import READ_CHUNK
from ketch.store.failures import explained
from ketch.store.graph import MAX_BLOBS, require_complete, require_refers, walk
from ketch.store.index import Index, referrers_tag, subject_of
from ketch.store.layout import OCI_LAYOUT
from ketch.store.tarstream import BLOCK, Body, Member, members, refused
from ketch.store.transfer import referrer_links

_MAX_INDEX_BYTES = 4 * 1024 * 1024
_BLOBS = "blobs/sha256/"
_FOLDERS = frozenset({"", ".", "blobs", "blobs/sha256"})


@dataclass(frozen=True, slots=True)
class Imported:
    """What an archive held.

    Attributes:
        roots: The packages, each with the name the archive gives it, if any.
        referrers: How many manifests refer to them.
        size_bytes: The size of all blobs.
    """

    roots: tuple[tuple[str | None, Descriptor], ...]
    referrers: int
    size_bytes: int


def write_archive(
    store: Store,
    root: Descriptor,
    path: Path,
    *,
    name: str | None = None,
    referrers: bool = True,
    progress: Progress | None = None,
) -> None:
    """Write a package into one file, which appears whole or not at all.

    Args:
        store: Where the package is.
        root: Its manifest.
        path: The file; one that is there is replaced.
        name: What the archive calls the package, such as ``recommender:1.0.0``.
        referrers: Whether to take along what refers to it: attestations, signatures.
        progress: Told how many bytes were written.

    Raises:
        NotFound, DigestMismatch: A part is missing or damaged.
        Unavailable: The disk refused.
    """
    contents = _contents(store, root, name, referrers=referrers)
    with explained(path), _replacing(path) as fd:
        for member in sorted(contents):
            content = contents[member]
            if isinstance(content, bytes):
                _write_member(fd, member, io.BytesIO(content), len(content))
            else:
                with store.open(content.digest) as blob:
                    _write_blob(fd, member, blob, content)
                if progress is not None:
                    progress(content.size)
        end = os.lseek(fd, 0, os.SEEK_CUR) + 2 * BLOCK
        durable.write_all(fd, bytes(2 * BLOCK + -end % tarfile.RECORDSIZE))


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
    where = str(path)
    with _opened(path) as (stream, size), store.incoming() as incoming:
        taking = _Taking(incoming, size if max_bytes is None else min(size, max_bytes))
        for member, body in members(stream):
            taking.take(member, body)
        index = taking.index(where)
        named = list(index.named())
        listed = {each for top in named for each in _graph(incoming, top[1])}
        links = [link for tag, top in named for link in _links(incoming, tag, top)]
        for _, referrer in links:
            listed.update(_graph(incoming, referrer))
        _require_known(listed, taking.sizes, store, where)
        incoming.commit(only={each.digest for each in listed})
    roots = tuple(top for top in named if top[0] is None or subject_of(top[0]) is None)
    for _, root in roots:
        require_complete(store, root)
    for subject, referrer in links:
        store.add_referrer(subject, referrer)
    return Imported(roots, len(links), sum(taking.sizes.values()))


class _Taking:
    """What was read of an archive so far."""

    def __init__(self, incoming: Incoming, max_bytes: int) -> None:
        self.sizes: dict[Digest, int] = {}
        self._incoming = incoming
        self._max_bytes = max_bytes
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
        layout = parse_json(self._documents["oci-layout"], where=f"{where}: oci-layout")
        if not isinstance(layout, dict) or layout.get("imageLayoutVersion") != "1.0.0":
            raise refused(
                "expected `imageLayoutVersion` 1.0.0, found another",
                "not-a-layout",
                where=f"{where}: oci-layout",
            )
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
        if sum(self.sizes.values()) > self._max_bytes:
            raise refused(
                f"expected at most {self._max_bytes} bytes of blobs, found more",
                "too-large",
                where=member.name,
            )
        # A body reads like a file, and that is all that is asked of it.
        self._incoming.add(cast("BinaryIO", body), Stored(digest, member.size))


def _contents(
    store: Store, root: Descriptor, name: str | None, *, referrers: bool
) -> dict[str, bytes | Descriptor]:
    """Return the members of an archive by name: documents as bytes, blobs by descriptor."""
    links = sorted(
        referrer_links(store, root) if referrers else (), key=lambda link: str(link[1].digest)
    )
    index = Index().bind(name, root) if name else Index.of([root])
    contents: dict[str, bytes | Descriptor] = {}
    for subject in sorted({subject for subject, _ in links}):
        # Made anew: in the store, the order tells which referrer came first.
        listed = Index.of(each for of, each in links if of == subject).to_bytes()
        digest = Digest.of(listed)
        contents[_BLOBS + digest.hex] = listed
        index = index.bind(referrers_tag(subject), Descriptor(IMAGE_INDEX, digest, len(listed)))
    for top in (root, *(referrer for _, referrer in links)):
        contents.update({_BLOBS + each.digest.hex: each for each in walk(top, store.read)})
    return {**contents, "index.json": index.to_bytes(), "oci-layout": OCI_LAYOUT}


@contextmanager
def _replacing(path: Path) -> Iterator[int]:
    """Yield a new file that takes the place of ``path`` when the block ends well."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            yield fd
            durable.sync_file(fd)
        finally:
            os.close(fd)
        temporary.rename(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    durable.sync_folder(path.absolute().parent)


def _write_blob(fd: int, member: str, blob: BinaryIO, descriptor: Descriptor) -> None:
    sha = hashlib.sha256()

    class Hashed(io.RawIOBase):
        def read(self, count: int = -1) -> bytes:
            content = blob.read(count)
            sha.update(content)
            return content

    _write_member(fd, member, cast("BinaryIO", Hashed()), descriptor.size)
    if blob.read(1) or sha.hexdigest() != descriptor.digest.hex:
        raise DigestMismatch(
            f"expected `{descriptor.digest}`, found other content",
            where=member,
            hint="the blob is damaged; run `ketch fsck --repair`, then pull or pack it again",
        )


def _write_member(fd: int, name: str, content: BinaryIO, size: int) -> None:
    header = tarfile.TarInfo(name)
    header.size = size
    header.mode = 0o644
    durable.write_all(fd, header.tobuf(tarfile.GNU_FORMAT))
    rest = size
    while rest and (part := content.read(min(READ_CHUNK, rest))):
        durable.write_all(fd, part)
        rest -= len(part)
    if rest:
        raise DigestMismatch(f"expected {size} bytes, found {size - rest}", where=name)
    durable.write_all(fd, bytes(-size % BLOCK))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    with explained(path):
        try:
            file = path.open("rb")
        except FileNotFoundError as error:
            raise NotFound(
                "expected an archive, found nothing", code="archive/no-file", where=str(path)
            ) from error
        with file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode):
                raise refused("expected a regular file", "not-a-file", where=str(path))
            yield file, seen.st_size


def _graph(incoming: Incoming, top: Descriptor) -> list[Descriptor]:
    return list(walk(top, incoming.read))


def _links(
    incoming: Incoming, tag: str | None, listed: Descriptor
) -> Iterator[tuple[Digest, Descriptor]]:
    """Yield the referrers that an index lists, if its tag says that it lists referrers."""
    subject = subject_of(tag) if tag else None
    if subject is None:
        return
    body = parse_json(incoming.read(listed.digest), where=str(listed.digest))
    for _, referrer in Index.from_json(body, where=str(listed.digest)).named():
        require_refers(incoming.read, subject, referrer)
        yield subject, referrer


def _require_known(
    listed: set[Descriptor], sizes: dict[Digest, int], store: Store, where: str
) -> None:
    """Refuse an archive that lacks a blob, or has it in another size than a manifest says."""
    for each in sorted(listed, key=lambda each: str(each.digest)):
        size = sizes.get(each.digest, store.size(each.digest))
        if size is None:
            raise refused(
                f"expected blob `{each.digest}`, found none",
                "incomplete",
                where=where,
                hint="the archive is not whole; write it again",
            )
        if size != each.size:
            raise ManifestError(
                f"expected {each.size} bytes of `{each.digest}`, found {size}", where=where
            )
