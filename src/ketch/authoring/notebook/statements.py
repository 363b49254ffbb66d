"""What each statement of a notebook binds, changes and reads, told from its syntax."""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import import_module

from ketch.authoring.notebook.cells import Cell
from ketch.package.code.source import dotted

_MUTATORS = frozenset(
    "add append clear discard extend insert pop popitem remove reverse setdefault sort update load_model load_state_dict load_weights eval".split()  # noqa: SIM905, E501 # reads better
)
_READERS = frozenset(
    "load loads load_model load_learner open input urlopen urlretrieve connect download from_pretrained"  # noqa: SIM905, E501 # reads better
    " read read_text read_bytes listdir glob getpass InferenceSession Booster imread".split()
)
_TRAINERS = frozenset(
    "fit fit_transform fit_predict fit_resample partial_fit train cv backward train_test_split".split()  # noqa: SIM905, E501 # reads better
)
_READS = ("read_", "fetch_", "make_")
FITS = frozenset(["fit", "fit_transform", "fit_predict", "fit_resample", "partial_fit"])
"""Methods that train what they belong to."""
_BUILTINS = frozenset(dir(builtins))


class Kind(Enum):
    """What a statement is to a package."""

    IMPORT = "import"
    FUNCTION = "function"
    PLAIN = "plain"
    """Made of literals, imports and functions alone, such as a constant."""
    READS = "reads"
    """Reads a file, asks somebody, or draws numbers: its value is not in the code."""
    TRAINS = "trains"


