"""Copies a package between this machine and a remote: only what is missing, and whole.

In both directions the order is: blobs, several at a time; then manifests; and the name
last. Whatever is killed, nobody sees a package of which a part is missing, and the next
attempt goes on with what has arrived.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from ketch.errors import NotFound, PackageError, Unavailable, UsageError
from ketch.files import explained
from ketch.package.attestation import MAX_ATTESTATION_BYTES
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import (
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MAX_MANIFEST_BYTES,
    Descriptor,
    parse_manifest,
)
from ketch.progress import Progress
from ketch.remote.arrivals import Arrivals
from ketch.remote.outgoing import Outgoing
from ketch.remote.store import WORKERS, RemoteStore
from ketch.store import LocalStore
from ketch.store.copying import Cancelled, Meter
from ketch.store.graph import manifests, require_complete, require_refers, walk
from ketch.store.transfer import referrer_links

_MANIFESTS = frozenset({IMAGE_MANIFEST, IMAGE_INDEX})
_MOST_REFERRERS = 1000
_LARGEST_REFERRER = 4 * MAX_ATTESTATION_BYTES

_Each = TypeVar("_Each")
_Result = TypeVar("_Result")


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
    there = _all(blobs, remote.has)
    lacking = [stored for stored, is_there in zip(blobs, there, strict=True) if not is_there]
    total = sum(stored.size for stored in lacking)
    watcher.step("pushing", total_bytes=total)
    meter = Meter(watcher.advance)

    def send(stored: Stored) -> None:
        outgoing = Outgoing.of_file(stored, source.path(stored.digest))
        remote.send(outgoing, progress=meter.done)

    _all(_largest_first(lacking), send, meter)
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
    read = _Manifests(remote)
    links = list(_referrers(remote, root, read))
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
    _all(_largest_first(lacking), lambda one: arrivals.fetch(remote, one, meter), meter)
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


class _Manifests:
    """Reads manifests of a remote, each once."""

    def __init__(self, remote: RemoteStore) -> None:
        self._remote = remote
        self._known: dict[Digest, bytes] = {}

    def __call__(self, digest: Digest) -> bytes:
        content = self._known.get(digest)
        if content is None:
            content = self._remote.manifest(digest)
            self._known[digest] = content
        return content


def _referrers(
    remote: RemoteStore, root: Descriptor, read: _Manifests
) -> Iterator[tuple[Digest, Descriptor]]:
    """Yield what refers to a package, and what refers to that, as (subject, referrer).

    Anybody may have attached something. What is no manifest that refers to the package, is
    not there, or is larger than any statement, is left where it is.
    """
    pending, seen = [root.digest], {root.digest}
    while pending:
        subject = pending.pop(0)
        for listed in remote.referrers(subject):
            referrer = _statement(listed, subject, read)
            if referrer is None or referrer.digest in seen:
                continue
            if len(seen) > _MOST_REFERRERS:
                return
            seen.add(referrer.digest)
            pending.append(referrer.digest)
            yield subject, referrer


def _statement(listed: Descriptor, subject: Digest, read: _Manifests) -> Descriptor | None:
    if listed.media_type != IMAGE_MANIFEST or listed.size > MAX_MANIFEST_BYTES:
        return None
    try:
        referrer = require_refers(read, subject, listed)
        content = read(listed.digest)
        blobs = parse_manifest(content, where=str(listed.digest)).blobs()
    except (NotFound, PackageError, UsageError):
        return None
    is_small = sum(blob.size for blob in blobs) <= _LARGEST_REFERRER
    return referrer if is_small and len(content) == listed.size else None


def _all(
    items: Sequence[_Each], work: Callable[[_Each], _Result], meter: Meter | None = None
) -> list[_Result]:
    """Work on every item, several at a time; the first error, or Ctrl-C, stops the others."""
    with ThreadPoolExecutor(WORKERS) as pool:
        begun = [pool.submit(work, item) for item in items]
        try:
            wait(begun, return_when=FIRST_EXCEPTION)
        finally:
            if any(not each.done() or each.exception() for each in begun):
                for each in begun:
                    each.cancel()
                if meter is not None:
                    meter.stop()
    for each in begun:
        error = None if each.cancelled() else each.exception()
        if error is not None and not isinstance(error, Cancelled):
            raise error
    return [each.result() for each in begun]


def _unique(descriptors: Iterable[Descriptor]) -> list[Descriptor]:
    return list({each.digest: each for each in descriptors}.values())


def _is_manifest(descriptor: Descriptor) -> bool:
    return descriptor.media_type in _MANIFESTS


def _largest_first(blobs: Sequence[Stored]) -> list[Stored]:
    return sorted(blobs, key=lambda one: -one.size)
