"""What is taken out of a notebook: a module with its steps, and the files it needs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ketch.authoring.drafting.literals import python
from ketch.authoring.drafting.project import own_code
from ketch.authoring.notebook.book import Book, reach
from ketch.authoring.notebook.choose import unknown_step
from ketch.authoring.notebook.compose import Module, composed
from ketch.authoring.notebook.loads import with_load
from ketch.authoring.notebook.model_files import Given, Loading
from ketch.authoring.notebook.notes import notes
from ketch.authoring.notebook.places import Places
from ketch.authoring.notebook.statements import Kind, Statement
from ketch.authoring.notebook.states import loading
from ketch.authoring.notebook.steps import Asked, fitted, required_of, states_by_parameter
from ketch.errors import Finding

_ANSWER = '''\
def answer(model, values):
    """Return one row for each value that was predicted."""
    return [{"prediction": value} for value in values]'''
_RENAME = '''\
def notebook_names(model, rows):
    """Give what was asked the names that the notebook uses."""
    return %s'''
_RENAMED = {
    "dataframe": "rows.rename(columns=COLUMNS)",
    "records": "[{COLUMNS.get(name, name): value for name, value in row.items()} for row in rows]",
    "record": "{COLUMNS.get(name, name): value for name, value in rows.items()}",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """The code of a package, as far as a notebook holds it.

    Attributes:
        module: ``pipeline.py``, in its parts.
        entries: The names of the steps in it.
        load: The name of the function that loads; None where nothing has to be.
        files: Files to copy, by path in the package.
        modules: What it imports from libraries.
        versions: What the model files say of the versions that made them.
        findings: What was assumed, and what a person has to decide.
    """

    module: Module
    entries: tuple[str, ...]
    load: str | None
    files: Mapping[str, Path] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def pipeline(self) -> str:
        """The text of ``pipeline.py``."""
        return composed(self.module)

    @property
    def is_runnable(self) -> bool:
        """Whether it can answer as it is written."""
        return not any(finding.blocks for finding in self.findings)

    def with_files(self, files: Mapping[str, Path]) -> Taken:
        """Return the same with more files."""
        return replace(self, files={**self.files, **files})

    def answering(self) -> Taken:
        """Return the same with a last step that names what is predicted."""
        module = replace(self.module, more=(*self.module.more, _ANSWER))
        return replace(self, module=module, entries=(*self.entries, "answer"))

    def renaming(self, columns: Mapping[str, str], takes: str) -> Taken:
        """Return the same with a first step that gives inputs the notebook's names."""
        if not columns:
            return self
        table = f"COLUMNS = {python(dict(columns))}"
        step = _RENAME % _RENAMED[takes]
        module = replace(self.module, first=(table, step))
        return replace(self, module=module, entries=("notebook_names", *self.entries))


def take(names: Sequence[str], given: Given, places: Places, *, source: str, title: str) -> Taken:
    """Return what some functions of a notebook need, as a package has it.

    Args:
        names: The functions that are the steps, in their order.
        given: What a person handed over.
        places: The notebook, and where its files lie.
        source: Its name.
        title: What the package is, in a line.

    Raises:
        UsageError: ``init/notebook-steps``: a step is no function of the notebook.
        UsageError: ``init/notebook-step``: one does not take one value, or a model and one.
    """
    book = places.book
    asked = [_asked(book, name, source) for name in names]
    parameters = {one.name: states_by_parameter(book, one, given.files) for one in asked}
    states = dict.fromkeys(state for one in parameters.values() for state in one.values())
    found = reach(book, names, {*given.files, *given.params, *states})
    for state in (*states, *given.files):
        found.states.setdefault(state, None)
    book = with_load(book, found, given, source)
    made = loading(book, found, given, places)
    code = found.ordered(book)
    fits = fitted(code, asked, parameters, list(found.states))
    local = _local(code, places.folder)
    starred = _starred(book) if found.unknown else ()
    imports = _imports(code, made, starred)
    parts = [(one, fits.texts[one.order]) for one in code if one.kind is not Kind.IMPORT]
    module = Module(
        title=title,
        source=source,
        imports=imports,
        parts=tuple(parts),
        load=tuple(made.lines),
        returns=_returned(list(found.states)),
        more=tuple(fits.wrappers),
        is_future=any("from __future__ import" in one.text for one in book.statements),
    )
    told = notes(book, code, found.unknown, places, starred)
    return Taken(
        module=module,
        entries=tuple(fits.entries),
        load=made.own or ("load" if made.lines else None),
        files={**made.files, **local.files},
        modules=(*_modules(imports, local.modules), *local.imports),
        versions=made.versions,
        findings=(*made.findings, *fits.findings, *told),
    )


def _asked(book: Book, name: str, source: str) -> Asked:
    found = book.function(name)
    written = book.latest(name)
    if found is None and written and written[-1].kind is Kind.IMPORT:
        return Asked(name, None, ("value",))  # a function of a module, taken to want one value
    if found is None:
        raise unknown_step(name, book, source)
    return Asked(name, found, required_of(found.node))


def _returned(states: Sequence[str]) -> str:
    if len(states) == 1:
        return states[0]
    return "{" + ", ".join(f'"{name}": {name}' for name in states) + "}"


@dataclass(frozen=True, slots=True)
class _Local:
    files: Mapping[str, Path]
    modules: tuple[str, ...]
    imports: tuple[str, ...]


def _local(code: Sequence[Statement], folder: Path) -> _Local:
    """Return the author's own modules that the code imports."""
    modules: list[str] = []
    for one in code:
        match one.node:
            case ast.Import(names=[alias]):
                modules.append(alias.name)
            case ast.ImportFrom(module=str(module), names=[alias]):
                modules += [module, f"{module}.{alias.name}"]
    own = own_code(folder, modules)
    return _Local(own.files, own.modules, own.imports)


def _starred(book: Book) -> tuple[str, ...]:
    """Return the imports of everything, which may bring the names that nothing defines."""
    return tuple(one.text for one in book.statements if one.text.endswith(" import *"))


def _imports(code: Sequence[Statement], made: Loading, starred: Sequence[str]) -> tuple[str, ...]:
    lines = [one.text for one in code if one.kind is Kind.IMPORT]
    lines = [line for line in lines if not line.startswith("from __future__")]
    return tuple(dict.fromkeys([*lines, *made.imports, *starred]))


def _modules(imports: Sequence[str], own: Sequence[str]) -> Iterator[str]:
    for line in imports:
        module = line.split()[1]
        if module not in own and module.partition(".")[0] not in own:
            yield module