@dataclass(frozen=True)
class Statement:
    """One statement of a notebook's own level.

    Attributes:
        order: Its place in the notebook.
        where: The cell, for people.
        node: Its syntax.
        text: Its source as it was written, with the comment above it.
        binds: The names it gives a value.
        changes: The names whose value it changes in place.
        reads: The names it needs, also inside its functions.
        now: Those of them it needs the moment it runs.
    """

    order: int
    where: str
    node: ast.stmt
    text: str
    binds: frozenset[str]
    changes: frozenset[str]
    reads: frozenset[str]
    now: frozenset[str]

    @property
    def kind(self) -> Kind:
        """What it is to a package, as far as it tells alone."""
        if isinstance(self.node, (ast.Import, ast.ImportFrom)):
            return Kind.IMPORT
        if isinstance(self.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return Kind.FUNCTION
        spelled = set(calls(self.node))
        called = {name.rpartition(".")[2] for name in spelled}
        if called & _TRAINERS:
            return Kind.TRAINS
        if called & _READERS or any(name.startswith(_READS) for name in called):
            return Kind.READS
        if any(".random." in f".{name}." or name.endswith("default_rng") for name in spelled):
            return Kind.READS
        return Kind.PLAIN


def statements_of(cells: Iterable[Cell]) -> tuple[Statement, ...]:
    """Return the statements of cells, in their order; imports are cut into one name each."""
    found: list[Statement] = []
    for cell in cells:
        body = cell.tree.body if cell.tree is not None else []
        lines = cell.source.split("\n")
        for node in body:
            text = _source(node, body, lines, cell.source)
            for part, own in _parts(node, text):
                found.append(statement(part, own, len(found), cell.where))
    return tuple(found)


def statement(node: ast.stmt, text: str, order: int, where: str) -> Statement:
    """Return what a statement binds and reads."""
    table = symtable.symtable(ast.unparse(ast.Module([node], [])), where, "exec")
    symbols = table.get_symbols()
    bound = frozenset(one.get_name() for one in symbols if one.is_assigned() or one.is_imported())
    bound |= _bound_inside(node)
    now = frozenset(one.get_name() for one in symbols if one.is_referenced())
    now -= _BUILTINS | frozenset(_given_first(node))
    later = frozenset(_globals_below(table)) - _BUILTINS
    changes = frozenset((*_changed(node), *_fitted(node))) - bound
    return Statement(order, where, node, text, bound, changes, now | later, now)


def calls(node: ast.AST) -> Iterator[str]:
    """Yield what a statement calls, as ``a.b.c``; of any other object's method, its name."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            name = dotted(one.func)
            yield name or (one.func.attr if isinstance(one.func, ast.Attribute) else "")


def literal(node: ast.stmt) -> object:
    """Return the value of an assignment that is a literal.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        raise ValueError("no assignment")
    return ast.literal_eval(node.value)


def _everything(module: str) -> tuple[str, ...]:
    """Return what a star brings from a module of the standard library; of others, nothing."""
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return ()
    return tuple(name for name in dir(import_module(module)) if not name.startswith("_"))


def _parts(node: ast.stmt, text: str) -> Iterator[tuple[ast.stmt, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            one: ast.stmt = ast.Import([alias])
            yield one, ast.unparse(one)
    elif isinstance(node, ast.ImportFrom):
        starred = _everything(node.module or "") if node.names[0].name == "*" else ()
        for alias in [ast.alias(name) for name in starred] or node.names:
            one = ast.ImportFrom(node.module, [alias], node.level)
            yield one, ast.unparse(one)
    else:
        yield node, text


def _source(node: ast.stmt, body: Sequence[ast.stmt], lines: Sequence[str], text: str) -> str:
    """Return a statement as it was written: whole lines, and the comment right above."""
    first, last = _first_line(node), node.end_lineno or node.lineno
    shares = any(
        other is not node and _first_line(other) <= last and (other.end_lineno or 0) >= first
        for other in body
    )
    if shares:  # `a = 1; b = 2`
        return ast.get_source_segment(text, node) or ast.unparse(node)
    while first > 1 and lines[first - 2].startswith("#"):
        first -= 1
    return "\n".join(line.rstrip() for line in lines[first - 1 : last])


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _bound_inside(node: ast.stmt) -> frozenset[str]:
    """Return what functions bind by ``global``: calling them may, so the names count as bound."""
    return frozenset(
        name for one in ast.walk(node) if isinstance(one, ast.Global) for name in one.names
    )


def _given_first(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a loop or a `with` gives a value before anything reads them."""
    if not isinstance(node, (ast.For, ast.With)):
        return
    parts = (
        [node.target] if isinstance(node, ast.For) else [one.optional_vars for one in node.items]
    )
    for part in parts:
        for one in ast.walk(part) if part is not None else ():
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                yield one.id


def _globals_below(table: symtable.SymbolTable) -> Iterator[str]:
    for child in table.get_children():
        yield from (one.get_name() for one in child.get_symbols() if one.is_global())
        yield from _globals_below(child)


def _changed(node: ast.stmt) -> Iterator[str]:
    """Yield the names whose value a statement changes in place: ``X[…] = …``, ``X.append(…)``."""
    match node:
        case ast.Assign(targets=targets):
            yield from filter(None, map(_owner, targets))
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            yield from filter(None, [_owner(target)])
        case ast.Delete(targets=targets):
            yield from filter(None, map(_owner, targets))
        case ast.Expr(value=ast.Call(func=ast.Attribute() as function) as call):
            in_place = any(
                word.arg == "inplace" and getattr(word.value, "value", None) is True
                for word in call.keywords
            )
            if function.attr in _MUTATORS | _TRAINERS or in_place:
                yield from filter(None, [_owner(function)])
        case ast.For(body=body) | ast.If(body=body) | ast.With(body=body):
            for inner in body:
                yield from _changed(inner)


def _fitted(node: ast.stmt) -> Iterator[str]:
    """Yield the names of what a statement trains, wherever in it: ``scaler.fit_transform(X)``."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    for one in ast.walk(node):
        match one:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=method)):
                if method in FITS:
                    yield owner


def _owner(target: ast.expr) -> str | None:
    """Return the name at the root of ``X[…].y``; None for a name itself."""
    if isinstance(target, ast.Name):
        return None
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Call)):
        target = target.func if isinstance(target, ast.Call) else target.value
    return target.id if isinstance(target, ast.Name) else None
