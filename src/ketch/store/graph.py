"""What hangs together: a manifest, what it points to, and what refers to it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from ketch.errors import Finding, ManifestError, NotFound
from ketch.package.digest import Digest
from ketch.package.oci import (
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MAX_MANIFEST_BYTES,
    Descriptor,
    parse_manifest,
)
from ketch.package.paths import printable
from ketch.schema.parse import parse_json
from ketch.store.base import Store
from ketch.store.index import Index

MAX_DEPTH = 4
"""Indexes may point to indexes; nobody needs more levels, and a loop would have no end."""

MAX_BLOBS = 100_000
"""The most blobs one graph may have."""

Read = Callable[[Digest], bytes]
"""Returns a manifest or an index; who gives it out refuses a larger blob unread."""


def manifests(store: Store) -> Read:
    """Return what reads the manifests of a store, and nothing that is larger."""
    return partial(store.read, max_bytes=MAX_MANIFEST_BYTES)


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


def require_manifest(descriptor: Descriptor) -> None:
    """Refuse what points to something else than a manifest: what hangs on it is unknown.

    Raises:
        ManifestError: ``store/not-a-manifest``.
    """
    if descriptor.media_type not in {IMAGE_MANIFEST, IMAGE_INDEX}:
        raise ManifestError(
            f"expected an image manifest or an index, found `{printable(descriptor.media_type)}`",
            code="store/not-a-manifest",
            where=str(descriptor.digest),
        )


def walk(roots: Iterable[Descriptor], read: Read) -> Iterator[Descriptor]:
    """Yield whole graphs, everything before what points to it.

    A blob comes once for each media type it is said to have, also when several roots lead
    to it: however often a stranger's index names a manifest, it is read once.

    Raises:
        ManifestError, UsageError: A root is no manifest, or one is malformed, or there is
            no end to them.
        NotFound, DigestMismatch: ``read`` could not give one.
    """
    listed = list(roots)
    for root in listed:
        require_manifest(root)
    yield from _walk(listed, read, {}, MAX_DEPTH, where="index.json")


def _walk(
    descriptors: Iterable[Descriptor],
    read: Read,
    seen: dict[tuple[Digest, str], int],
    depth: int,
    where: str,
) -> Iterator[Descriptor]:
    for each in descriptors:
        size = seen.get((each.digest, each.media_type))
        if size is None:
            seen[each.digest, each.media_type] = each.size
            if depth == 0 or len(seen) > MAX_BLOBS:
                raise ManifestError(
                    f"expected at most {MAX_DEPTH} levels and {MAX_BLOBS} blobs, found more",
                    where=str(each.digest),
                )
            yield from _walk(children(each, read), read, seen, depth - 1, str(each.digest))
            yield each
        elif size != each.size:
            raise ManifestError(
                f"expected one size of `{each.digest}`, found {size} and {each.size}", where=where
            )


def require_complete(store: Store, *roots: Descriptor) -> None:
    """Refuse graphs of which a part is not in the store, or has another size.

    Raises:
        NotFound: ``store/incomplete``, with a finding for each part.
        ManifestError, DigestMismatch: A manifest in it can not be trusted.
    """
    findings = list(_lacking(store, roots)) or list(_lacking(store, walk(roots, manifests(store))))
    if findings:
        raise NotFound(
            findings[0].message,
            code="store/incomplete",
            where=str(roots[0].digest),
            hint="store every part first; `ketch fsck` lists what is missing",
            findings=findings,
        )


def _lacking(store: Store, parts: Iterable[Descriptor]) -> Iterator[Finding]:
    for each in parts:
        size = store.size(each.digest)
        if size != each.size:
            found = "nothing" if size is None else f"{size} bytes"
            message = f"expected {each.size} bytes of `{each.digest}`, found {found}"
            yield Finding("store/no-blob", message, where=str(each.digest))


def referrers_in(listed: Descriptor, subject: Digest, read: Read) -> tuple[Descriptor, ...]:
    """Return the manifests that an index of a subject's referrers lists, each once.

    They are described by what they say themselves, whatever the list says of them.

    Raises:
        ManifestError, UsageError: It is no index, or lists what refers to something else.
        NotFound, DigestMismatch: It, or one of them, is not there, or damaged.
    """
    where = str(listed.digest)
    body = parse_json(read(listed.digest), max_bytes=MAX_MANIFEST_BYTES, where=where)
    once = {each.digest: each for _, each in Index.from_json(body, where=where).named()}
    return tuple(require_refers(read, subject, each) for each in once.values())


def require_refers(read: Read, subject: Digest, descriptor: Descriptor) -> Descriptor:
    """Refuse a manifest whose ``subject`` is not the one it is said to refer to.

    Returns:
        The descriptor, with the annotations and the type of the manifest itself.

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
    artifact_type = manifest.artifact_type or manifest.config.media_type
    return replace(descriptor, annotations=manifest.annotations, artifact_type=artifact_type)
