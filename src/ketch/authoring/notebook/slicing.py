"""A notebook without functions: the statements between reading a table and predicting.

Backwards from the last prediction, the statements that made its argument become a function
``prepare``; what they take from training (fitted encoders, the model) is handed to it like
any other state. A statement that looks at all rows at once means something else for a
request than for a training table, and is said. After M. Weiser, "Program Slicing", 1981.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ketch.authoring.notebook.book import Book
from ketch.authoring.notebook.edits import Edit, applied, span
from ketch.authoring.notebook.statements import FITS, Kind, Statement, calls, statement
from ketch.errors import Finding

_PREDICTS = ("predict_proba", "predict", "decision_function", "forecast")
_TABLES = ("read_", "fetch_", "load_")
_OVER_ALL = frozenset([
    "mean", "median", "mode", "std", "var", "quantile", "min", "max", "sum", "unique", "nunique",
    "value_counts", "factorize", "rank", "qcut", "get_dummies", "dropna", "drop_duplicates",
    "sample", "shuffle", "groupby", "corr", "sort_values",
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sliced:
    """Functions made of a notebook's statements.

    Attributes:
        book: The notebook with them at its end.
        steps: Their names.
        target: The column that is predicted, where that can be told; no request has it.
        findings: What was taken, and what a person has to decide.
    """

    book: Book
    steps: tuple[str, ...]
    target: str | None
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Slice:
    book: Book
    taken: dict[int, str] = field(default_factory=dict)
    roots: dict[str, Statement] = field(default_factory=dict)

    def follow(self, names: frozenset[str], before: int) -> None:
        """Take the statements that made some names, back to the tables that were read."""
        for name in sorted(names):
            found = self.book.latest(name, before)
            if not found or not any(map(self.book.is_data, found)) or _is_trained(found, name):
                continue
            for one in found:
                if one.order not in self.taken:
                    self._take(name, one)

    def _take(self, name: str, one: Statement) -> None:
        split = _split_from(one, name)
        if split is not None:
            self.taken[one.order] = "" if split == name else f"{name} = {split}"
            self.follow(frozenset([split]), one.order)
        elif _reads_table(one):
            self.roots[name] = one
        else:
            self.taken[one.order] = _transforming(one)
            self.follow(one.now - {name} if name not in one.now else one.now, one.order)


def sliced(book: Book) -> Sliced | None:
    """Return what leads to the last prediction of a table, as functions; None without one."""
    for at in reversed(book.statements):
        for call in _predictions(at):
            made = _made(book, at, call)
            if made is not None:
                return made
    return None


def _made(book: Book, at: Statement, call: ast.Call) -> Sliced | None:
    cut = _Slice(book)
    argument = call.args[0]
    cut.follow(frozenset(_names(argument)), at.order)
    if len(cut.roots) != 1 or not isinstance(call.func, ast.Attribute):
        return None
    root, read = next(iter(cut.roots.items()))
    target = _target(book, ast.unparse(call.func.value))
    taken = [replace(book.statements[order], text=text) for order, text in cut.taken.items()]
    kept = (one for one in taken if one.text and not _is_of_target(one.node, target))
    taken = sorted(kept, key=lambda one: one.order)
    body = "\n".join(_without(one.text, target) for one in taken)
    prepare = (
        f"def prepare({root}):\n"
        f'    """Make of rows what the model takes, as the notebook does."""\n'
        f"    {root} = {root}.copy()\n"
        f"{textwrap.indent(body, '    ')}\n    return {ast.unparse(argument)}"
    )
    asks = ast.unparse(call.func)
    predict = f'def predict(matrix):\n    """Ask the model."""\n    return {asks}(matrix)'
    where = f"{read.where} to {at.where}"
    functions = [
        statement(ast.parse(text).body[0], text, len(book.statements) + number, where)
        for number, text in enumerate((prepare, predict))
    ]
    findings = (_told(taken, where), *_over_all(taken), *_refitted(book, taken))
    return Sliced(Book((*book.statements, *functions)), ("prepare", "predict"), target, findings)


def _predictions(one: Statement) -> Iterator[ast.Call]:
    if one.kind in (Kind.IMPORT, Kind.FUNCTION):
        return
    for node in ast.walk(one.node):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(), attr=method), args=[_, *_]):
                if method in _PREDICTS:
                    yield node


def _is_trained(found: Sequence[Statement], name: str) -> bool:
    """Whether a name stands for something fitted, which is handed over as it is."""
    for one in found:
        if name in one.changes and set(_methods(one.node, name)) & FITS:
            return True
        match getattr(one.node, "value", None):
            case ast.Call(func=ast.Attribute(attr="fit" | "train")) if name in one.binds:
                return True
    return False


def _methods(node: ast.AST, name: str) -> Iterator[str]:
    for one in ast.walk(node):
        match one:
            case ast.Attribute(value=ast.Name(id=owner), attr=method) if owner == name:
                yield method


def _split_from(one: Statement, name: str) -> str | None:
    """Return what `train_test_split` made a name of."""
    match one.node:
        case ast.Assign(targets=[ast.Tuple(elts=parts)], value=ast.Call(args=args) as call):
            names = [part.id if isinstance(part, ast.Name) else "" for part in parts]
            is_split = any(called.endswith("train_test_split") for called in calls(call))
            if is_split and name in names and names.index(name) // 2 < len(args):
                return ast.unparse(args[names.index(name) // 2])
    return None


def _reads_table(one: Statement) -> bool:
    called = {name.rpartition(".")[2] for name in calls(one.node)}
    return one.kind is Kind.READS and any(name.startswith(_TABLES) for name in called)


def _transforming(one: Statement) -> str:
    """Return a statement that uses what it fits in the notebook: `fit_transform` does both."""
    tree = ast.parse(one.text)
    edits = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "fit_transform":
            _, end = span(one.text, node)
            edits.append(Edit(end - len("fit_transform"), end, "transform"))
    return applied(one.text, edits)


def _target(book: Book, model: str) -> str | None:
    """Return the column that a model was trained to predict."""
    for one in reversed(book.statements):
        for node in ast.walk(one.node):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="fit"),
                    args=[_, ast.Name(id=y), *_],
                ) if name == model:
                    return _column(book, y, one.order)
    return None


def _column(book: Book, name: str, before: int) -> str | None:
    for one in book.latest(name, before)[:1]:
        split = _split_from(one, name)
        if split is not None and split.isidentifier():
            return _column(book, split, one.order)
        match getattr(one.node, "value", None):
            case ast.Subscript(slice=ast.Constant(value=str(column))):
                return column
            case ast.Attribute(attr=column) if column not in ("values", "T"):
                return column
            case ast.Attribute(value=ast.Subscript(slice=ast.Constant(value=str(column)))):
                return column
            case ast.Attribute(value=ast.Attribute(attr=column)):
                return column
    return None


def _without(text: str, target: str | None) -> str:
    """Return a statement that drops the target also from rows that do not have it."""
    edits = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            texts = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
            words = {word.arg for word in node.keywords}
            if node.func.attr == "drop" and target in texts and "errors" not in words:
                _, end = span(text, node)
                edits.append(Edit(end - 1, end - 1, ', errors="ignore"'))
    return applied(text, edits)


def _is_of_target(node: ast.stmt, target: str | None) -> bool:
    """Whether a statement does nothing but change or remove the target."""
    parts = node.targets if isinstance(node, (ast.Assign, ast.Delete)) else []
    for part in parts:
        match part:
            case ast.Subscript(slice=ast.Constant(value=column)) | ast.Attribute(attr=column):
                if column == target:
                    return True
    return False


def _names(node: ast.AST) -> Iterator[str]:
    return (one.id for one in ast.walk(node) if isinstance(one, ast.Name))


def _told(taken: Sequence[Statement], where: str) -> Finding:
    return Finding(
        "init/notebook-sliced",
        f"the notebook has no function that answers: {len(taken)} of its statements became "
        "`prepare`",
        where,
        "read it in pipeline.py; better, write the functions in the notebook and name them",
        blocks=False,
    )


def _over_all(taken: Sequence[Statement]) -> Iterator[Finding]:
    for one in taken:
        found = sorted({name.rpartition(".")[2] for name in calls(one.node)} & _OVER_ALL)
        if found:
            yield Finding(
                "init/notebook-all-rows",
                f"`{found[0]}` looks at all rows: of a request that is another value than of the "
                f"training data: `{one.text.strip().splitlines()[-1].strip()[:80]}`",
                f"pipeline.py: prepare ({one.where})",
                "compute it once from the training data, and write the value as a constant",
            )


def _refitted(book: Book, taken: Sequence[Statement]) -> Iterator[Finding]:
    for one in taken:
        for name in sorted(one.changes):
            fits = [each for each in book.statements if name in each.changes]
            if len(fits) > 1 and set(_methods(one.node, name)) & FITS:
                yield Finding(
                    "init/notebook-all-rows",
                    f"`{name}` is fitted {len(fits)} times, and only the last one is left",
                    one.where,
                    "make one of it for each column, and save each",
                )
