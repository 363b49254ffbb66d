"""What the objects of a running notebook say of their own definitions."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Collection, Mapping, Sequence
from types import ModuleType
from typing import Any

from ketch.authoring.drafting.literals import python
from ketch.authoring.notebook.book import Book, reach
from ketch.authoring.notebook.statements import Kind, Statement, literal, statement

LONGEST = 4_000
"""The longest value that is written out as a constant, in characters."""

_ROUNDS = 100


def told_by_objects(
    book: Book, there: Mapping[str, Any], names: Sequence[str], given: Collection[str]
) -> Book:
    """Return a book that agrees with what is there now, as far as some names reach.

    A function whose source is another than the history has, a constant with another value,
    and what the history does not hold at all are written from the objects; small values of
    data, such as the columns of a table, become constants.
    """
    looked: set[str] = set(given)
    for _ in range(_ROUNDS):
        found = reach(book, names, given)
        bound = {name for one in found.code.values() for name in one.binds}
        wanted = (bound | found.unknown.keys() | found.states.keys()) - looked
        if not wanted:
            break
        looked |= wanted
        more = [
            _numbered(one, len(book.statements) + at)
            for at, one in enumerate(
                one for name in sorted(wanted) for one in _corrected(book, name, there)
            )
        ]
        book = Book((*book.statements, *more))
    return book


def _numbered(one: Statement, order: int) -> Statement:
    return Statement(**{**one.__dict__, "order": order})


def _corrected(book: Book, name: str, there: Mapping[str, Any]) -> list[Statement]:
    """Return the statement that an object asks for, where the history has another or none."""
    if name not in there:
        return []
    value, written = there[name], book.latest(name)
    if inspect.isfunction(value) or inspect.isclass(value):
        return _defined(name, value, written, there)
    if isinstance(value, ModuleType):
        if written and written[-1].kind is Kind.IMPORT:
            return []
        line = f"import {value.__name__}" + (f" as {name}" if value.__name__ != name else "")
        return [_parsed(line, "the notebook")]
    value = value.item() if type(value).__module__ == "numpy" and _is_scalar(value) else value
    if not is_plain(value):
        return []
    if written and not any(book.is_data(one) or _reads_data(one, there) for one in written):
        try:
            if len(written) > 1 or _same(literal(written[0].node), value):
                return []
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return []  # made of other names: these are looked at themselves
    where = written[-1].where if written else "the notebook"
    return [_parsed(f"{name} = {python(value, len(name) + 3)}", where)]


def _defined(
    name: str, value: Any, written: Sequence[Statement], there: Mapping[str, Any]
) -> list[Statement]:
    home = getattr(value, "__module__", None)
    is_import = bool(written) and written[-1].kind is Kind.IMPORT
    if is_import:
        return []
    is_own = home in (None, "__main__", there.get("__name__"))
    if not is_own:
        own = value.__qualname__
        alias = f" as {name}" if own != name else ""
        return [] if "." in own else [_parsed(f"from {home} import {own}{alias}", "the notebook")]
    try:
        text = textwrap.dedent(inspect.getsource(value)).rstrip()
        node = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return []  # the history is all there is
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return []
    if written and ast.dump(written[-1].node) == ast.dump(node):
        return []
    return [statement(node, text, 0, written[-1].where if written else "the notebook")]


def _reads_data(one: Statement, there: Mapping[str, Any]) -> bool:
    """Whether a value was made of a table or a model, so that its source says too little."""
    read = [there[name] for name in one.now - one.binds if name in there]
    code = (one for one in read if isinstance(one, ModuleType) or callable(one))
    kept = {id(one) for one in code}
    return any(id(value) not in kept and not is_plain(value) for value in read)


def _is_scalar(value: Any) -> bool:
    return hasattr(value, "item") and getattr(value, "shape", None) == ()


def is_plain(value: object) -> bool:
    """Whether a value can be written out as a constant that a person can read."""
    try:
        text = repr(value)
        return len(text) <= LONGEST and _same(ast.literal_eval(text), value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and bool(one == other)


def _parsed(text: str, where: str) -> Statement:
    return statement(ast.parse(text).body[0], text, 0, where)
