"""What a Python file imports: statements, and calls that name a module in a string."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ketch.package.code.source import Source, dotted, walk

_CALLS = frozenset(["__import__", "importlib.import_module", "import_module"])


@dataclass(frozen=True, slots=True)
class Import:
    """One module that code imports.

    Attributes:
        module: Dotted name, such as ``sklearn.ensemble``; empty for ``from . import x``.
        names: What ``from module import …`` asks for; ``*`` for everything.
        path, line: Where it stands.
        optional: Whether the code goes on when the module is missing.
        level: How many dots stand before a relative import.
    """

    module: str
    names: tuple[str, ...]
    path: str
    line: int
    optional: bool = False
    level: int = 0

    @property
    def top(self) -> str:
        """The first segment, the name that a distribution owns."""
        return self.module.partition(".")[0]

    @property
    def where(self) -> str:
        """The line as a person opens it, such as ``pipeline.py:12``."""
        return f"{self.path}:{self.line}"


def imports_of(source: Source) -> tuple[Import, ...]:
    """Return what a file imports, in its order, also inside functions."""
    return tuple(_imports(source))


def dynamic_imports(source: Source) -> tuple[int, ...]:
    """Return the lines that import a module whose name only running would tell."""
    return tuple(
        call.lineno for call, _ in _import_calls(source) if call.args and not _literal(call)
    )


def _imports(source: Source) -> Iterator[Import]:
    for node, optional in walk(source.tree):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield Import(alias.name, (), source.path, node.lineno, optional)
            case ast.ImportFrom():
                names = tuple(alias.name for alias in node.names)
                yield Import(
                    node.module or "", names, source.path, node.lineno, optional, node.level
                )
    for call, optional in _import_calls(source):
        if name := _literal(call):
            module = name.lstrip(".")
            level = len(name) - len(module)
            yield Import(module, (), source.path, call.lineno, optional, level)


def _import_calls(source: Source) -> Iterator[tuple[ast.Call, bool]]:
    for node, optional in walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func) in _CALLS:
            yield node, optional


def _literal(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None
