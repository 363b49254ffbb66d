"""Bring a store into a state in which everything works again, once somebody asks for it.

Nothing is made up and nothing is lost for good: what cannot be trusted is set aside, tags
get the name that their content says, and the lists of referrers name those that are whole.
What is missing then is stored anew by the next ``pack`` or ``pull``.
"""

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ketch.errors import ManifestError
from ketch.files import explained, sync_folder, write_whole
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, Descriptor
from ketch.store.correct import WRONG, corrected, lost_tags
from ketch.store.fsck import Report
from ketch.store.graph import manifests, require_complete, require_refers
from ketch.store.index import Entry, Index, ref_name, subject_of
from ketch.store.layout import OCI_LAYOUT
from ketch.store.local import LocalStore
from ketch.store.recall import found_referrers, found_tags


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did.

    Attributes:
        set_aside: Where what was damaged lies now.
        tags: Tags that were renamed, dropped, or made to lead to what is there.
    """

    set_aside: tuple[Path, ...] = ()
    tags: tuple[str, ...] = ()


def repair(store: LocalStore, report: Report) -> Repaired:
    """Set aside what a report found damaged, and correct the tags.

    Raises:
        Unavailable: The disk refused.
    """
    layout = store.layout
    if not layout.lock.exists():
        return Repaired()  # nothing was ever stored
    aside = [quarantine(store, digest) for digest in report.damaged]
    write_whole(layout.oci_layout, OCI_LAYOUT)
    try:
        before = store.index()
    except ManifestError:
        aside.append(_set_aside(store, layout.index))
        before, lost = Index(), found_tags(store)
    else:
        lost = lost_tags(before, store)
    store.update(lambda index: corrected(index, lost, store))
    for tag, top in list(store.index().named()):
        subject = subject_of(tag or "")
        if tag is not None and subject is not None:
            _mend(store, tag, subject, top)
    old, new = _entries(before), _entries(store.index())
    changed = sorted(tag for tag in {*old, *new} if old.get(tag) != new.get(tag))
    return Repaired(tuple(path for path in aside if path is not None), tuple(changed))


def quarantine(store: LocalStore, digest: Digest) -> Path | None:
    """Set a blob aside, so that it is missing rather than wrong.

    Returns:
        Where it lies now; ``None`` when there was none.

    Raises:
        Unavailable: The disk refused.
    """
    return _set_aside(store, store.layout.blob(digest))


def _set_aside(store: LocalStore, path: Path) -> Path | None:
    folder = store.layout.quarantine
    with explained(path), store.blobs.exclusive():
        if not os.path.lexists(path):
            return None
        folder.mkdir(mode=0o700, exist_ok=True)
        places = (folder / f"{path.name}.{number}" for number in count())
        aside = next(place for place in places if not os.path.lexists(place))
        path.rename(aside)
        sync_folder(folder)
        sync_folder(path.parent)
        return aside


def _mend(store: LocalStore, tag: str, subject: Digest, top: Descriptor) -> None:
    """Let a list of referrers name those that are whole; without any, forget the list."""
    try:
        listed = Index.parse(store.read(top.digest), where=str(top.digest))
        known = [referrer for _, referrer in listed.named()]
    except WRONG:
        listed, known = None, found_referrers(store).get(subject, [])
    kept = [each for each in known if _refers(store, subject, each)]
    if listed is not None and len(kept) == len(known):
        return
    stored = store.put_bytes(Index.of(kept).to_bytes())
    mended = Descriptor(IMAGE_INDEX, stored.digest, stored.size)

    def change(index: Index) -> Index:
        if index.resolve(tag) != top:
            return index  # somebody else was quicker
        return index.bind(tag, mended) if kept else index.unbind(tag)

    store.update(change)


def _refers(store: LocalStore, subject: Digest, descriptor: Descriptor) -> bool:
    try:
        require_refers(manifests(store), subject, descriptor)
        require_complete(store, descriptor)
    except WRONG:
        return False
    return True


def _entries(index: Index) -> dict[str, Entry]:
    return {name: entry for entry in index.entries if (name := ref_name(entry)) is not None}
