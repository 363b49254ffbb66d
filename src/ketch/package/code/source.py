"""One Python file of a package, read but never run.

Only code that can run when the package answers counts: what stands under
``if TYPE_CHECKING:`` or ``if __name__ == "__main__":`` is left out everywhere.
"""

import ast
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import Finding
from ketch.files import read_file
from ketch.package.paths import printable, unreadable

MAX_SOURCE_BYTES = 8 * 1024 * 1024
"""The largest Python file; its syntax tree takes a hundred times as much memory."""

_IMPORT_ERRORS = frozenset(["ImportError", "ModuleNotFoundError", "Exception", "BaseException"])
_INTERPRETER_FACTS = frozenset(["version_info", "platform", "implementation", "name"])

_PARSING = threading.Lock()
"""Threads that parse at once may get a ``SystemError`` about recursion from Python 3.11
(https://github.com/python/cpython/issues/106905), and each other's filters of warnings."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file: its path in the package, its lines and its syntax tree."""

    path: str
    lines: tuple[str, ...]
    tree: ast.Module

    def where(self, line: int) -> str:
        """Return a line as a person opens it, such as ``pipeline.py:12``."""
        return f"{self.path}:{line}"

    def says(self, line: int, remark: str) -> bool:
        """Whether a line carries a remark such as ``ketch: not-a-path``."""
        return 0 < line <= len(self.lines) and remark in self.lines[line - 1]


def read_source(folder: Path, path: str, *, python: str | None = None) -> Source | Finding:
    """Read a Python file of a package.

    Args:
        folder: Where the package lies.
        path: The file, relative to the folder, with ``/``.
        python: The version the package runs on, such as ``3.11``; that of ketch by default.

    Returns:
        The source, or the finding that says why it cannot be read.
    """
    try:
        content = read_file(folder.joinpath(*path.split("/")), most=MAX_SOURCE_BYTES)
    except OSError as problem:
        return unreadable(path, problem)
    return parse_source(content, path, python=python)


def parse_source(content: bytes, path: str, *, python: str | None = None) -> Source | Finding:
    """Read the content of a Python file; the same promises as :func:`read_source`."""
    try:
        tree = _parse(content, python)
    except SyntaxError as problem:
        where = f"{path}:{problem.lineno}" if problem.lineno else path
        return Finding(
            "package/syntax-error", printable(problem.msg), where, _hint(problem.msg, python)
        )
    except (ValueError, RecursionError, MemoryError) as problem:
        message = f"expected Python, found {printable(str(problem)) or 'too deep a nesting'}"
        return Finding("package/syntax-error", message, path)
    lines = content.decode("utf-8", errors="replace").splitlines()
    return Source(path, tuple(lines), tree)


def walk(tree: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """Yield every node that can run, in order, with whether a condition guards it.

    A guard is what makes an import optional: ``try`` with ``except ImportError``,
    ``contextlib.suppress(ImportError)``, or a test of the interpreter. A bare string
    is documentation and is left out. The stack is our own, for generated code nests
    deeper than Python lets functions recurse.
    """
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, guarded = stack.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        yield node, guarded
        stack.extend(reversed(list(_children(node, guarded=guarded))))


def top_level(module: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those inside its ``if``, ``try`` and ``with`` too."""
    stack: list[ast.AST] = [*reversed(module.body)]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, _SCOPES):
            stack.extend(reversed([child for child in ast.iter_child_nodes(node) if _holds(child)]))


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for such an expression, and nothing for any other."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(names)])


def _holds(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case)


def _parse(content: bytes, python: str | None) -> ast.Module:
    version = tuple(int(part) for part in python.split(".")[:2]) if python else None
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape is not ours to report
        return ast.parse(content, feature_version=version)  # type: ignore[arg-type] # a pair


def _hint(message: str, python: str | None) -> str | None:
    if python is None:
        return None
    if tuple(int(part) for part in python.split(".")[:2]) > sys.version_info[:2]:
        return f"the package runs on Python {python}; run ketch on that version to read it"
    if "only supported in" in message:
        return f"the package runs on Python {python}"
    return None


def _children(node: ast.AST, *, guarded: bool) -> Iterator[tuple[ast.AST, bool]]:
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            verdict = _verdict(test)
            inner = guarded or verdict == "depends"
            yield test, guarded
            yield from ((child, inner) for child in body if verdict != "never")
            yield from ((child, inner) for child in orelse if verdict != "always")
        case ast.Try(body=body, handlers=handlers) if _forgives(handlers):
            yield from ((child, True) for child in [*body, *handlers])
            yield from ((child, guarded) for child in [*node.orelse, *node.finalbody])
        case ast.With(items=items) if _suppresses(items):
            yield from ((child, True) for child in ast.iter_child_nodes(node))
        case _:
            yield from ((child, guarded) for child in ast.iter_child_nodes(node))


def _verdict(test: ast.expr) -> str:
    """Say whether the body of an ``if`` runs: never, always, depends, or (empty) unknown."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            opposite = {"never": "always", "always": "never"}
            verdict = _verdict(operand)
            return opposite.get(verdict, verdict)
        case ast.Name() | ast.Attribute():
            return "never" if dotted(test).split(".")[-1] == "TYPE_CHECKING" else ""
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()]):
            return "never"
        case ast.Compare():
            facts = (dotted(node) for node in ast.walk(test) if isinstance(node, ast.Attribute))
            return "depends" if any(_is_interpreter_fact(fact) for fact in facts) else ""
    return ""


def _is_interpreter_fact(name: str) -> bool:
    module, _, fact = name.partition(".")
    return module in ("sys", "os") and fact.split(".")[0] in _INTERPRETER_FACTS


def _forgives(handlers: list[ast.ExceptHandler]) -> bool:
    return any(_names_import_error(handler.type) for handler in handlers)


def _names_import_error(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(dotted(kind).split(".")[-1] in _IMPORT_ERRORS for kind in kinds)


def _suppresses(items: list[ast.withitem]) -> bool:
    calls = [item.context_expr for item in items if isinstance(item.context_expr, ast.Call)]
    return any(
        dotted(call.func).split(".")[-1] == "suppress"
        and any(_names_import_error(kind) for kind in call.args)
        for call in calls
    )
