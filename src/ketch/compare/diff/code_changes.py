"""What is told of code that is not the same: parts of files, files, and definitions that moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from ketch.compare.diff.changes import Change, Kind
from ketch.compare.diff.files import FileChange
from ketch.compare.diff.lines import Lines


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


def _path(file: CodeFile) -> str:
    return file.change.path
