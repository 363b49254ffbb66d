"""The functions a package declares, looked up in its code without running it."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ketch.errors import Finding
from ketch.package.code.source import Source, top_level
from ketch.package.kinds import ENTRY_POINT
from ketch.schema.nearest import did_you_mean

if TYPE_CHECKING:
    from ketch.package.manifest import Manifest

Role = Literal["load", "step", "evaluate", "compare"]

PARAMETERS: dict[Role, tuple[str, ...]] = {
    "load": ("model_dir", "params"),
    "step": ("model", "value"),
    "evaluate": ("predict", "data"),
    "compare": ("expected", "found"),
}
"""What each function is called with, by position."""

Neighbour = Callable[[str, Source], Source | None]
"""Returns the local module that a file means by a name, such as ``.steps``."""

_Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A function that ketch calls, written ``module:function``.

    Attributes:
        text: As written in ``ketch.toml``.
        role: What it is called for, which says with how many arguments.
        where: The key that names it.
    """

    text: str
    role: Role = "step"
    where: str | None = None

    @property
    def is_well_formed(self) -> bool:
        """Whether the text is a dotted module, a colon and a name."""
        return re.fullmatch(ENTRY_POINT, self.text) is not None

    @property
    def module(self) -> str:
        """The dotted name of the module."""
        return self.text.partition(":")[0]

    @property
    def function(self) -> str:
        """The name in that module."""
        return self.text.partition(":")[2]


def entry_points(manifest: "Manifest") -> tuple[EntryPoint, ...]:
    """Return every function that a manifest names, in the order of the file."""
    return tuple(_declared(manifest))


def check_function(entry: EntryPoint, source: Source, neighbour: Neighbour) -> tuple[Finding, ...]:
    """Return what is wrong with the function that an entry point names.

    Args:
        entry: A well-formed entry point.
        source: The module it names.
        neighbour: Finds the modules of the folder that it imports names from.
    """
    looked = _LookUp(neighbour).find(entry.function, source)
    if looked is None:
        names = tuple(_public_names(source))
        hint = did_you_mean(entry.function, names) or f"`{source.path}` must define it"
        message = f"expected `{entry.function}` in `{source.path}`, found no such name"
        return (Finding("package/entry-function", message, entry.where, hint),)
    if looked.definition is None:
        return ()
    return _check_definition(entry, looked.source, looked.definition)


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a name is defined; ``definition`` only when it is a plain function."""

    source: Source
    definition: _Definition | None = None


def _declared(manifest: "Manifest") -> Iterator[EntryPoint]:
    if manifest.pipeline.load:
        yield EntryPoint(manifest.pipeline.load, "load", "ketch.toml: pipeline.load")
    for number, step in enumerate(manifest.pipeline.steps):
        yield EntryPoint(step, "step", f"ketch.toml: pipeline.steps[{number}]")
    for output in manifest.schema.outputs:
        if output.compare and ":" in output.compare:
            where = f"ketch.toml: outputs.{output.name}.compare"
            yield EntryPoint(output.compare, "compare", where)
    if manifest.evaluate:
        yield EntryPoint(manifest.evaluate, "evaluate", "ketch.toml: evaluate.run")


@dataclass(slots=True)
class _LookUp:
    """Finds what a module means by a name, as Python would: its last binding.

    A module that was asked for a name once is not asked for it again, for modules may
    import names from each other in a circle.
    """

    neighbour: Neighbour
    asked: set[tuple[str, str]] = field(default_factory=set)

    def find(self, name: str, source: Source) -> _Found | None:
        """Return where a module gets a name from, or ``None`` when it has no such name."""
        if (source.path, name) in self.asked:
            return None
        self.asked.add((source.path, name))
        for statement in reversed(list(top_level(source.tree))):
            if found := self._bound(name, statement, source):
                return found
        return None

    def _bound(self, name: str, statement: ast.stmt, source: Source) -> _Found | None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if statement.name == name:
                decorated = bool(statement.decorator_list)  # may change what it takes
                return _Found(source, None if decorated else statement)
            case ast.ImportFrom(names=aliases):
                named = [one for one in aliases if one.name == "*" or _as(one) == name]
                return self._imported(name, named[-1], statement, source) if named else None
            case _:
                return _Found(source) if name in _names_of(statement) else None

    def _imported(
        self, name: str, alias: ast.alias, statement: ast.ImportFrom, source: Source
    ) -> _Found | None:
        origin = self.neighbour("." * statement.level + (statement.module or ""), source)
        if origin is None:  # a library, or a module we have a finding for already
            return _Found(source)
        return self.find(name if alias.name == "*" else alias.name, origin)


def _as(alias: ast.alias) -> str:
    return alias.asname or alias.name


def _check_definition(
    entry: EntryPoint, source: Source, function: _Definition
) -> tuple[Finding, ...]:
    wanted = PARAMETERS[entry.role]
    where = source.where(function.lineno)
    if isinstance(function, ast.AsyncFunctionDef):
        hint = "ketch calls it from a worker of its own; write `def`"
        message = f"expected a plain function, found `async def {function.name}`"
        return (Finding("package/entry-async", message, where, hint),)
    if _takes(function.args, len(wanted)):
        return ()
    message = (
        f"expected `{function.name}({', '.join(wanted)})`, "
        f"found `{function.name}({ast.unparse(function.args)})`"
    )
    named = f"{entry.where} names it" if entry.where else f"`{entry.text}` names it"
    hint = f"{named}; ketch passes {len(wanted)} arguments by position"
    return (Finding("package/entry-parameters", message, where, hint),)


def _takes(arguments: ast.arguments, count: int) -> bool:
    """Whether a function can be called with so many positional arguments and no other."""
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    keywords = sum(default is None for default in arguments.kw_defaults)
    enough = len(positional) >= count or arguments.vararg is not None
    return required <= count and enough and not keywords


def _public_names(source: Source) -> Iterator[str]:
    for statement in top_level(source.tree):
        yield from (name for name in _names_of(statement) if not name.startswith("_"))


def _names_of(statement: ast.stmt) -> tuple[str, ...]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.Assign(targets=targets):
            nodes = [node for target in targets for node in ast.walk(target)]
            return tuple(node.id for node in nodes if isinstance(node, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            return (name,)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return tuple(alias.asname or alias.name.partition(".")[0] for alias in aliases)
    return ()
