"""Changing source where it has to change, and leaving every other character as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Put ``text`` in place of the characters from ``start`` to ``end``."""

    start: int
    end: int
    text: str


def applied(source: str, edits: Iterable[Edit]) -> str:
    """Return source with edits made; none overlaps another."""
    for one in sorted(set(edits), reverse=True):
        source = source[: one.start] + one.text + source[one.end :]
    return source


def span(source: str, node: ast.expr) -> tuple[int, int]:
    """Return where an expression stands in its source, in characters."""
    return (
        _at(source, node.lineno, node.col_offset),
        _at(source, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset),
    )


def _at(source: str, line: int, column: int) -> int:
    """Return a place in characters: syntax trees count columns in bytes of UTF-8."""
    lines = source.split("\n")
    before = sum(len(one) + 1 for one in lines[: line - 1])
    return before + len(lines[line - 1].encode()[:column].decode(errors="ignore"))


def replaced(source: str, tree: ast.AST, names: dict[str, str]) -> Iterator[Edit]:
    """Yield what puts an expression in place of each name that is read from outside.

    A name that a function binds itself is another, and stays.

    Raises:
        LookupError: Where a name stands cannot be told.
    """
    for node in _free(tree, frozenset()):
        if names.get(node.id, node.id) != node.id:
            start, end = _place(source, node)
            yield Edit(start, end, names[node.id])


def handed_on(source: str, tree: ast.AST, functions: Iterable[str], argument: str) -> list[Edit]:
    """Return what hands an argument to each call of some functions.

    Raises:
        LookupError: One is used in another way than by a call; the argument is its name.
    """
    wanted, edits = frozenset(functions), []
    called = {
        id(node.func): node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for node in _free(tree, frozenset()):
        if node.id not in wanted:
            continue
        call = called.get(id(node))
        if call is None:
            raise LookupError(node.id)
        opening = source.index("(", _place(source, node)[1]) + 1
        is_alone = not call.args and not call.keywords
        edits.append(_first(source, opening, argument, is_alone=is_alone))
    return edits


def parameter(source: str, tree: ast.AST, name: str, parameter_name: str) -> Edit:
    """Return what gives a function another first parameter."""
    function = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name
    )
    start = _at(source, function.lineno, function.col_offset)
    found = re.compile(rf"def\s+{re.escape(name)}\b[^(]*\(").search(source, start)
    if found is None:
        raise LookupError(name)
    arguments = function.args
    has_more = any(
        (arguments.posonlyargs, arguments.args, arguments.vararg, arguments.kwonlyargs,
         arguments.kwarg)
    )  # fmt: skip
    return _first(source, found.end(), parameter_name, is_alone=not has_more)


def _first(source: str, opening: int, argument: str, *, is_alone: bool) -> Edit:
    """Put an argument before all others, on a line of its own where those have one each."""
    if is_alone:
        return Edit(opening, opening, argument)
    indent = re.compile(r"[ \t]*\n([ \t]*)").match(source, opening)
    if indent is None:
        return Edit(opening, opening, f"{argument}, ")
    return Edit(opening, opening, f"\n{indent[1]}{argument},")


def _place(source: str, node: ast.Name) -> tuple[int, int]:
    """Return where a name stands; in f-strings, older Pythons do not always know."""
    start, end = span(source, node)
    if source[start:end] != node.id:
        raise LookupError(node.id)
    return start, end


def own_names(node: ast.AST) -> frozenset[str]:
    """Return what a function binds itself: its parameters and local variables."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return frozenset()
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    body = node.body if isinstance(node.body, list) else [node.body]
    stored = {
        one.id
        for part in body
        for one in ast.walk(part)
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    }
    outer = {
        name
        for part in body
        for one in ast.walk(part)
        if isinstance(one, ast.Global)
        for name in one.names
    }
    return frozenset({one.arg for one in every} | (stored - outer))


def _free(node: ast.AST, bound: frozenset[str]) -> Iterator[ast.Name]:
    """Yield the names that are read and not bound by a function around them."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id not in bound:
            yield node
        return
    bound |= own_names(node)
    for child in ast.iter_child_nodes(node):
        yield from _free(child, bound)
