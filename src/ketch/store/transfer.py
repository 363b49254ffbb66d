"""Copy a package, with all that hangs on it, from one store to another."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_MANIFEST, Descriptor
from ketch.store.base import Incoming, Progress, Store
from ketch.store.graph import manifests, require_complete, walk

_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did.

    Attributes:
        blobs: How many blobs the target lacked.
        size_bytes: Their size.
        referrers: How many manifests refer to the copied ones.
    """

    blobs: int
    size_bytes: int
    referrers: int


def copy_graph(
    source: Store,
    target: Store,
    root: Descriptor,
    *,
    referrers: bool = True,
    progress: Progress | None = None,
) -> Copied:
    """Copy a manifest and everything it needs; every blob is hashed on the way.

    The blobs become visible all at once, and only when every one was right. No tag is
    made: who owns the target decides about names.

    Args:
        source: Where the graph is.
        target: Where it goes; what it holds already is not copied.
        root: The manifest.
        referrers: Whether to take along what refers to it: attestations, signatures.
        progress: Told how many bytes were copied.

    Raises:
        NotFound: The source lacks a part.
        DigestMismatch: A part of the source is damaged.
        ManifestError, UsageError: A manifest can not be read.
    """
    links = list(referrer_links(source, root)) if referrers else []
    roots = [root, *(referrer for _, referrer in links)]
    wanted = {each.digest: each for each in walk(roots, manifests(source))}
    with target.incoming() as incoming:
        lacking = [
            each for each in wanted.values() if not incoming.has(Stored(each.digest, each.size))
        ]
        _copy_all(source, incoming, lacking, progress)
        incoming.commit()
    require_complete(target, *roots)
    for subject in dict.fromkeys(subject for subject, _ in links):
        target.add_referrer(subject, *(each for of, each in links if of == subject))
    return Copied(len(lacking), sum(each.size for each in lacking), len(links))


def referrer_links(store: Store, root: Descriptor) -> Iterator[tuple[Digest, Descriptor]]:
    """Yield what refers to a manifest, and what refers to that, as (subject, referrer)."""
    pending, seen = [root.digest], {root.digest}
    while pending:
        subject = pending.pop()
        for referrer in store.referrers(subject):
            yield subject, referrer
            if referrer.digest not in seen and referrer.media_type == IMAGE_MANIFEST:
                seen.add(referrer.digest)
                pending.append(referrer.digest)


def _copy_all(
    source: Store, incoming: Incoming, lacking: list[Descriptor], progress: Progress | None
) -> None:
    def copy(descriptor: Descriptor) -> int:
        with source.open(descriptor.digest) as stream:
            incoming.add(stream, Stored(descriptor.digest, descriptor.size))
        return descriptor.size

    largest_first = sorted(lacking, key=lambda each: -each.size)
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        for size in pool.map(copy, largest_first):
            if progress is not None:
                progress(size)
