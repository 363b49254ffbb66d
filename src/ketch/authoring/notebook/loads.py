"""A function of the notebook that loads: taken as it is, or called by the package's own."""

from __future__ import annotations

import ast

from ketch.authoring.drafting.literals import python
from ketch.authoring.notebook.book import Book, Reached, extend
from ketch.authoring.notebook.choose import unknown_step
from ketch.authoring.notebook.model_files import Given, Loading, ship
from ketch.authoring.notebook.statements import statement
from ketch.authoring.notebook.steps import required_of


def with_load(book: Book, found: Reached, given: Given, source: str) -> Book:
    """Return a notebook in which the author's load is called, and its result has a name.

    Raises:
        UsageError: ``init/notebook-steps``: there is no such function.
    """
    if given.load is None:
        return book
    load = book.function(given.load)
    if load is None:
        raise unknown_step(given.load, book, source)
    name = loaded_as(book, found, given.load)
    found.states.setdefault(name, None)
    if any(name in one.binds and given.load in one.now for one in book.statements):
        return book
    required = required_of(load.node)
    arguments = ["model_dir", "params"] if len(required) == 2 else []
    if len(required) == 1:
        file = next((path for path in given.files.values()), None)
        arguments = ["model_dir" if file is None else python(str(file.resolve()))]
    text = f"{name} = {given.load}({', '.join(arguments)})"
    node = ast.parse(text).body[0]
    return Book((*book.statements, statement(node, text, len(book.statements), source)))


def own_load(book: Book, found: Reached, given: Given) -> Loading | None:
    """Return the author's load as it is, when it takes what ketch hands over and is all there is.

    That is ``load(model_dir, params)``; the code that it needs is reached, too.
    """
    if given.load is None or not set(found.states) <= {loaded_as(book, found, given.load)}:
        return None
    load = book.function(given.load)
    if load is None or len(required_of(load.node)) != 2:
        return None
    made = Loading(own=given.load)
    extend(book, found, [given.load], frozenset(found.states))
    for path in given.files.values():
        ship(made, path)
    return made


def loaded_as(book: Book, found: Reached, load: str) -> str:
    """Return what the notebook calls that which its load returns."""
    for one in reversed(book.statements):
        value = getattr(one.node, "value", None)
        is_call = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
        if is_call and isinstance(value, ast.Call) and load in one.now and len(one.binds) == 1:
            return next(iter(one.binds))
    return next(iter(found.states), "model")
