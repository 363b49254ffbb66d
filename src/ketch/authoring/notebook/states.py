"""What has to be there before a request comes: models, lookup tables, values of training.

Each is handed over, or its file was saved by the notebook, or its statements read a file
that lies beside the notebook; these move into ``load``. What came out of training and was
not saved cannot be had, and is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ketch.authoring.drafting.literals import python
from ketch.authoring.notebook.book import Book, Reached, extend
from ketch.authoring.notebook.edits import Edit, applied, handed_on, parameter, span
from ketch.authoring.notebook.loads import loaded_as, own_load
from ketch.authoring.notebook.model_files import Given, Loading, from_file, ship
from ketch.authoring.notebook.places import Places, is_literal, saved_to
from ketch.authoring.notebook.statements import Kind, Statement, statement
from ketch.errors import Finding


def loading(book: Book, found: Reached, given: Given, places: Places) -> Loading:
    """Return how to load every state that was reached; the code this needs is reached, too."""
    own = own_load(book, found, given)
    if own is not None:
        return own
    loader = _Loader(book, found, given, places)
    together: set[Path] = set()
    by_load = loaded_as(book, found, given.load) if given.load else None
    for name in list(found.states):
        if name == by_load:
            loader.take(name)
        elif name in given.params:
            loader.made.lines.append(f'{name} = params["{name}"]')
        elif name in given.files:
            from_file(loader.made, name, given.files[name], given)
        elif (saved := saved_to(book, places, name)) is not None:
            names, file = saved
            if file not in together:
                from_file(loader.made, ", ".join(names), file, Given())
            together.add(file)
        else:
            loader.take(name)
    made = loader.made
    if made.missing:
        named = ", ".join(f"`{name}`" for name in made.missing)
        made.lines.append(f'raise NotImplementedError("load {named} here")')
    return made


@dataclass(slots=True)
class _Loader:
    """Moves the statements that make states into ``load``."""

    book: Book
    found: Reached
    given: Given
    places: Places
    made: Loading = field(default_factory=Loading)
    done: set[int] = field(default_factory=set)

    def take(self, name: str) -> None:
        """Take what made a state, when it reads a file and nothing of it was trained."""
        needed = _statements(self.book, name)
        trained = next((one for one in needed if one.kind is Kind.TRAINS), None)
        named = (part for one in needed for part in self.places.named(one.node, one.order))
        files = {path.resolve() for _, path in named}
        if self.given.load:
            files |= {path.resolve() for path in self.given.files.values()}
            for path in self.given.files.values():
                ship(self.made, path)
        at = trained or self.found.states.get(name) or needed[-1]
        if trained is not None or not files:
            how = "is trained" if trained is not None else "is made"
            self.made.findings.append(_undecided(name, how, at))
            self.made.missing.append(name)
            return
        rooted = {next(iter(one.binds)): one for one in needed if _opens(one, self.places)}
        for one in needed:
            if one.order not in self.done:
                self.done.add(one.order)
                self._move(one, rooted)
        self.made.findings.append(_reads_file(name, files, at))

    def _move(self, one: Statement, rooted: dict[str, Statement]) -> None:
        if self.book.is_data(one):
            self.made.lines.append(_moved(self.made, one, self.places, rooted))
            return
        if is_literal(one) and _names_file(one, self.places):
            return  # a path that was written into what reads it
        is_rooted = one in rooted.values()
        self.found.code[one.order] = _rooted(self.made, one, self.places) if is_rooted else one
        extend(self.book, self.found, one.reads, frozenset(self.found.states))


def _statements(book: Book, name: str) -> list[Statement]:
    """Return all that gave a name its value, in the notebook's order."""
    wanted: dict[int, Statement] = {}
    waiting: list[tuple[str, int | None]] = [(name, None)]
    while waiting:
        each, before = waiting.pop()
        for one in book.latest(each, before):
            if one.order not in wanted:
                wanted[one.order] = one
                waiting += [(other, one.order) for other in one.now]
    return [wanted[order] for order in sorted(wanted)]


def _moved(made: Loading, one: Statement, places: Places, rooted: Iterable[str] = ()) -> str:
    """Return a statement that reads from the model folder what it read beside the notebook."""
    tree = ast.parse(one.text)
    edits = handed_on(one.text, tree, rooted, "model_dir") if rooted else []
    for node, path in places.named(tree, one.order):
        start, end = span(one.text, node)
        if not _stands(one.text[start:end], node):
            continue  # inside an f-string, where older Pythons do not know the place
        is_asked = one.text[end:].lstrip().startswith(".")
        edits.append(Edit(start, end, _below(ship(made, path), is_asked)))
    return applied(one.text, edits)


def _stands(text: str, node: ast.expr) -> bool:
    """Whether a text is the source of an expression."""
    try:
        return ast.dump(ast.parse(text, mode="eval").body) == ast.dump(node)
    except SyntaxError:
        return False


def _below(name: str, is_asked: bool) -> str:  # noqa: FBT001 # two words would say no more
    """Return the expression for a file of the model, as one whose methods may be asked for."""
    text = f"Path(model_dir) / {python(name)}"
    return f"({text})" if is_asked else text


def _opens(one: Statement, places: Places) -> bool:
    """Whether a function opens a file by a name of its own."""
    return one.kind is Kind.FUNCTION and _names_file(one, places)


def _names_file(one: Statement, places: Places) -> bool:
    return any(True for _ in places.named(one.node))


def _rooted(made: Loading, one: Statement, places: Places) -> Statement:
    """Return a function that is told the folder in which its files lie."""
    text = _moved(made, one, places)
    tree = ast.parse(text)
    text = applied(text, [parameter(text, tree, next(iter(one.binds)), "model_dir")])
    return statement(ast.parse(text).body[0], text, one.order, one.where)


def _undecided(name: str, how: str, at: Statement) -> Finding:
    return Finding(
        "init/notebook-state",
        f"`{name}` {how} in the notebook and saved to no file that is there",
        at.where,
        f"save it (`joblib.dump({name}, '{name}.joblib')`) and run init again, name its file "
        f"(`--model {name}=FILE`), hand it over (`model={{'{name}': {name}}}`), or write it into "
        "`load` of pipeline.py",
    )


def _reads_file(name: str, files: Iterable[Path], at: Statement) -> Finding:
    named = ", ".join(f"`{path.name}`" for path in sorted(files))
    return Finding(
        "init/notebook-data",
        f"`{name}` is made from {named}, which ships below model/",
        at.where,
        "look whether it may: when it is training data, write what is needed of it to a small file",
        blocks=False,
    )
