"""What hangs together: a manifest, what it points to, and what refers to it."""

from collections.abc import Callable, Iterator

from ketch.errors import Finding, ManifestError, NotFound
from ketch.package.digest import Digest
from ketch.package.oci import (
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MAX_MANIFEST_BYTES,
    Descriptor,
    parse_manifest,
)
from ketch.schema.parse import parse_json
from ketch.store.base import Store
from ketch.store.index import Index

MAX_DEPTH = 4
"""Indexes may point to indexes; nobody needs more levels, and a loop would have no end."""

MAX_BLOBS = 100_000
"""The most blobs one graph may have."""

Read = Callable[[Digest], bytes]


def children(descriptor: Descriptor, read: Read) -> tuple[Descriptor, ...]:
    """Return what a blob points to: nothing, unless it is a manifest or an index.

    A manifest's ``subject`` is not among them: it may well be elsewhere.

    Raises:
        ManifestError, UsageError: It claims to be a manifest and is none.
    """
    where = str(descriptor.digest)
    if descriptor.media_type not in {IMAGE_MANIFEST, IMAGE_INDEX}:
        return ()
    if descriptor.size > MAX_MANIFEST_BYTES:
        raise ManifestError(
            f"expected a manifest of at most {MAX_MANIFEST_BYTES} bytes, found {descriptor.size}",
            where=where,
        )
    content = read(descriptor.digest)
    if descriptor.media_type == IMAGE_MANIFEST:
        return parse_manifest(content, where=where).blobs()
    body = parse_json(content, max_bytes=MAX_MANIFEST_BYTES, where=where)
    return tuple(child for _, child in Index.from_json(body, where=where).named())


def walk(root: Descriptor, read: Read) -> Iterator[Descriptor]:
    """Yield a whole graph, everything before what points to it.

    A blob comes once for each media type it is said to have.

    Raises:
        ManifestError, UsageError: A manifest is malformed, or there is no end to them.
        NotFound, DigestMismatch: ``read`` could not give one.
    """
    yield from _walk(root, read, {}, MAX_DEPTH)


def _walk(
    descriptor: Descriptor, read: Read, seen: dict[tuple[Digest, str], int], depth: int
) -> Iterator[Descriptor]:
    if depth == 0 or len(seen) > MAX_BLOBS:
        raise ManifestError(
            f"expected at most {MAX_DEPTH} levels and {MAX_BLOBS} blobs, found more",
            where=str(descriptor.digest),
        )
    for child in children(descriptor, read):
        size = seen.get((child.digest, child.media_type))
        if size is None:
            seen[child.digest, child.media_type] = child.size
            yield from _walk(child, read, seen, depth - 1)
        elif size != child.size:
            raise ManifestError(
                f"expected one size of `{child.digest}`, found {size} and {child.size}",
                where=str(descriptor.digest),
            )
    yield descriptor


def require_complete(store: Store, root: Descriptor) -> None:
    """Refuse a graph of which a part is not in the store, or has another size.

    Raises:
        NotFound: ``store/incomplete``, with a finding for each part.
        ManifestError, DigestMismatch: A manifest in it can not be trusted.
    """
    findings: list[Finding] = []

    def check(descriptor: Descriptor) -> bool:
        size = store.size(descriptor.digest)
        if size != descriptor.size:
            found = "nothing" if size is None else f"{size} bytes"
            message = f"expected {descriptor.size} bytes of `{descriptor.digest}`, found {found}"
            findings.append(Finding("store/no-blob", message, where=str(root.digest)))
        return size == descriptor.size

    if check(root):
        for descriptor in walk(root, store.read):
            if descriptor != root:
                check(descriptor)
    if findings:
        raise NotFound(
            findings[0].message,
            code="store/incomplete",
            where=str(root.digest),
            hint="store every part first; `ketch fsck` lists what is missing",
            findings=findings,
        )


def require_refers(read: Read, subject: Digest, descriptor: Descriptor) -> None:
    """Refuse a manifest whose ``subject`` is not the one it is said to refer to.

    Raises:
        ManifestError: ``store/not-a-referrer``.
        NotFound, DigestMismatch: The manifest is not there, or damaged.
    """
    where = str(descriptor.digest)
    manifest = parse_manifest(read(descriptor.digest), where=where)
    if manifest.subject is None or manifest.subject.digest != subject:
        found = manifest.subject.digest if manifest.subject else "no subject"
        raise ManifestError(
            f"expected a manifest with subject `{subject}`, found `{found}`",
            code="store/not-a-referrer",
            where=f"{where}: subject",
        )
