"""A Python file cut into functions, methods, classes, and what stands between them.

Every line belongs to one part. Comments right above a definition, and its decorators, are
its own; a class is what is left without its methods; a function holds all that is defined
inside it. A file that Python cannot read, or that is no Python, is one part.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from ketch.compare.diff.lines import Text, split
from ketch.errors import Finding
from ketch.package.code.source import parse_source, top_level
from ketch.package.digest import Digest

MODULE = ""
"""The name of the part that is no definition."""

MOST_PARSED_BYTES = 1_000_000
"""A syntax tree takes a hundred times as much memory; larger files are one part."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a file.

    Attributes:
        name: Such as ``predict`` or ``Model.fit``; empty for what is no definition.
        text: Its lines, without blank ones at either end.
        sense: The digest of what Python runs of it, which neither comments nor docstrings
            nor layout change; ``None`` where Python cannot tell.
    """

    name: str
    text: Text
    sense: Digest | None = None

    @property
    def dedented(self) -> str:
        """Its text as if it stood at the margin: what moved is recognised by it."""
        return dedent("\n".join(self.text.lines))


def parts_of(content: bytes, path: str, *, python: str, whole: bool = False) -> dict[str, Part]:
    """Return the parts of a file by their names, in order; of no bytes, none.

    Args:
        content: The file.
        path: Its path: what does not end in ``.py`` is one part.
        python: The Python it is written for, such as ``3.11.7``.
        whole: Whether it is one part in any case.
    """
    lines = split(content.decode("utf-8", errors="replace"))
    source = None
    if not whole and path.endswith(".py") and len(content) <= MOST_PARSED_BYTES:
        source = parse_source(content, path, python=python)
    if source is None or isinstance(source, Finding):
        return _kept([Part(MODULE, _stripped(lines, range(len(lines))))])
    named = dict(_named(top_level(source.tree), ""))
    owners = _owners(lines, named)
    senses = _senses(source.tree, named)
    return _kept(
        Part(name, _stripped(lines, owned), senses.get(name)) for name, owned in owners.items()
    )


def _kept(parts: Iterator[Part] | Sequence[Part]) -> dict[str, Part]:
    return {part.name: part for part in parts if part.text.lines}


def _named(statements: Iterator[ast.stmt], prefix: str) -> Iterator[tuple[str, _Definition]]:
    """Yield every definition that is a part, the outer ones first; a second one is ``f#2``."""
    seen: dict[str, int] = {}
    for one in statements:
        if not isinstance(one, _Definition):
            continue
        seen[one.name] = seen.get(one.name, 0) + 1
        again = f"#{seen[one.name]}" if seen[one.name] > 1 else ""
        name = f"{prefix}{one.name}{again}"
        yield name, one
        if isinstance(one, ast.ClassDef):
            inside = top_level(ast.Module(one.body, []))
            yield from _named(inside, f"{name}.")


def _owners(lines: Sequence[str], named: Mapping[str, _Definition]) -> dict[str, list[int]]:
    """Return the numbers of the lines of each part; what is inside takes what is its own."""
    owner = [MODULE] * len(lines)
    for name, node in named.items():
        first = _first_line(lines, node)
        last = min(node.end_lineno or first, len(lines))
        owner[first - 1 : last] = [name] * (last - first + 1)
        blank = last  # the blank lines around a definition come and go with it
        while blank < len(lines) and not lines[blank].strip():
            owner[blank] = name
            blank += 1
        blank = first - 2
        while blank >= 0 and not lines[blank].strip():
            owner[blank] = name
            blank -= 1
    owners: dict[str, list[int]] = {MODULE: [], **{name: [] for name in named}}
    for at, name in enumerate(owner):
        owners[name].append(at)
    return owners


def _first_line(lines: Sequence[str], node: _Definition) -> int:
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    indent = " " * node.col_offset
    while first > 1 and lines[first - 2].startswith(f"{indent}#"):
        first -= 1
    return first


def _stripped(lines: Sequence[str], owned: Sequence[int]) -> Text:
    filled = [place for place, at in enumerate(owned) if lines[at].strip()]
    kept = owned[filled[0] : filled[-1] + 1] if filled else ()
    return Text(tuple(lines[at] for at in kept), tuple(at + 1 for at in kept))


def _senses(tree: ast.Module, named: Mapping[str, _Definition]) -> dict[str, Digest]:
    """Return what Python runs of each part; of none, where it is nested too deep."""
    parts: set[ast.AST] = set(named.values())
    try:
        return {
            name: Digest.of(ast.dump(_Sense(parts, node).visit(node)).encode("utf-8", "replace"))
            for name, node in reversed([(MODULE, tree), *named.items()])
        }
    except (RecursionError, MemoryError):
        return {}


class _Sense(ast.NodeTransformer):
    """Leaves out bare strings, which only document, and the definitions that are parts."""

    def __init__(self, parts: set[ast.AST], top: ast.AST) -> None:
        self._parts = parts
        self._top = top

    def visit(self, node: ast.AST) -> Any:
        """Return the node without them; None when it is one of them."""
        if node is not self._top and node in self._parts:
            return None
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None
        return self.generic_visit(node)
