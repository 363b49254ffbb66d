"""What changed in the code: functions, classes and constants at the top of each module.

Comments and layout do not count. A mixture with some changes has the modules of A, in which
those definitions stand as B writes them. Imports that B adds come with any change of their
module: they are there for what changed, and change nothing alone. In which order the
definitions of a module stand is a change, too: what runs at import may depend on it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from ketch.compare.explain.inside.change import Change
from ketch.compare.explain.mixing import Files
from ketch.package import Descriptor, Package
from ketch.package.code_tar import write_code_tar
from ketch.package.layers import CODE, PIPELINE, SCHEMA

_LONGEST = 60
"""Characters of a constant that are worth showing."""

DOCUMENTATION = "__doc__"

_ORDER = "order"

_TABLES = {PIPELINE: "pipeline", SCHEMA: "schema"}


@dataclass(frozen=True, slots=True)
class Block:
    """One statement at the top of a module, with the comments before it.

    Attributes:
        name: What it defines; an import is named by what it binds.
        source: Its lines.
        meaning: The same for two blocks that differ in comments and layout alone.
        value: The value of a constant, as text.
        is_import: Whether it imports.
    """

    name: str
    source: str
    meaning: str
    value: str | None = None
    is_import: bool = False


Module = dict[str, Block]
"""The blocks of a module by name, in their order."""


class Definitions:
    """The code of two packages."""

    def __init__(self, a: Package, b: Package) -> None:
        self._code = a.code(), b.code()
        self._tables = {path: (a.files[path], b.files[path]) for path in _TABLES}
        self._steps = a.manifest.pipeline.steps, b.manifest.pipeline.steps
        self._modules = _modules(self._code[0]), _modules(self._code[1])
        self._at: list[tuple[str, str | None]] = []
        self.changes = tuple(self._changes())

    def files(self, some: frozenset[int]) -> Files:
        """Return the code of A with some of the changes; with all of them, that of B."""
        taken = [self._at[number] for number in some]
        whole = len(some) == len(self.changes)
        code = dict(self._code[whole])
        for path in () if whole else sorted({path for path, _ in taken}):
            names = {name for one, name in taken if one == path and name is not None}
            content = self._merged(path, names) if names else self._code[1].get(path)
            code.pop(path, None)
            if content is not None and path not in _TABLES:
                code[path] = content
        tables: dict[str, Descriptor | bytes] = {
            path: pair[whole or (path, None) in taken] for path, pair in self._tables.items()
        }
        return {CODE: write_code_tar(code), **tables}

    def along(self, some: frozenset[int]) -> frozenset[int]:  # noqa: ARG002 # trying tells
        """Return nothing: what a definition needs shows when it runs."""
        return frozenset()

    def _changes(self) -> list[Change]:
        found = []
        for path in sorted(self._code[0].keys() | self._code[1].keys()):
            before, after = (modules.get(path) for modules in self._modules)
            if before is not None and after is not None:
                found += self._in_module(path, before, after)
            elif self._code[0].get(path) != self._code[1].get(path):
                self._at.append((path, None))
                there = [path if path in code else None for code in self._code]
                found.append(Change("file", path, *there))
        for path, (one, other) in self._tables.items():
            if one.digest != other.digest:
                self._at.append((path, None))
                found += self._in_table(_TABLES[path], path)
        return found

    def _in_table(self, kind: str, path: str) -> list[Change]:
        """Return the one change of a table; of the pipeline, by the step that came or went."""
        a, b = self._steps
        gone, new = ([one for one in mine if one not in other] for mine, other in ((a, b), (b, a)))
        if kind == "pipeline" and len(gone) + len(new) == 1:
            (step,) = (*gone, *new)
            return [Change("step", step, *(step if step in steps else None for steps in (a, b)))]
        return [Change(kind, path, *(str(one.digest) for one in self._tables[path]))]

    def _in_module(self, path: str, before: Module, after: Module) -> list[Change]:
        found = []
        for name in dict.fromkeys((*before, *after)):
            one, other = before.get(name), after.get(name)
            if one is not None and other is not None and one.meaning == other.meaning:
                continue
            if name == DOCUMENTATION or _comes_along(one, other):
                continue
            self._at.append((path, name))
            found.append(Change("definition", f"{_dotted(path)}:{name}", _told(one), _told(other)))
        if [name for name in before if name in after] != [name for name in after if name in before]:
            self._at.append((path, _ORDER))
            found.append(Change("order", _dotted(path)))
        return found

    def _merged(self, path: str, names: set[str]) -> bytes:
        """Return a module of A in which some definitions are those of B."""
        before, after = (modules[path] for modules in self._modules)
        merged: Module = {}
        for name, block in before.items():
            if name not in names:
                merged[name] = block
            elif name in after:
                merged[name] = after[name]
        for name, block in after.items():
            if name not in before and (name in names or block.is_import):
                merged = _inserted(merged, name, block, after)
        if _ORDER in names:
            merged = _reordered(merged, after)
        return "".join(block.source for block in merged.values()).encode()


def _inserted(merged: Module, name: str, block: Block, order: Module) -> Module:
    """Return a module with one more block, after the one that it follows in B."""
    names = list(order)
    earlier = [one for one in names[: names.index(name)] if one in merged]
    items = list(merged.items())
    at = [one for one, _ in items].index(earlier[-1]) + 1 if earlier else 0
    return dict([*items[:at], (name, block), *items[at:]])


def _reordered(merged: Module, order: Module) -> Module:
    """Return a module in the order of B; what B lacks follows what it followed."""
    names, place = {name: at for at, name in enumerate(order)}, -1
    places: list[tuple[int, int, str]] = []
    for name in merged:
        place = names.get(name, place)
        places.append((place, len(places), name))
    return {name: merged[name] for _, _, name in sorted(places)}


def _comes_along(one: Block | None, other: Block | None) -> bool:
    """Whether a block is an import that only one of them has; those follow other changes."""
    found = [block for block in (one, other) if block is not None]
    return len(found) == 1 and found[0].is_import


def _modules(code: Mapping[str, bytes]) -> dict[str, Module]:
    """Return the blocks of every Python file that can be read."""
    read = {path: _module(content) for path, content in code.items() if path.endswith(".py")}
    return {path: module for path, module in read.items() if module is not None}


def _module(content: bytes) -> Module | None:
    try:
        text = content.decode()
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    lines = text.splitlines(keepends=True)
    blocks: Module = {}
    start = 0
    for node in tree.body:
        end = node.end_lineno or node.lineno
        if end <= start:  # several statements in a line: the module counts as one piece
            return None
        name = _name(node)
        while name in blocks:
            name += "'"
        source = "".join(lines[start:end])
        blocks[name] = Block(
            name,
            source if source.endswith("\n") else f"{source}\n",
            _meaning(node),
            _value(node),
            isinstance(node, ast.Import | ast.ImportFrom),
        )
        start = end
    return blocks


def _meaning(node: ast.stmt) -> str:
    """Return a text that is the same for two statements that do the same."""
    for inner in ast.walk(node):
        match inner:
            case (
                ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str())), *rest])
                | ast.AsyncFunctionDef(body=[ast.Expr(value=ast.Constant(value=str())), *rest])
                | ast.ClassDef(body=[ast.Expr(value=ast.Constant(value=str())), *rest])
            ):
                inner.body = rest or [ast.Pass()]
    return "" if _name(node) == DOCUMENTATION else ast.dump(node)


def _name(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=targets):
            return ", ".join(ast.unparse(target) for target in targets)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return ast.unparse(target)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return f"import {', '.join(one.asname or one.name for one in names)}"
        case ast.Expr(value=ast.Constant(value=str())):
            return DOCUMENTATION
        case ast.Expr(value=ast.Call(func=called)):
            return f"{ast.unparse(called)}()"
        case _:
            return ast.unparse(node).splitlines()[0].rstrip(":")[:_LONGEST]


def _value(node: ast.stmt) -> str | None:
    match node:
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            text = ast.unparse(value)
            return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return None


def _told(block: Block | None) -> str | None:
    """Return what a definition was: the value of a constant, else that it was there."""
    if block is None:
        return None
    return block.value if block.value is not None else block.name


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
