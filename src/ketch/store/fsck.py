"""Look at everything in a local store, and say everything that is wrong with it.

Nothing is changed and nothing stops the look: a store whose ``index.json`` is unreadable
still has its blobs hashed. What cannot be trusted is set aside by :mod:`ketch.store.repair`,
when somebody asks for it; the next ``pack`` or ``pull`` then writes it anew.
"""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import Finding, KetchError, ManifestError
from ketch.package.digest import Digest
from ketch.package.oci import Descriptor
from ketch.package.paths import printable
from ketch.store.base import Progress
from ketch.store.batches import batches
from ketch.store.blobs import is_hex_name
from ketch.store.copying import Meter
from ketch.store.graph import children, manifests, require_manifest
from ketch.store.index import descriptor_of, ref_name, subject_of
from ketch.store.layout import check_layout_file
from ketch.store.local import LocalStore
from ketch.store.locks import abandoned
from ketch.store.naming import proper_tag

_REPAIR = "run `ketch fsck --repair` to set it aside, then pull or pack the package again"
_RENAME = "run `ketch fsck --repair` to give it that name"
_AGAIN = "pull or pack the package again"


@dataclass(frozen=True, slots=True)
class Report:
    """What a look at a store found.

    Attributes:
        findings: What is wrong (``blocks``), and what is merely left over.
        blobs: How many blobs were looked at.
        size_bytes: Their size.
        damaged: Blobs whose content is not what their name says.
    """

    findings: tuple[Finding, ...]
    blobs: int
    size_bytes: int
    damaged: tuple[Digest, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong; leftovers are not wrong."""
        return not any(finding.blocks for finding in self.findings)


def fsck(store: LocalStore, *, read_data: bool = True, progress: Progress | None = None) -> Report:
    """Look at a whole store.

    Args:
        store: The store; it may be in use meanwhile.
        read_data: Whether to hash every blob; otherwise only names, sizes and manifests
            are looked at.
        progress: Told how many bytes were hashed.
    """
    look = _Look(store)
    look.at_files()
    if read_data:
        look.at_content(Meter(progress))
    look.at_index()
    look.at_leftovers()
    return Report(
        findings=tuple(look.findings),
        blobs=len(look.sizes),
        size_bytes=sum(look.sizes.values()),
        damaged=tuple(look.damaged),
    )


class _Look:
    def __init__(self, store: LocalStore) -> None:
        self.findings: list[Finding] = []
        self.sizes: dict[Digest, int] = {}
        self.damaged: list[Digest] = []
        self._store = store
        self._layout = store.layout
        self._read = manifests(store)
        self._visited: set[tuple[Digest, str]] = set()

    def at_files(self) -> None:
        """Look at the names and kinds of what lies where blobs should be."""
        for path in self._list(self._layout.blobs):
            try:
                seen = path.lstat()
            except FileNotFoundError:
                continue  # collected meanwhile
            if not is_hex_name(path.name):
                self._note("stray-file", "expected blobs only, found another file", path)
            elif not stat.S_ISREG(seen.st_mode):
                self._wrong(
                    "wrong-type", "expected a regular file, found something else", path, _REPAIR
                )
                self.damaged.append(Digest(path.name))
            else:
                self.sizes[Digest(path.name)] = seen.st_size

    def at_content(self, meter: Meter) -> None:
        """Hash every blob."""
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            found = pool.map(
                lambda batch: self._store.blobs.errors(batch, meter), batches(self.sizes)
            )
            for digest, error in (item for errors in found for item in errors.items()):
                if self._store.size(digest) is not None:  # else it was collected meanwhile
                    is_damage = error.code == "package/digest-mismatch"
                    code = "wrong-hash" if is_damage else "unreadable-blob"
                    self._wrong(code, error.message, self._layout.blob(digest), _REPAIR)
                    self.damaged.append(digest)

    def at_index(self) -> None:
        """Look at the tags, and at everything that they lead to."""
        self._look_at_layout_file()
        try:
            index = self._store.index()
        except KetchError as error:
            self._wrong("unreadable-index", error.message, self._layout.index, error.hint)
            return
        names: set[str] = set()
        for position, entry in enumerate(index.entries):
            name = ref_name(entry)
            where = f"index.json: {name or f'manifests[{position}]'}"
            if name in names:
                self._wrong("duplicate-tag", "expected a tag once, found it twice", where, None)
            names.update([name] if name else [])
            try:
                descriptor = descriptor_of(entry, where=where)
            except KetchError as error:
                self._wrong("unreadable-index", error.message, error.where or where, None)
                continue
            self._look_at_tag(name, descriptor, where)

    def at_leftovers(self) -> None:
        """Look for what dead writers left, and what was set aside."""
        for path in abandoned(self._layout.temporary):
            self._note(
                "stray-temporary", "expected a living writer, found none", path, "run `ketch gc`"
            )
        for path in self._list(self._layout.quarantine):
            self._note("quarantined", "found a damaged blob that was set aside", path, "delete it")

    def _look_at_layout_file(self) -> None:
        if not self.sizes and not self._layout.index.exists():
            return  # nothing was ever stored
        for path in (self._layout.oci_layout, self._layout.index):
            if not path.is_file() or path.is_symlink():
                self._wrong("not-a-layout", f"expected `{path.name}`, found none", path, None)
                return
        path = self._layout.oci_layout
        try:
            check_layout_file(path.read_bytes(), str(path))
        except KetchError as error:
            self._wrong("not-a-layout", error.message, path, None)

    def _look_at_tag(self, name: str | None, descriptor: Descriptor, where: str) -> None:
        subject = subject_of(name) if name else None
        if subject is not None and subject not in self.sizes:
            self._note("lost-subject", f"expected blob `{subject}`, found none", where)
        if descriptor.digest not in self.sizes:
            message = f"expected blob `{descriptor.digest}`, found none"
            self._wrong("dangling-tag", message, where, _AGAIN)
            return
        self._look_at_graph(descriptor, where)
        self._look_at_name(name, descriptor, where)

    def _look_at_name(self, name: str | None, top: Descriptor, where: str) -> None:
        try:
            require_manifest(top)
            proper = proper_tag(top, self._read)
        except ManifestError as error:
            if error.code == "store/not-a-manifest":
                self._wrong("unreadable-manifest", error.message, where, None)
            return
        except KetchError:
            return  # the look at the graph told it
        if proper is None or proper == name:
            return
        message = f"expected the tag `{printable(proper)}`, found `{printable(name or '')}`"
        if name is not None and (":" in name or subject_of(name) or subject_of(proper)):
            self._wrong("wrong-tag", message, where, _RENAME)
        else:
            self._note("wrong-tag", message, where, "other tools may name it as they like")

    def _look_at_graph(self, top: Descriptor, where: str) -> None:
        pending = [(top, where)]
        while pending:
            descriptor, where = pending.pop()
            if (descriptor.digest, descriptor.media_type) in self._visited:
                continue
            self._visited.add((descriptor.digest, descriptor.media_type))
            size = self.sizes.get(descriptor.digest)
            if size != descriptor.size:
                self._look_at_lack(descriptor, size, where)
                continue
            try:
                below = children(descriptor, self._read)
            except KetchError as error:
                if descriptor.digest not in self.damaged:
                    self._wrong("unreadable-manifest", error.message, where, _REPAIR)
                continue
            here = f"{where} → {descriptor.digest.short}"
            pending += [(child, here) for child in below]

    def _look_at_lack(self, descriptor: Descriptor, size: int | None, where: str) -> None:
        if size is None:
            message = f"expected blob `{descriptor.digest}`, found none"
            self._wrong("missing-blob", message, where, _AGAIN)
        else:
            message = f"expected {descriptor.size} bytes of `{descriptor.digest}`, found {size}"
            self._wrong("wrong-size", message, where, _REPAIR)

    def _list(self, folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            self._wrong("unreadable-folder", os.strerror(error.errno or 0), folder, None)
            return []

    def _wrong(self, code: str, message: str, where: Path | str, hint: str | None) -> None:
        self.findings.append(Finding(f"fsck/{code}", message, str(where), hint))

    def _note(self, code: str, message: str, where: Path | str, hint: str | None = None) -> None:
        self.findings.append(Finding(f"fsck/{code}", message, str(where), hint, blocks=False))
