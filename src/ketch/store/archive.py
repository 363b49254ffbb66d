"""A package as one file: an OCI image layout in a plain tar, for places without a network.

Writing is deterministic: names sorted, no times, no owners; the same package gives the
same file everywhere. skopeo knows the same form as ``oci-archive:``. Reading is in
:mod:`ketch.store.archive_reader`.
"""

import io
import os
import tarfile
from pathlib import Path
from typing import BinaryIO

from ketch.errors import DigestMismatch
from ketch.files import whole_file
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, Descriptor
from ketch.store import durable
from ketch.store.base import Progress, Reader, Store
from ketch.store.copying import READ_CHUNK, Hashing
from ketch.store.graph import manifests, walk
from ketch.store.index import Index, referrers_tag
from ketch.store.layout import OCI_LAYOUT
from ketch.store.tarstream import BLOCK
from ketch.store.transfer import referrer_links

_BLOBS = "blobs/sha256/"


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
    with whole_file(path) as archive:
        fd = archive.fileno()
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
    tops = [root, *(referrer for _, referrer in links)]
    contents.update({_BLOBS + each.digest.hex: each for each in walk(tops, manifests(store))})
    return {**contents, "index.json": index.to_bytes(), "oci-layout": OCI_LAYOUT}


def _write_blob(fd: int, member: str, blob: BinaryIO, descriptor: Descriptor) -> None:
    hashing = Hashing(blob)
    _write_member(fd, member, hashing, descriptor.size)
    if blob.read(1) or hashing.digest() != descriptor.digest:
        raise DigestMismatch(
            f"expected `{descriptor.digest}`, found other content",
            where=member,
            hint="the blob is damaged; run `ketch fsck --repair`, then pull or pack it again",
        )


def _write_member(fd: int, name: str, content: Reader, size: int) -> None:
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
