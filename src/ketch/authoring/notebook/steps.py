"""From the functions of a notebook to steps: ``step(model, value) -> value``.

What a notebook keeps beside its functions (a fitted model, a lookup table) is handed to
them here. One such thing keeps its name and becomes the first parameter; of several, the
parameter is ``model`` and each is ``model["name"]``. The text of a function changes at
these places alone.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ketch.authoring.notebook.book import Book
from ketch.authoring.notebook.edits import (
    Edit,
    applied,
    handed_on,
    own_names,
    parameter,
    replaced,
)
from ketch.authoring.notebook.statements import Kind, Statement
from ketch.errors import Finding, UsageError

MODEL_NAMES = (
    "model", "clf", "classifier", "regressor", "estimator", "pipeline", "pipe", "booster", "net",
    "network", "session", "artifacts", "bundle",
)  # fmt: skip

_VALUES = frozenset([
    "df", "data", "frame", "x", "rows", "row", "record", "records", "features", "matrix",
    "x_test", "value", "values", "customer", "request",
])  # fmt: skip
"""What a function calls the rows that it is asked about."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A function that is to be a step.

    Attributes:
        name: What the notebook calls it.
        defined: Its definition; None for one of a module of the author's.
        required: Its parameters without a default.
    """

    name: str
    defined: Statement | None
    required: tuple[str, ...]


@dataclass(slots=True)
class Fitted:
    """Functions that fit the convention of steps.

    Attributes:
        entries: The names to write into ``ketch.toml``, in order.
        texts: The source of each statement, by its order, where it changed.
        wrappers: Functions to add, where a step could not be changed itself.
        findings: What could not be done.
    """

    entries: list[str] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    wrappers: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def required_of(node: ast.AST) -> tuple[str, ...]:
    """Return the parameters that a function must be given by place."""
    if isinstance(node, ast.Assign):
        node = node.value
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return ()
    arguments = node.args
    places = [*arguments.posonlyargs, *arguments.args]
    return tuple(one.arg for one in places[: len(places) - len(arguments.defaults)])


def states_by_parameter(book: Book, step: Asked, given: Collection[str]) -> dict[str, str]:
    """Return which of the notebook's names each parameter but the value gets.

    A parameter is what the notebook hands over in a call of its own; else what is called
    like it, or was given by its name; else, when it is called like a model, the name itself.

    Raises:
        UsageError: ``init/notebook-step``: more than one parameter, or none, is the value.
    """
    if len(step.required) == 1:
        return {}
    handed = _handed(book, step)
    found = {
        name: handed.get(name, name)
        for name in step.required
        if name in (*MODEL_NAMES, *given)
        or handed.get(name) in MODEL_NAMES
        or _is_data(book, handed, name)
    }
    if not found and sum(name.lower() in _VALUES for name in step.required) == 1:
        found = {name: name for name in step.required if name.lower() not in _VALUES}
    if len(step.required) == 2 and step.required[0] not in found and len(found) != 1:
        found = {}
    if len(step.required) - len(found) != 1:
        raise UsageError(
            f"expected a function of one value, or of a model and a value; `{step.name}` takes "
            f"{_listed(step.required) or 'nothing'}",
            code="init/notebook-step",
            where=step.defined.where if step.defined else step.name,
            hint="write a function that takes one value and calls it, and name that",
        )
    return found


def fitted(
    code: Sequence[Statement],
    steps: Sequence[Asked],
    parameters: dict[str, dict[str, str]],
    states: Sequence[str],
) -> Fitted:
    """Return the code with steps that take what they need.

    Args:
        code: The statements that stand in the module.
        steps: The functions that answer, in their order.
        parameters: Step → its parameters that are handed a state → that state.
        states: What ``load`` returns; one alone is returned itself.
    """
    made = Fitted()
    first = states[0] if len(states) == 1 else "model"
    spelled = {name: first if len(states) == 1 else f'model["{name}"]' for name in states}
    needing = _needing(code, frozenset(states))
    edited = {one.name for one in steps if one.defined and _is_editable(one, code, needing, first)}
    functions = {name for one in code if one.order in needing for name in one.binds}
    for one in code:
        if one.kind is Kind.IMPORT:
            continue
        made.texts[one.order] = _text(one, spelled, functions, edited, made)
    for step in steps:
        handed = parameters.get(step.name, {})
        if step.name in edited or _is_conventional(step, handed, states):
            made.entries.append(step.name)
            continue
        made.entries.append(f"{step.name}_step")
        made.wrappers.append(_wrapper(step, handed, spelled, needs=step.name in functions))
    return made


def _needing(code: Sequence[Statement], states: frozenset[str]) -> frozenset[int]:
    """Return the functions that read a state, themselves or in what they call."""
    found = {one.order for one in code if one.reads & states}
    while True:
        names = {name for one in code if one.order in found for name in one.binds}
        more = {one.order for one in code if one.reads & names} | found
        if more == found:
            return frozenset(found)
        found = more


def _is_editable(
    step: Asked, code: Sequence[Statement], needing: frozenset[int], first: str
) -> bool:
    """Whether the model can become a step's first parameter in its own text."""
    one = step.defined
    if one is None or len(step.required) != 1 or not isinstance(one.node, ast.FunctionDef):
        return False
    if one.order in needing:
        return True
    is_called = any(step.name in other.reads and other.order != one.order for other in code)
    is_recursive = step.name in one.reads
    return not is_called and not is_recursive and first not in own_names(one.node)


