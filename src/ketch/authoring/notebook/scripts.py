"""Notebooks that are Python files: marimo's, ``# %%`` scripts, and any other script.

marimo keeps a cell as a function under ``@app.cell``, a function alone under
``@app.function``, and what comes first in ``with app.setup``.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

_PERCENT = re.compile(r"^# ?%%.*$", re.MULTILINE)
_DECORATORS = ("cell", "function", "class_definition")


def script_cells(text: str) -> list[tuple[int, str, object]]:
    r"""Return the cells of a Python file, with their numbers.

    >>> script_cells("# %%\nx = 1\n# %%\ny = x\n")
    [(1, '\nx = 1\n', None), (2, '\ny = x\n', None)]
    """
    cells = list(_marimo(text)) if "marimo.App(" in text else _PERCENT.split(text)
    kept = [cell for cell in cells if cell.strip()]
    return [(number, cell, None) for number, cell in enumerate(kept, 1)]


def _marimo(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        yield text  # told as a cell that is no Python
        return
    lines = text.split("\n")
    for node in tree.body:
        match node:
            case ast.With():
                yield _body(node.body, lines)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                kind = _kind(node)
                if kind == "cell":
                    body = [one for one in node.body if not isinstance(one, ast.Return)]
                    yield _body(body, lines)
                elif kind:
                    yield "\n".join(lines[node.lineno - 1 : node.end_lineno])


def _kind(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Attribute) and called.attr in _DECORATORS:
            return called.attr
    return ""


def _body(body: list[ast.stmt], lines: list[str]) -> str:
    """Return the statements of a cell, with the comments between and above them."""
    if not body:
        return ""
    decorators: list[ast.expr] = getattr(body[0], "decorator_list", [])
    first = min([body[0].lineno, *(one.lineno for one in decorators)])
    while lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return textwrap.dedent("\n".join(lines[first - 1 : body[-1].end_lineno]))
