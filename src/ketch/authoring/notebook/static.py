"""A notebook file as a source: what its cells say, with nothing run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ketch.authoring.drafting.examples import Examples
from ketch.authoring.drafting.needs import Known, installed_versions
from ketch.authoring.drafting.project import pins_of
from ketch.authoring.notebook.book import Book
from ketch.authoring.notebook.cells import read_cells
from ketch.authoring.notebook.choose import Chosen, guessed, marked, refuse
from ketch.authoring.notebook.draft import Draft
from ketch.authoring.notebook.example import example_of_file
from ketch.authoring.notebook.model_files import Given
from ketch.authoring.notebook.places import Places
from ketch.authoring.notebook.slicing import sliced
from ketch.authoring.notebook.statements import statements_of
from ketch.authoring.notebook.steps import MODEL_NAMES, required_of
from ketch.authoring.notebook.taken import take
from ketch.errors import Finding, NotFound, UsageError

_RECORDS = ("rows", "records", "items", "requests", "batch", "list")
_RECORD = ("row", "record", "item", "request", "one", "dict")


def draft_notebook(
    source: Path,
    folder: Path,
    *,
    steps: Sequence[str] = (),
    load: str | None = None,
    models: Sequence[str] = (),
    examples: Examples,
) -> Draft:
    """Draft the package of a notebook's functions; nothing in it is run.

    Args:
        source: The notebook.
        folder: Where the package will be written, for the command that a message shows.
        steps: The functions that are the steps; without, they are marked or guessed.
        load: The function that loads the model.
        models: Files of trained models, ``FILE`` or ``NAME=FILE``.
        examples: Example rows.

    Raises:
        UsageError: It cannot be read, or a step is none.
        Refused: ``init/notebook-steps``: which functions answer cannot be told.
        NotFound: There is no such model file.
    """
    read = read_cells(source)
    book = Book(statements_of(read.cells))
    chosen = _chosen(steps, marked(read.cells), book, source, folder)
    book, target = chosen.book or book, chosen.target
    given = Given(files=dict(_files(models, book)), load=load)
    near = frozenset(path.resolve() for path in given.files.values())
    places = Places(book, source.resolve().parent, near)
    title = f"Answers as the notebook {source.stem} does"
    taken = take(chosen.steps, given, places, source=source.name, title=title)
    takes, told = _takes(book, chosen.steps[0])
    rows = tuple({k: v for k, v in row.items() if k != target} for row in examples.rows)
    example = example_of_file(replace(examples, rows=rows), takes) if rows else None
    if example is not None:
        taken = taken.renaming(example.columns, takes)
    known = Known(pins_of(source.resolve().parent), {}, installed_versions())
    return Draft(
        taken=taken,
        known=known,
        example=example,
        takes=takes,
        installs=read.installs,
        findings=(*read.findings, *chosen.findings, *told),
    )


def _chosen(
    steps: Sequence[str], marks: Sequence[str], book: Book, source: Path, folder: Path
) -> Chosen:
    if steps or marks:
        return Chosen(tuple(steps or marks))
    chosen = guessed(book)
    if chosen is not None:
        return chosen
    cut = sliced(book)
    if cut is None:
        raise refuse(book, source, folder)
    return Chosen(cut.steps, cut.findings, cut.book, cut.target)


def _files(models: Iterable[str], book: Book) -> Iterable[tuple[str, Path]]:
    """Yield what each model file is called in the notebook, and the file."""
    for text in models:
        name, sign, path = text.partition("=")
        if not sign:
            name, path = _name_of_model(book), text
        if not name.isidentifier():
            raise UsageError(
                f"expected `FILE` or `NAME=FILE`, found `{text}`", code="init/no-source"
            )
        if not Path(path).is_file():
            raise NotFound(f"no file `{path}`", code="init/no-source", where=path)
        yield name, Path(path)


def _name_of_model(book: Book) -> str:
    """Return what the notebook calls its model: the last thing called like one."""
    return next((name for name in reversed(book.names) if name in MODEL_NAMES), "model")


def _takes(book: Book, step: str) -> tuple[str, tuple[Finding, ...]]:
    """Return what the first step gets, by its annotation or else by what it is called."""
    found = book.function(step)
    node = found.node if found is not None else None
    required = required_of(node) if node is not None else ()
    name = next((one for one in reversed(required) if one not in MODEL_NAMES), "")
    arguments = node.args.args if isinstance(node, ast.FunctionDef) else []
    notes = (one.annotation for one in arguments if one.arg == name and one.annotation)
    noted = next(map(ast.unparse, notes), "")
    if "DataFrame" in noted:
        return "dataframe", ()
    if noted.lower().startswith(("list", "sequence")) or (not noted and name in _RECORDS):
        return "records", ()
    if noted.lower().startswith(("dict", "mapping")) or (not noted and name in _RECORD):
        return "record", ()
    hint = 'write `takes = "records"` for a list of dicts, `"record"` for one dict'
    message = f"`{step}` is taken to want a DataFrame"
    return "dataframe", (
        Finding("init/notebook-takes", message, "ketch.toml: pipeline.takes", hint, blocks=False),
    )