def _is_conventional(step: Asked, handed: dict[str, str], states: Sequence[str]) -> bool:
    if len(step.required) != 2 or step.defined is None:
        return False
    return len(states) < 2 and (not handed or next(iter(handed)) == step.required[0])


def _text(
    one: Statement, spelled: dict[str, str], functions: set[str], edited: set[str], made: Fitted
) -> str:
    """Return the source of a statement, changed where a state is read or handed on."""
    tree = ast.parse(one.text)
    first = _first(spelled)
    names = one.binds & (functions | edited)
    try:
        edits: list[Edit] = list(replaced(one.text, tree, spelled))
        edits += handed_on(one.text, tree, functions, first)
        for name in sorted(names):
            edits.append(parameter(one.text, tree, name, first))
    except (LookupError, StopIteration, ValueError):
        made.findings.append(_not_handed(one, spelled))
        return one.text
    return applied(one.text, edits)


def _first(spelled: dict[str, str]) -> str:
    """Return the first parameter of every step."""
    return next(iter(spelled)) if len(spelled) == 1 else "model"


def _wrapper(step: Asked, handed: dict[str, str], spelled: dict[str, str], *, needs: bool) -> str:
    first = _first(spelled)
    value = next(name for name in step.required if name not in handed)
    arguments = [
        "value" if name == value else spelled.get(handed[name], first) for name in step.required
    ]
    if needs:
        arguments.insert(0, first)
    return (
        f"def {step.name}_step({first}, value):\n"
        f'    """Call `{step.name}` as a step is called."""\n'
        f"    return {step.name}({', '.join(arguments)})"
    )


def _handed(book: Book, step: Asked) -> dict[str, str]:
    """Return what the notebook's own calls of a function hand to its parameters."""
    found: dict[str, str] = {}
    for one in book.statements:
        for call in _calls_of(one.node, step.name):
            for name, argument in zip(step.required, call.args, strict=False):
                if isinstance(argument, ast.Name):
                    found[name] = argument.id
            for word in call.keywords:
                if word.arg and isinstance(word.value, ast.Name):
                    found[word.arg] = word.value.id
    return found


def _calls_of(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _is_data(book: Book, handed: dict[str, str], name: str) -> bool:
    """Whether a parameter is handed what came from training or a file, and is no table of rows."""
    if name.lower() in _VALUES:
        return False
    found = book.latest(handed.get(name, name))
    return any(map(book.is_data, found))


def _not_handed(one: Statement, states: Iterable[str]) -> Finding:
    name = next(iter(sorted(one.binds)), "a statement")
    return Finding(
        "init/notebook-state",
        f"`{name}` needs {_listed(states)}, and is used in a way that cannot hand it over",
        f"pipeline.py: {name}",
        "give it what it needs as a parameter, and call it by its name",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
