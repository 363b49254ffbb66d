"""The code of two packages: by file, by function, and what only moved.

Files are read as text and as syntax trees; nothing is run or imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from ketch.compare.diff.changes import Change, Kind, changes, kind_of
from ketch.compare.diff.files import File, FileChange, diff_files
from ketch.compare.diff.lines import MOST_LINES, Lines, line_diff
from ketch.compare.diff.parts import MODULE, Part, parts_of
from ketch.package.digest import Digest

MOST_TOLD = 4_000
"""Lines of all diffs of a component together; later parts are counted alone."""

_BINARY_LOOK = 8_000
"""Bytes in which a zero says that a file is no text, as in git."""


@dataclass(frozen=True, slots=True)
class PartChange:
    """A part of a file that is not the same.

    Attributes:
        name: Such as ``Model.fit``; empty for what is no definition.
        kind: Added, removed or changed.
        wording: Whether only comments, docstrings and layout changed: the same runs.
        lines: How its text became the other.
    """

    name: str
    kind: Kind
    wording: bool
    lines: Lines

    def mirrored(self) -> Self:
        """Return the same part, on the way from ``b`` to ``a``."""
        return replace(self, kind=self.kind.mirrored, lines=self.lines.mirrored())

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object."""
        return {
            "name": self.name,
            "change": str(self.kind),
            "wording": self.wording,
            **self.lines.to_json(),
        }


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file of code that is not the same.

    Attributes:
        change: The file.
        binary: Whether it is no text; it has no parts then.
        wording: Whether the same runs: every part is there, and only its words changed.
        parts: The parts that are not the same, but for those that moved.
    """

    change: FileChange
    binary: bool = False
    wording: bool = False
    parts: tuple[PartChange, ...] = ()

    def mirrored(self) -> Self:
        """Return the same file, on the way from ``b`` to ``a``."""
        parts = tuple(part.mirrored() for part in self.parts)
        return replace(self, change=self.change.mirrored(), parts=parts)

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object."""
        return {
            **self.change.to_json(),
            "binary": self.binary,
            "wording": self.wording,
            "parts": [part.to_json() for part in self.parts],
        }


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """A definition with the same text elsewhere, as ``(path, name)`` in ``a`` and in ``b``."""

    a: tuple[str, str]
    b: tuple[str, str]

    def mirrored(self) -> Self:
        """Return the way back."""
        return replace(self, a=self.b, b=self.a)

    def to_json(self) -> dict[str, object]:
        """Return the move as a JSON object."""
        return {
            "a": {"path": self.a[0], "name": self.a[1]},
            "b": {"path": self.b[0], "name": self.b[1]},
        }


@dataclass(frozen=True, slots=True)
class Code:
    """How the code of two packages differs.

    Attributes:
        pipeline: Which functions a request passes through.
        files: The files that are not the same, sorted.
        moves: The definitions that only moved.
    """

    pipeline: tuple[Change, ...]
    files: tuple[CodeFile, ...]
    moves: tuple[Move, ...]

    @property
    def wording(self) -> bool:
        """Whether the same runs."""
        return not self.pipeline and not self.moves and all(file.wording for file in self.files)

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        files = sorted((file.mirrored() for file in self.files), key=_path)
        return replace(
            self,
            pipeline=tuple(change.mirrored() for change in self.pipeline),
            files=tuple(files),
            moves=tuple(sorted(move.mirrored() for move in self.moves)),
        )

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "wording": self.wording,
            "pipeline": [change.to_json() for change in self.pipeline],
            "files": [file.to_json() for file in self.files],
            "moves": [move.to_json() for move in self.moves],
        }


@dataclass(frozen=True, slots=True)
class Side:
    """The code of one package: its pipeline table, its files, and its Python."""

    pipeline: Mapping[str, object]
    files: Mapping[str, bytes]
    python: str


