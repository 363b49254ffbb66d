"""Two texts, line by line: what a unified diff shows of them, within bounds.

Law: the lines from ``b`` to ``a`` are those from ``a`` to ``b`` with the signs swapped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Self, TypeAlias

MOST_LINES = 400
"""Lines of one diff; what is beyond is counted."""

_MOST_WORK = 1_000_000
"""Pairs of lines that are compared, at most: beyond it a block counts as replaced."""

_CONTEXT = 3
_BREAK = re.compile(r"\r\n|\r|\n")
_SWAPPED = {"+": "-", "-": "+"}
_TURNED = {"insert": "delete", "delete": "insert"}

_Step: TypeAlias = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Lines:
    """How one text became another.

    Attributes:
        added, removed: Lines of ``b`` that are not in ``a``, and the other way round.
        diff: Hunks of a unified diff, without a header of files.
        left_out: Lines of it that are beyond the bound.
    """

    added: int
    removed: int
    diff: tuple[str, ...] = ()
    left_out: int = 0

    def mirrored(self) -> Self:
        """Return how ``b`` becomes ``a``: the signs swapped, removed lines still first."""
        return replace(self, added=self.removed, removed=self.added, diff=_mirrored(self.diff))

    def to_json(self) -> dict[str, object]:
        """Return them as a JSON object."""
        return {
            "added": self.added,
            "removed": self.removed,
            "diff": list(self.diff),
            "left_out": self.left_out,
        }


def split(text: str) -> tuple[str, ...]:
    """Return the lines of a text, as Python and editors count them; no empty last one."""
    lines = _BREAK.split(text)
    return tuple(lines if lines[-1] else lines[:-1])


@dataclass(frozen=True, slots=True)
class Text:
    """Some lines of a file, and where each stands there, from 1; in order where it is not said."""

    lines: Sequence[str] = ()
    numbers: Sequence[int] | None = None

    def begins(self, at: int, end: int) -> int:
        """Return where lines begin, as the head of a hunk says it; of none, what is before."""
        here = at if end > at else at - 1
        if self.numbers is None or here < 0:
            return here + 1
        return self.numbers[here]


def line_diff(a: Text, b: Text, *, most: int = MOST_LINES) -> Lines:
    """Return how some lines became others.

    Args:
        a: The lines.
        b: What they became.
        most: How many lines of a diff may be returned; none are looked for when it is 0.
    """
    if most <= 0:
        return _counted(a.lines, b.lines)
    steps = _steps(a.lines, b.lines)
    told = [line for group in _groups(steps) for line in _hunk(group, a, b)]
    changed = [step for step in steps if step[0] != "equal"]
    removed = sum(end - begin for _, begin, end, _, _ in changed)
    added = sum(end - begin for _, _, _, begin, end in changed)
    return Lines(added, removed, tuple(told[:most]), max(len(told) - most, 0))


def _counted(a: Sequence[str], b: Sequence[str]) -> Lines:
    """Return how many lines differ, wherever they stand."""
    there, here = Counter(a), Counter(b)
    added, removed = (here - there).total(), (there - here).total()
    return Lines(added, removed, left_out=added + removed)


def _steps(a: Sequence[str], b: Sequence[str]) -> list[_Step]:
    """Return how to get from one to the other; the way back is the same way turned."""
    turned = tuple(a) > tuple(b)
    if turned:
        a, b = b, a
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    inner_a, inner_b = a[head : len(a) - tail], b[head : len(b) - tail]
    steps: list[_Step] = [("equal", 0, head, 0, head)] if head else []
    for name, begin, end, begin_b, end_b in _inner(inner_a, inner_b):
        steps.append((name, begin + head, end + head, begin_b + head, end_b + head))
    if tail:
        steps.append(("equal", len(a) - tail, len(a), len(b) - tail, len(b)))
    return [(_TURNED.get(n, n), c, d, x, y) for n, x, y, c, d in steps] if turned else steps


def _inner(a: Sequence[str], b: Sequence[str]) -> Sequence[_Step]:
    if not a and not b:
        return []
    if len(a) * len(b) > _MOST_WORK:
        return [("replace", 0, len(a), 0, len(b))]
    return SequenceMatcher(None, a, b).get_opcodes()


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    pairs = enumerate(zip(a, b, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(a), len(b)))


def _groups(steps: Sequence[_Step]) -> Iterator[list[_Step]]:
    """Yield steps that stand near each other, with a few lines around them."""
    group: list[_Step] = []
    for at, (name, a, a_end, b, b_end) in enumerate(steps):
        if name != "equal":
            group.append((name, a, a_end, b, b_end))
            continue
        after = 0 if at == 0 else min(_CONTEXT, a_end - a)
        before = 0 if at == len(steps) - 1 else min(_CONTEXT, a_end - a)
        if group and at < len(steps) - 1 and after + before >= a_end - a:
            group.append((name, a, a_end, b, b_end))
            continue
        if group:
            yield [*group, (name, a, a + after, b, b + after)]
        group = [(name, a_end - before, a_end, b_end - before, b_end)]
    if any(step[0] != "equal" for step in group):
        yield group


def _hunk(group: Sequence[_Step], a: Text, b: Text) -> Iterator[str]:
    first, last = group[0], group[-1]
    yield f"@@ -{_range(a, first[1], last[2])} +{_range(b, first[3], last[4])} @@"
    for name, begin, end, begin_b, end_b in group:
        if name == "equal":
            yield from (f" {line}" for line in a.lines[begin:end])
            continue
        yield from (f"-{line}" for line in a.lines[begin:end])
        yield from (f"+{line}" for line in b.lines[begin_b:end_b])


def _range(text: Text, begin: int, end: int) -> str:
    return f"{text.begins(begin, end)},{end - begin}"


def _mirrored(diff: Sequence[str]) -> tuple[str, ...]:
    told: list[str] = []
    waiting: list[str] = []  # lines that are added, which stand after those that are removed
    for line in diff:
        if line[:1] == "-":
            waiting.append(f"+{line[1:]}")
        elif line[:1] == "+":
            told.append(f"-{line[1:]}")
        else:
            told += waiting
            waiting = []
            told.append(_turned_head(line) if line[:1] == "@" else line)
    return (*told, *waiting)


def _turned_head(line: str) -> str:
    _, a, b, _ = line.split(" ")
    return f"@@ -{b[1:]} +{a[1:]} @@"
