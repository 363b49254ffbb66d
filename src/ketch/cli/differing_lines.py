"""The lines in which a difference is told: a mark, what it is, what it was and is now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from ketch.cli.fit import WIDTH, around, crop, folded
from ketch.cli.text import counted, size
from ketch.compare.diff.changes import Change, Kind
from ketch.compare.diff.files import File, FileChange, Files
from ketch.compare.diff.lines import Lines
from ketch.schema.problems import escaped

Line: TypeAlias = tuple[str, str]
"""A line, and the style in which a terminal shows it."""

SHOWN = 20
"""How many changes of one sort are shown; ``--json`` has more."""

DIFF_LINES = 40
"""How many lines of one diff are shown."""

_MARKS = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~", Kind.RENAMED: "→"}
_STYLES = {Kind.ADDED: "green", Kind.REMOVED: "red", Kind.CHANGED: "", Kind.RENAMED: "cyan"}
_OF_DIFF = {"+": "green", "-": "red", "@": "cyan", " ": ""}
_VALUE = 36
_CODE_WIDTH = 160
"""Columns of a line of a diff: what is cut of code is what somebody has to see."""


def line(text: str, style: str = "", *, width: int = WIDTH) -> Line:
    """Return a line that no package can make into something else."""
    return crop(escaped(" ".join(text.splitlines())).replace("\t", "    "), width), style


def long_lines(text: str, style: str = "", *, indent: int) -> Iterator[Line]:
    """Yield a sentence as lines of a screen; all but the first are indented deeper."""
    told = folded(escaped(" " * indent + text), indent=indent + 4)
    return ((one, style) for one in told)


def marked(kind: Kind, text: str, *, indent: int = 2) -> Line:
    """Return a line with the mark of what became of something."""
    return line(f"{' ' * indent}{_MARKS[kind]} {text}".rstrip(), _STYLES[kind])


def change_line(change: Change, *, indent: int = 2, width: int = 0) -> Line:
    """Return a change of a value: where it is, what it was, what it is."""
    return marked(change.kind, f"{change.place:<{width}}  {told(change)}", indent=indent)


def told(change: Change) -> str:
    """Return the values of a change as people read them."""
    a, b = around(value(change.a), value(change.b), _VALUE)
    if change.kind is Kind.CHANGED:
        return f"{a} → {b}"
    alone = change.b if change.kind is Kind.ADDED else change.a
    if alone is True:
        return ""  # it is there, and that is all
    return crop(value(alone), 2 * _VALUE)


def value(found: object) -> str:
    """Return a value as JSON, a float to ten digits."""
    if isinstance(found, float) and not found.is_integer():
        return f"{found:.10g}"
    return json.dumps(found, ensure_ascii=False, default=str)


def change_lines(changes: Sequence[Change], *, indent: int = 2) -> Iterator[Line]:
    """Yield the first changes of values, and how many more there are."""
    width = min(max((len(change.place) for change in changes[:SHOWN]), default=0), 40)
    for change in changes[:SHOWN]:
        yield change_line(change, indent=indent, width=width)
    yield from more(len(changes), SHOWN, "change", indent=indent)


def more(count: int, shown: int, noun: str, *, indent: int = 2) -> Iterator[Line]:
    """Yield how many were left out, where any were."""
    if count > shown:
        text = f"{' ' * indent}… and {counted(count - shown, f'more {noun}')}; `--json` has them"
        yield line(text, "dim")


def diff_lines(found: Lines, *, indent: int = 6, most: int = DIFF_LINES) -> Iterator[Line]:
    """Yield the first lines of a diff, and how many more there are."""
    space = " " * indent
    for one in found.diff[:most]:
        yield line(f"{space}{one}".rstrip(), _OF_DIFF.get(one[:1], ""), width=_CODE_WIDTH)
    left = len(found.diff) + found.left_out - most
    if left > 0:
        yield line(f"{space}… and {counted(left, 'more line')} of this diff", "dim")


def balance(found: Lines) -> str:
    """Return how many lines came and went, such as ``+3 -1``."""
    parts = [f"+{found.added:,}" if found.added else "", f"-{found.removed:,}"]
    return " ".join(part for part in parts if part and part != "-0")


def file_lines(files: Files) -> Iterator[Line]:
    """Yield files that are not the same, and how many more there are."""
    for change in files.changes[:SHOWN]:
        yield marked(change.kind, f"{named(change)}  {sized(change)}")
    yield from more(len(files.changes), SHOWN, "file")


def named(change: FileChange) -> str:
    """Return the path of a file, or both if it was renamed."""
    if change.kind is Kind.RENAMED and change.a and change.b:
        return f"{change.a.path} → {change.b.path}"
    return change.path


def sized(change: FileChange) -> str:
    """Return sizes and digests of a file."""
    if change.kind is Kind.RENAMED or change.a is None or change.b is None:
        sides = [side for side in (change.b or change.a,) if side]
        same = "the same content, " if change.kind is Kind.RENAMED else ""
        return same + ", ".join(f"{size(one.size_bytes)}, {one.digest.short}" for one in sides)
    sizes = _apart(_exact(change.a, change.b))
    return f"{sizes}, {change.a.digest.short} → {change.b.digest.short}"


def _exact(a: File, b: File) -> Iterable[str]:
    """Return two sizes, to the byte where they would look alike and are not."""
    sizes = size(a.size_bytes), size(b.size_bytes)
    if a.size_bytes != b.size_bytes and sizes[0] == sizes[1]:
        return f"{a.size_bytes:,} B", f"{b.size_bytes:,} B"
    return sizes


def _apart(sides: Iterable[str]) -> str:
    return " → ".join(dict.fromkeys(sides))