def diff_code(a: Side, b: Side) -> Code:
    """Return how the code of two packages differs."""
    found = diff_files(_listed(a), _listed(b)).changes
    whole = [_Cut.of(change, a, b) for change in found]
    moves = tuple(sorted(_moves(whole)))
    gone = {move.a for move in moves}
    come = {move.b for move in moves}
    room = _Room(MOST_TOLD)
    files = tuple(_file(one, gone, come, room.diff) for one in whole)
    return Code(changes(a.pipeline, b.pipeline), files, moves)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A changed file and its parts on both sides; none of what is no text, or only renamed."""

    change: FileChange
    binary: bool
    a: Mapping[str, Part]
    b: Mapping[str, Part]

    @classmethod
    def of(cls, change: FileChange, a: Side, b: Side) -> Self:
        contents = _content(change.a, a), _content(change.b, b)
        binary = any(map(_is_binary, contents))
        if binary or change.kind is Kind.RENAMED:
            return cls(change, binary, {}, {})
        one, other = (
            parts_of(content, change.path, python=side.python)
            for content, side in zip(contents, (a, b), strict=True)
        )
        return cls(change, binary, one, other)


class _Room:
    """How many lines of diffs may still be told."""

    def __init__(self, most: int) -> None:
        self._left = most

    def diff(self, a: Sequence[str], b: Sequence[str]) -> Lines:
        found = line_diff(a, b, most=min(self._left, MOST_LINES))
        self._left -= len(found.diff)
        return found


def _file(
    cut: _Cut,
    gone: set[tuple[str, str]],
    come: set[tuple[str, str]],
    diff: Callable[[Sequence[str], Sequence[str]], Lines],
) -> CodeFile:
    path = cut.change.path
    names = dict.fromkeys([MODULE, *sorted(cut.a.keys() | cut.b.keys())])
    parts: list[PartChange] = []
    for name in names:
        one = None if (path, name) in gone else cut.a.get(name)
        other = None if (path, name) in come else cut.b.get(name)
        was, now = one.lines if one else (), other.lines if other else ()
        if was != now:
            kind = kind_of(in_a=one is not None, in_b=other is not None)
            parts.append(PartChange(name, kind, _is_wording(one, other), diff(was, now)))
    return CodeFile(cut.change, cut.binary, _same_runs(cut), tuple(parts))


def _same_runs(cut: _Cut) -> bool:
    """Whether every part of a changed file is still there, in its order, and runs the same."""
    known = cut.change.kind is Kind.CHANGED and not cut.binary
    return (
        known
        and list(cut.a) == list(cut.b)
        and all(_is_wording(part, cut.b[name]) for name, part in cut.a.items())
    )


def _is_wording(a: Part | None, b: Part | None) -> bool:
    return a is not None and b is not None and a.sense is not None and a.sense == b.sense


def _moves(cuts: Sequence[_Cut]) -> Iterator[Move]:
    """Yield the definitions that are gone from one place and, word for word, at another."""
    come: dict[str, list[tuple[str, str]]] = {}
    for path, part in reversed(list(_only(cuts, in_b=True))):
        come.setdefault(part.dedented, []).append((path, part.name))
    for path, part in _only(cuts, in_b=False):
        places = come.get(part.dedented)
        if places:
            yield Move((path, part.name), places.pop())


def _only(cuts: Sequence[_Cut], *, in_b: bool) -> Iterator[tuple[str, Part]]:
    """Yield the definitions that are on one side alone, in order."""
    for cut in cuts:
        mine, others = (cut.b, cut.a) if in_b else (cut.a, cut.b)
        for name, part in sorted(mine.items()):
            if name != MODULE and name not in others:
                yield cut.change.path, part


def _listed(side: Side) -> Iterator[File]:
    for path, content in side.files.items():
        yield File(path, Digest.of(content), len(content))


def _content(file: File | None, side: Side) -> bytes:
    return b"" if file is None else side.files[file.path]


def _is_binary(content: bytes) -> bool:
    return b"\0" in content[:_BINARY_LOOK]


def _path(file: CodeFile) -> str:
    return file.change.path
