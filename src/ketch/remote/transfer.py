"""Copies a package between this machine and a remote: only what is missing, and whole.

In both directions the order is: blobs, several at a time; then manifests; and the name
last. Whatever is killed, nobody sees a package of which a part is missing, and the next
attempt goes on with what has arrived.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from ketch.errors import Unavailable
from ketch.files import explained
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, IMAGE_MANIFEST, Descriptor
from ketch.progress import Progress
from ketch.remote.arrivals import Arrivals
from ketch.remote.outgoing import Outgoing
from ketch.remote.parallel import on_all
from ketch.remote.statements import statements
from ketch.remote.store import RemoteStore
from ketch.store import LocalStore
from ketch.store.copying import Meter
from ketch.store.graph import manifests, require_complete, walk
from ketch.store.transfer import referrer_links

_MANIFESTS = frozenset({IMAGE_MANIFEST, IMAGE_INDEX})


@dataclass(frozen=True, slots=True)
class Moved:
    """What a transfer did.

    Attributes:
        root: The package's manifest.
        blobs: How many blobs the other side lacked.
        size_bytes: Their size.
        referrers: How many manifests refer to the package: attestations, signatures.
    """

    root: Descriptor
    blobs: int
    size_bytes: int
    referrers: int


def push(
    source: LocalStore, root: Descriptor, remote: RemoteStore, tag: str | None, *, watcher: Progress
) -> Moved:
    """Send a package with what refers to it, and let a tag of the remote stand for it.

    Args:
        source: Where the package is.
        root: Its manifest.
        remote: Where it goes.
        tag: What it is called there; ``None`` when somebody else names it.
        watcher: Told what is done.

    Raises:
        Refused: ``store/tag-taken``: the tag stands for other content there.
        NotFound, DigestMismatch: A part is missing or damaged here.
        KetchError: The remote says no, or does not answer.
    """
    watcher.step(f"asking {remote.where}")
    if tag is not None:
        remote.require_free(tag, root)
    links = list(referrer_links(source, root))
    wanted = _unique(walk([root, *(link[1] for link in links)], manifests(source)))
    blobs = [Stored(each.digest, each.size) for each in wanted if not _is_manifest(each)]
    there = on_all(blobs, remote.has)
    lacking = [stored for stored, is_there in zip(blobs, there, strict=True) if not is_there]
    total = sum(stored.size for stored in lacking)
    watcher.step("pushing", total_bytes=total)
    meter = Meter(watcher.advance)

    def send(stored: Stored) -> None:
        outgoing = Outgoing.of_file(stored, source.path(stored.digest))
        remote.send(outgoing, progress=meter.done)

    on_all(_largest_first(lacking), send, meter)
    _publish(source, root, links, remote, tag)
    return Moved(root, len(lacking), total, len(links))


def pull(remote: RemoteStore, root: Descriptor, target: LocalStore, *, watcher: Progress) -> Moved:
    """Fetch a package with what refers to it; it has no name here yet.

    Args:
        remote: Where it is.
        root: Its manifest.
        target: Where it goes; what is there already is not fetched.
        watcher: Told what is done.

    Raises:
        DigestMismatch: The remote sent other bytes; nothing was kept.
        NotFound: The remote lacks a part.
        KetchError: The remote says no, or does not answer.
    """
    watcher.step(f"asking {remote.where}")
    read = cache(remote.manifest)  # each is read once
    links = list(statements(remote, root, read))
    wanted = _unique(walk([root, *(link[1] for link in links)], read))
    documents = [read(each.digest) for each in wanted if _is_manifest(each)]
    with target.incoming() as incoming:
        blobs = [Stored(each.digest, each.size) for each in wanted if not _is_manifest(each)]
        lacking = [stored for stored in blobs if not incoming.has(stored)]
    total = sum(stored.size for stored in lacking)
    require_room(target, total)
    watcher.step("pulling", total_bytes=total)
    meter = Meter(watcher.advance)
    arrivals = Arrivals(target, pause=remote.pause)
    on_all(_largest_first(lacking), lambda one: arrivals.fetch(remote, one, meter), meter)
    watcher.step("storing it")
    arrivals.commit(documents, blobs)
    require_complete(target, root, *(link[1] for link in links))
    for subject in dict.fromkeys(subject for subject, _ in links):
        target.add_referrer(subject, *(each for of, each in links if of == subject))
    return Moved(root, len(lacking), total, len(links))


def require_room(target: LocalStore, size_bytes: int) -> None:
    """Refuse to fetch more than the disk has room for.

    Raises:
        Unavailable: ``disk/full``.
    """
    with explained(target.root):
        target.layout.create()
        free = shutil.disk_usage(target.root).free
    if size_bytes > free:
        raise Unavailable(
            f"expected room for {size_bytes} bytes, found {free}",
            code="disk/full",
            where=str(target.root),
            hint="free some space, or run `ketch gc`; then run the same again",
        )


def _publish(
    source: LocalStore,
    root: Descriptor,
    links: Sequence[tuple[Digest, Descriptor]],
    remote: RemoteStore,
    tag: str | None,
) -> None:
    """Send the manifests: everything before what points to it, and the tag at the end."""
    read = manifests(source)
    for each in walk([root], read):
        if _is_manifest(each):
            remote.put_manifest(read(each.digest), each.media_type)
    for subject, referrer in links:
        remote.put_referrer(subject, referrer, read(referrer.digest))
    if tag is not None:
        remote.name(tag, root, read(root.digest))


def _unique(descriptors: Iterable[Descriptor]) -> list[Descriptor]:
    return list({each.digest: each for each in descriptors}.values())


def _is_manifest(descriptor: Descriptor) -> bool:
    return descriptor.media_type in _MANIFESTS


def _largest_first(blobs: Sequence[Stored]) -> list[Stored]:
    return sorted(blobs, key=lambda one: -one.size)
