"""Code that is not the same, in words: what moved, then file by file and part by part."""

from __future__ import annotations

from collections.abc import Iterator

from ketch.cli.differing_lines import (
    DIFF_LINES,
    SHOWN,
    Line,
    balance,
    diff_lines,
    marked,
    more,
    named,
    sized,
)
from ketch.compare.diff.changes import Kind
from ketch.compare.diff.code_changes import Code, CodeFile, Move, PartChange

_OUTSIDE = "(outside of definitions)"
_FILES = 100
_CODE_LINES = 200
"""How many lines of diffs of all code are shown; later parts are named alone."""


def code_lines(found: Code) -> Iterator[Line]:
    """Yield what moved, and what differs in each file."""
    for move in found.moves[:SHOWN]:
        yield marked(Kind.RENAMED, _moved(move))
    yield from more(len(found.moves), SHOWN, "move")
    room = _CODE_LINES
    for file in found.files[:_FILES]:
        yield marked(file.change.kind, _named(file))
        for part in file.parts[:_FILES]:
            shown = list(_part(part, min(room, DIFF_LINES)))
            room = max(room - len(shown), 0)
            yield from shown
        yield from more(len(file.parts), _FILES, "part", indent=4)
    yield from more(len(found.files), _FILES, "file")


def _moved(move: Move) -> str:
    (path, name), (other, new) = move.a, move.b
    return f"{path}: {name} → {other}: {new}  moved, the same text"


def _named(file: CodeFile) -> str:
    change = file.change
    told = [named(change)]
    if change.kind is not Kind.CHANGED or file.binary:
        told.append(sized(change))
    if file.binary:
        told.append("no text")
    elif change.kind is Kind.CHANGED and not file.parts:
        told.append("layout alone: the same runs" if file.wording else "in another order")
    return "  ".join(told)


def _part(part: PartChange, most: int) -> Iterator[Line]:
    name = part.name or _OUTSIDE
    if part.wording:
        yield marked(part.kind, f"{name}  comments or docstrings alone: the same runs", indent=4)
        return
    yield marked(part.kind, f"{name}  {balance(part.lines)}", indent=4)
    yield from diff_lines(part.lines, indent=6, most=most)
