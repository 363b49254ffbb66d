"""Delete what no tag leads to, and what dead writers left behind.

Safe beside writers, by two means. It works under the store's exclusive lock, so no tag
appears while it decides. And it spares what is young: a blob that was stored, or relied
on, within the grace period (its change time tells), because the tag that will lead to it
may still be on its way. A writer that takes longer than that is refused its tag, told
what is missing, and runs again; a tag never leads to nothing.
"""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ketch.files import explained, sync_folder, write_whole
from ketch.package.digest import Digest
from ketch.store.blobs import is_hex_name
from ketch.store.graph import manifests, referrers_in, walk
from ketch.store.index import Index, subject_of
from ketch.store.layout import Layout
from ketch.store.local import LocalStore
from ketch.store.locks import abandoned

GRACE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Collected:
    """What was deleted, or would be.

    Attributes:
        blobs: Blobs that nothing led to.
        size_bytes: Their size.
        leftovers: Folders of writers that are no more.
        untagged: Tags of referrers whose subject is gone.
    """

    blobs: tuple[Digest, ...]
    size_bytes: int
    leftovers: tuple[Path, ...]
    untagged: tuple[str, ...]


def gc(
    store: LocalStore,
    *,
    grace_s: float = GRACE_S,
    dry_run: bool = False,
    now: Callable[[], float] = time.time,
) -> Collected:
    """Collect the garbage of a local store.

    Args:
        store: The store; others may use it meanwhile, unless ``grace_s`` is nearly zero.
        grace_s: How long to spare what nothing leads to, in seconds.
        dry_run: Only say what would be deleted.
        now: The clock, in seconds since 1970.

    Raises:
        NotFound, DigestMismatch, ManifestError: A tagged manifest can not be read. What
            hangs on it is unknown then, so nothing is deleted; ``ketch fsck`` tells more.
        Unavailable: The disk refused, or the store is busy.
    """
    layout = store.layout
    before = now() - grace_s
    with explained(layout.root), store.blobs.exclusive():
        index = store.index()
        old = {digest: size for digest, size, at in _blobs(layout) if at < before}
        live = _live(store, index, old)
        dead = {digest: size for digest, size in old.items() if digest not in live}
        lost = _lost_referrers(index, dead, store)
        leftovers = [path for path in abandoned(layout.temporary) if _changed(path) < before]
        if not dry_run:
            _drop_tags(layout, index, lost)
            _delete(layout, list(dead), leftovers)
    return Collected(tuple(sorted(dead)), sum(dead.values()), tuple(leftovers), tuple(lost))


def _live(store: LocalStore, index: Index, old: dict[Digest, int]) -> set[Digest]:
    """Return what the tags lead to.

    The tag of a subject's referrers leads somewhere only while the subject itself is
    alive or young; so the walk goes on until it finds no more subjects.
    """
    live: set[Digest] = set()
    read = manifests(store)
    tops = [(subject_of(name or ""), top) for name, top in index.named()]
    for _, top in [pair for pair in tops if pair[0] is None]:
        live.update(each.digest for each in walk([top], read))
    waiting = {subject: top for subject, top in tops if subject is not None}
    while ready := [subject for subject in waiting if _is_alive(subject, live, old, store)]:
        for subject in ready:
            live.update(each.digest for each in walk([waiting.pop(subject)], read))
    return live


def _is_alive(
    subject: Digest, live: set[Digest], old: dict[Digest, int], store: LocalStore
) -> bool:
    return subject in live or (subject not in old and store.size(subject) is not None)


def _lost_referrers(index: Index, dead: dict[Digest, int], store: LocalStore) -> list[str]:
    lost: list[str] = []
    for name, top in index.named():
        subject = subject_of(name or "")
        if name and subject and (subject in dead or store.size(subject) is None):
            referrers_in(top, subject, manifests(store))  # else the tag is wrong, not lost
            lost.append(name)
    return lost


def _drop_tags(layout: Layout, index: Index, names: list[str]) -> None:
    if not names:
        return
    for name in names:
        index = index.unbind(name)
    write_whole(layout.index, index.to_bytes())


def _delete(layout: Layout, dead: list[Digest], leftovers: list[Path]) -> None:
    for digest in dead:
        layout.blob(digest).unlink(missing_ok=True)
    if dead:
        sync_folder(layout.blobs)
    for path in leftovers:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _blobs(layout: Layout) -> Iterator[tuple[Digest, int, float]]:
    """Yield every blob with its size and the time at which it was last relied on."""
    if not layout.blobs.is_dir():
        return
    with os.scandir(layout.blobs) as folder:
        for entry in folder:
            seen = entry.stat(follow_symlinks=False)
            if is_hex_name(entry.name) and stat.S_ISREG(seen.st_mode):
                yield Digest(entry.name), seen.st_size, seen.st_ctime


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_ctime
    except FileNotFoundError:
        return float("inf")
