"""Paths that a notebook's code names, and the files they mean."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ketch.authoring.notebook.book import Book
from ketch.authoring.notebook.statements import Statement, literal
from ketch.package.code.source import dotted

_PATHS = frozenset(["Path", "pathlib.Path", "str", "os.fspath", "os.path.abspath"])
_JOINS = frozenset(["os.path.join", "path.join", "join"])
_DEPTH = 12
MOST_INSIDE = 200
"""Files of a folder that is taken along as a whole; one with more is a data set."""


@dataclass(frozen=True, slots=True)
class Places:
    """What paths mean: relative ones start where the notebook lies.

    A notebook may come from anywhere, and what it names is copied. So only what lies near it
    counts: in its folder or the one around that, in nothing hidden; and what a person gave.
    """

    book: Book
    folder: Path
    given: frozenset[Path] = frozenset()

    def named(self, tree: ast.AST, before: int | None = None) -> Iterator[tuple[ast.expr, Path]]:
        """Yield the outermost expressions that name a file or a folder that is there."""
        for child in ast.iter_child_nodes(tree):
            text = self.text(child, before) if isinstance(child, ast.expr) else None
            path = None if text is None else self.existing(text)
            if path is not None and isinstance(child, ast.expr):
                yield child, path
            else:
                yield from self.named(child, before)

    def existing(self, text: str) -> Path | None:
        """Return the file or folder that a text names, when there is one."""
        if not text or len(text) > 1000 or "\0" in text or text in (".", "..", "/", "./"):
            return None
        try:
            path = self.folder / text
            return path if path.exists() and self._is_near(path.resolve()) else None
        except (OSError, RuntimeError):
            return None

    def _is_near(self, path: Path) -> bool:
        if path in self.given:
            return True
        here = self.folder.resolve()
        if not path.is_relative_to(here.parent) or here.is_relative_to(path):
            return False
        is_hidden = any(part.startswith(".") for part in path.relative_to(here.parent).parts)
        is_small = path.is_file() or len([*islice(path.rglob("*"), MOST_INSIDE + 1)]) <= MOST_INSIDE
        return is_small and not is_hidden

    def text(self, node: ast.expr, before: int | None = None, depth: int = 0) -> str | None:
        """Return the text or path that an expression of literals stands for."""
        inner = [self.text(one, before, depth + 1) for one in _operands(node)]
        if depth > _DEPTH or None in inner:
            return None
        parts = [part for part in inner if part is not None]
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name):
                return self._constant(name, before, depth)
            case ast.Call(func=function) if parts and dotted(function) in _PATHS | _JOINS:
                return str(Path(*parts))
            case ast.BinOp(op=ast.Div()) if parts:
                return str(Path(*parts))
            case ast.BinOp(op=ast.Add()) if parts:
                return "".join(parts)
            case ast.JoinedStr():
                return "".join(parts)
        return None

    def _constant(self, name: str, before: int | None, depth: int) -> str | None:
        found = self.book.latest(name, before)
        if len(found) != 1 or depth > _DEPTH:
            return None
        node = found[0].node
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            return self.text(node.value, found[0].order, depth + 1)
        return None


def _operands(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.Call(args=args, keywords=[]):
            return args
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.JoinedStr(values=values):
            return [one.value if isinstance(one, ast.FormattedValue) else one for one in values]
    return []


def saved_to(book: Book, places: Places, name: str) -> tuple[tuple[str, ...], Path] | None:
    """Return what the notebook saved together with an object, and the file: ``joblib.dump``."""
    for one in reversed(book.statements):
        if name not in one.now:
            continue
        for call in ast.walk(one.node):
            names = _saved(call)
            files = (path for _, path in places.named(one.node, one.order) if path.is_file())
            if name in names and (file := next(files, None)) is not None:
                return names, file
    return None


def _saved(node: ast.AST) -> tuple[str, ...]:
    """Return the names that a call saves: one, or a tuple of them."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="save_model")):
            return (owner,)
        case ast.Call(func=function, args=[ast.Name(id=name), *_]) if _is_dump(function):
            return (name,)
        case ast.Call(func=function, args=[ast.Tuple(elts=parts), *_]) if _is_dump(function):
            names = tuple(part.id for part in parts if isinstance(part, ast.Name))
            return names if len(names) == len(parts) else ()
    return ()


def _is_dump(function: ast.expr) -> bool:
    return dotted(function).rpartition(".")[2] in ("dump", "save")


def is_literal(one: Statement) -> bool:
    """Whether a statement gives a name a literal."""
    try:
        literal(one.node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
