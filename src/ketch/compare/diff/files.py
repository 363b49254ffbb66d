"""Files of a package, by their digests: what is gone, new, other, or has another name.

No content is read: a model of any size costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

from ketch.compare.diff.changes import MOST, Kind, kind_of
from ketch.package.digest import Digest


@dataclass(frozen=True, slots=True, order=True)
class File:
    """A file: its path inside the package, its digest, its size in bytes."""

    path: str
    digest: Digest
    size_bytes: int

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {"path": self.path, "digest": str(self.digest), "size_bytes": self.size_bytes}


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that is not the same; ``a`` or ``b`` is ``None`` where it is not there.

    One that is renamed has the same digest on both sides.
    """

    kind: Kind
    a: File | None
    b: File | None

    @property
    def path(self) -> str:
        """Where it is in ``b``, or was in ``a``."""
        file = self.b or self.a
        return "" if file is None else file.path

    def mirrored(self) -> Self:
        """Return the same file, on the way from ``b`` to ``a``."""
        return replace(self, kind=self.kind.mirrored, a=self.b, b=self.a)

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object."""
        return {
            "path": self.path,
            "change": str(self.kind),
            "a": None if self.a is None else self.a.to_json(),
            "b": None if self.b is None else self.b.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a component that are not the same, sorted."""

    changes: tuple[FileChange, ...]

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        return replace(self, changes=_sorted(change.mirrored() for change in self.changes))

    def to_json(self) -> dict[str, object]:
        """Return them as a JSON object; what is beyond the bound is counted."""
        return {
            "files": [change.to_json() for change in self.changes[:MOST]],
            "files_left_out": max(len(self.changes) - MOST, 0),
        }


def diff_files(a: Iterable[File], b: Iterable[File]) -> Files:
    """Return the files that are not on both sides as they are."""
    there = {file.path: file for file in a}
    here = {file.path: file for file in b}
    renamed = dict(_renamed(there, here))
    gone = {file.path for file in renamed}
    come = {file.path for file in renamed.values()}
    found = [FileChange(Kind.RENAMED, one, other) for one, other in renamed.items()]
    for path in (there.keys() | here.keys()) - gone - come:
        one, other = there.get(path), here.get(path)
        if one != other:
            kind = kind_of(in_a=one is not None, in_b=other is not None)
            found.append(FileChange(kind, one, other))
    return Files(_sorted(found))


def _renamed(a: Mapping[str, File], b: Mapping[str, File]) -> Iterator[tuple[File, File]]:
    """Yield files that only changed their names: in the order of their paths, if many are alike."""
    waiting: dict[Digest, list[File]] = {}
    for path in sorted(b.keys() - a.keys(), reverse=True):
        waiting.setdefault(b[path].digest, []).append(b[path])
    for path in sorted(a.keys() - b.keys()):
        alike = waiting.get(a[path].digest)
        if alike:
            yield a[path], alike.pop()


def _sorted(found: Iterable[FileChange]) -> tuple[FileChange, ...]:
    return tuple(sorted(found, key=lambda change: change.path))
