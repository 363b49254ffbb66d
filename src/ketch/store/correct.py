"""The tags of a store, corrected by what the blobs say about themselves.

A flipped bit in ``index.json`` makes an entry unreadable, or false: another name, size,
type or digest. Content is hashed and cannot lie, so each of them can be told and mended.
"""

from dataclasses import replace

from ketch.errors import NotFound, PackageError, UsageError
from ketch.package.oci import IMAGE_INDEX, IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Descriptor
from ketch.schema.parse import parse_json
from ketch.store.base import Store
from ketch.store.graph import manifests
from ketch.store.index import Entry, Index, descriptor_of, ref_name, subject_of
from ketch.store.naming import proper_tag
from ketch.store.recall import found_referrers, found_tags

WRONG = (PackageError, NotFound, UsageError)
"""What content can be; a disk that fails is no reason to drop anything."""


def corrected(index: Index, lost: Index, store: Store) -> Index:
    """Return the index as it should be, with the lost tags that it still lacks."""
    index = _true(_named(_readable(index), store), store)
    for tag, top in lost.named():
        if tag is not None and index.resolve(tag) is None:
            index = index.bind(tag, top)
    return index


def lost_tags(index: Index, store: Store) -> Index:
    """Return the tags that an index must have had, when some entry of it is damaged."""
    whole = _readable(index)
    dangling = [(tag, top) for tag, top in whole.named() if store.size(top.digest) is None]
    if whole is index and not dangling:
        return Index()
    found, referred = found_tags(store), found_referrers(store)
    for tag, top in dangling:
        if tag is not None and top.digest in referred:  # the tag was right, the package is lost
            found = found.unbind(tag)
    return found


def _readable(index: Index) -> Index:
    """Return the index without the entries that can not be read."""
    kept = tuple(entry for entry in index.entries if _is_readable(entry))
    return index if len(kept) == len(index.entries) else Index(kept, index.others)


def _named(index: Index, store: Store) -> Index:
    """Return the index in which what is ours has the name that it gives itself."""
    for name, top in list(index.named()):
        try:
            proper = proper_tag(top, manifests(store))
        except WRONG:
            continue
        is_ours = name is None or ":" in name or (proper and subject_of(proper))
        if proper is not None and proper != name and is_ours:
            index = index.without(name, top)
            index = index if index.resolve(proper) else index.bind(proper, top)
    return index


def _true(index: Index, store: Store) -> Index:
    """Return the index with each tag once, which leads to what is there, as it is there."""
    for tag in _tags(index):
        top = index.resolve(tag)
        if top is None:
            continue
        true = _as_stored(top, store)
        if true is not None and (true != top or _count(index, tag) > 1):
            index = index.bind(tag, true)
        elif true is None and subject_of(tag) is None:
            index = index.unbind(tag)
    return index


def _as_stored(top: Descriptor, store: Store) -> Descriptor | None:
    """Return a descriptor with the size and the type of what is there; ``None`` for nothing."""
    if store.size(top.digest) is None:
        return None
    try:
        content = store.read(top.digest, max_bytes=MAX_MANIFEST_BYTES)
        body = parse_json(content)
    except WRONG:
        return top
    said = body.get("mediaType") if isinstance(body, dict) else None
    media_type = said if said in (IMAGE_MANIFEST, IMAGE_INDEX) else top.media_type
    return replace(top, size=len(content), media_type=media_type)


def _is_readable(entry: Entry) -> bool:
    try:
        descriptor_of(entry, where="index.json")
    except PackageError:
        return False
    return True


def _tags(index: Index) -> list[str]:
    return list(dict.fromkeys(name for entry in index.entries if (name := ref_name(entry))))


def _count(index: Index, tag: str) -> int:
    return sum(ref_name(entry) == tag for entry in index.entries)
