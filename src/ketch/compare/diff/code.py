"""The code of two packages: by file, by function, and what only moved.

Files are read as text and as syntax trees; nothing is run or imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from ketch.compare.diff.changes import Kind, changes, kind_of
from ketch.compare.diff.code_changes import Code, CodeFile, Move, PartChange
from ketch.compare.diff.files import File, FileChange, diff_files
from ketch.compare.diff.lines import MOST_LINES, Lines, Text, line_diff
from ketch.compare.diff.parts import MODULE, Part, parts_of
from ketch.package.digest import Digest

MOST_TOLD = 4_000
"""Lines of all diffs of a component together; later parts are counted alone."""

_BINARY_LOOK = 8_000
"""Bytes in which a zero says that a file is no text, as in git."""


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
        pythons = a.python, b.python
        one, other = (
            parts_of(content, change.path, python=python)
            for content, python in zip(contents, pythons, strict=True)
        )
        if _is_unread(one) or _is_unread(other):  # only alike can be compared
            one, other = (
                parts_of(content, change.path, python=a.python, whole=True) for content in contents
            )
        return cls(change, binary, one, other)


class _Room:
    """How many lines of diffs may still be told."""

    def __init__(self, most: int) -> None:
        self._left = most

    def diff(self, a: Text, b: Text) -> Lines:
        found = line_diff(a, b, most=min(self._left, MOST_LINES))
        self._left -= len(found.diff)
        return found


def _file(
    cut: _Cut,
    gone: set[tuple[str, str]],
    come: set[tuple[str, str]],
    diff: Callable[[Text, Text], Lines],
) -> CodeFile:
    path = cut.change.path
    names = dict.fromkeys([MODULE, *sorted(cut.a.keys() | cut.b.keys())])
    parts: list[PartChange] = []
    for name in names:
        one = None if (path, name) in gone else cut.a.get(name)
        other = None if (path, name) in come else cut.b.get(name)
        was, now = one.text if one else Text(), other.text if other else Text()
        if was.lines != now.lines:
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


def _is_unread(parts: Mapping[str, Part]) -> bool:
    return any(part.sense is None for part in parts.values())


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
