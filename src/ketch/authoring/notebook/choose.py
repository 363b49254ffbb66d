"""Which functions of a notebook answer: named, marked in a cell, or guessed from a call."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ketch.authoring.notebook.book import Book
from ketch.authoring.notebook.cells import Cell
from ketch.authoring.notebook.statements import Kind
from ketch.authoring.notebook.steps import required_of
from ketch.errors import Finding, Refused, UsageError

_MARK = re.compile(r"^\s*#\s*ketch:\s*steps\s*=\s*\[?([\w\s,.]+)\]?\s*$", re.MULTILINE)
_ANSWERS = ("predict", "predict_proba", "score", "recommend", "rank", "classify", "forecast",
            "transform", "decision_function", "run")  # fmt: skip
MOST = 12
_WRITTEN = "def score(rows): return model.predict(rows)"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The functions that are the steps, and why.

    Attributes:
        steps: Their names.
        findings: What was assumed.
        book: The notebook with functions that were made of its statements.
        target: The column that is predicted, which no request has.
    """

    steps: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    book: Book | None = None
    target: str | None = None


def marked(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the steps that a cell names: ``# ketch: steps=[clean, score]``."""
    found = [mark for cell in cells for mark in _MARK.findall(cell.source)]
    return tuple(re.findall(r"[\w.]+", found[-1])) if found else ()


def guessed(book: Book) -> Chosen | None:
    """Return the functions that the last answer of the notebook went through.

    That is the last call, or chain of assignments, at the notebook's own level in which
    functions of the notebook are applied to one another, the last of them asking a model.
    """
    for one in reversed(book.statements):
        if one.kind in (Kind.IMPORT, Kind.FUNCTION):
            continue
        for call in _own_calls(one.node, book):
            passed = _chain(call, book, one.order)
            chain = tuple(name for name in passed if _takes_value(name, book))
            if chain and _answers(book, chain[-1]):
                return Chosen(chain, (_guess(chain, one.where),))
    return None


def refuse(book: Book, source: Path, folder: Path) -> Refused:
    """Return the refusal of a notebook whose steps cannot be told, with what to type."""
    names = [name for name in book.names if book.function(name) is not None]
    answering = [name for name in names if _answers(book, name)]
    listed = ", ".join(f"`{name}`" for name in names[:MOST]) or "none"
    command = ["ketch", "init", str(folder), "--from", str(source), "--steps"]
    example = shlex.join([*command, ",".join(answering[-1:] or names[:1])])
    hint = f"name them in their order: {example}"
    return Refused(
        f"expected to find which functions answer, found no call that tells; functions: {listed}",
        code="init/notebook-steps",
        where=str(source),
        hint=hint if names else f"write one in the notebook: `{_WRITTEN}`",
    )


def unknown_step(name: str, book: Book, source: str) -> UsageError:
    """Return the refusal of a step that the notebook does not define."""
    names = [one for one in book.names if book.function(one) is not None]
    listed = ", ".join(f"`{one}`" for one in names[:MOST]) or "none"
    found = book.latest(name)
    what = "a value" if found else "nothing of that name"
    return UsageError(
        f"expected a function `{name}`, found {what}",
        code="init/notebook-steps",
        where=found[-1].where if found else source,
        hint=f"functions of the notebook: {listed}",
    )


def _chain(call: ast.Call, book: Book, order: int) -> Iterator[str]:
    """Yield the functions that a value passes before and in a call, the first first."""
    argument = next((one for one in _values(call) if _leads_on(one, book, order)), None)
    if isinstance(argument, ast.Call):
        yield from _chain(argument, book, order)
    elif isinstance(argument, ast.Name):
        for one in book.latest(argument.id, order):
            value = getattr(one.node, "value", None)
            if isinstance(value, ast.Call) and _is_own(value, book):
                yield from _chain(value, book, one.order)
    if isinstance(call.func, ast.Name):
        yield call.func.id


def _takes_value(name: str, book: Book) -> bool:
    """Whether a function takes something and reads no file: others stand before the steps."""
    found = book.function(name)
    return found is not None and bool(required_of(found.node)) and not book.touches(found)


def _leads_on(node: ast.expr, book: Book, order: int) -> bool:
    if isinstance(node, ast.Call):
        return _is_own(node, book)
    if not isinstance(node, ast.Name):
        return False
    values = (getattr(one.node, "value", None) for one in book.latest(node.id, order)[:1])
    return any(isinstance(value, ast.Call) and _is_own(value, book) for value in values)


def _values(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(word.value for word in call.keywords)]


def _own_calls(node: ast.stmt, book: Book) -> Iterator[ast.Call]:
    """Yield the outermost calls of the notebook's own functions."""
    waiting: list[ast.AST] = [node]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, ast.Call) and _is_own(one, book):
            yield one
        else:
            waiting.extend(ast.iter_child_nodes(one))


def _is_own(call: ast.Call, book: Book) -> bool:
    return isinstance(call.func, ast.Name) and book.function(call.func.id) is not None


def _answers(book: Book, name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a function asks a model, itself or in what it calls, or is called like one."""
    found = book.function(name)
    if found is None or name in seen:
        return False
    if name.startswith(_ANSWERS):
        return True
    attributes = {one.attr for one in ast.walk(found.node) if isinstance(one, ast.Attribute)}
    return bool(attributes & set(_ANSWERS[:2])) or any(
        _answers(book, other, seen | {name}) for other in found.reads
    )


def _guess(chain: Sequence[str], where: str) -> Finding:
    named = ", ".join(f"`{name}`" for name in chain)
    return Finding(
        "init/notebook-guessed",
        f"the steps are a guess, from a call: {named}",
        where,
        f"name others with `--steps`, or in a cell: `# ketch: steps=[{', '.join(chain)}]`",
        blocks=False,
    )
