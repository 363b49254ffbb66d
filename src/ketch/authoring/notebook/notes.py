"""What a person should know of the code that was taken."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from ketch.authoring.notebook.book import Book
from ketch.authoring.notebook.places import Places
from ketch.authoring.notebook.statements import Kind, Statement, calls
from ketch.errors import Finding

_ASKS = frozenset(["input", "getpass", "getpass.getpass"])
_SHOWS = frozenset(["display", "plt.show", "plt.plot", "plt.figure", "fig.show", "get_ipython"])
_BLIND = frozenset(["eval", "exec", "globals", "locals", "vars"])
_NOTEBOOKS_OWN = frozenset(["display", "get_ipython", "In", "Out", "_", "__"])


def notes(
    book: Book,
    code: Sequence[Statement],
    unknown: Mapping[str, str],
    places: Places,
    starred: Sequence[str],
) -> Iterator[Finding]:
    """Yield everything that is odd about the code that some steps reach."""
    for name, reader in unknown.items():
        if name.startswith("__") and name.endswith("__"):
            continue
        yield _unknown(name, reader, starred)
    for one in code:
        yield from _redefined(book, one)
        if one.kind is Kind.FUNCTION:
            yield from _calls(one)
            yield from _paths(one, places)


def _unknown(name: str, reader: str, starred: Sequence[str]) -> Finding:
    if name in _NOTEBOOKS_OWN:
        message = f"`{name}` is the notebook's own, and is not there in a package"
        return Finding("init/notebook-name", message, reader, "take it out of the function")
    if starred:
        message = f"`{name}` may come from `{starred[0]}`"
        return Finding("init/notebook-name", message, reader, "import it by its name", blocks=False)
    message = f"`{name}` is read, and the notebook defines it nowhere"
    hint = "define it in a cell, or import it by its name where `*` brought it"
    return Finding("init/notebook-name", message, reader, hint)


def _redefined(book: Book, one: Statement) -> Iterator[Finding]:
    for name in sorted(one.binds):
        others = [
            other
            for other in book.statements
            if name in other.binds and other.kind is not Kind.IMPORT and other.text != one.text
        ]
        cells = sorted({other.where for other in others} - {one.where})
        if one.kind is not Kind.IMPORT and book.latest(name)[-1] is one and cells:
            yield Finding(
                "init/notebook-redefined",
                f"`{name}` is defined more than once; the last one is taken, others: "
                f"{', '.join(cells[:5])}",
                one.where,
                "remove what is out of date, or compare the answers",
                blocks=False,
            )


def _calls(one: Statement) -> Iterator[Finding]:
    name, called = next(iter(sorted(one.binds))), set(calls(one.node))
    if called & _ASKS:
        message = f"`{name}` asks a person, and nobody is there when a package answers"
        yield Finding("init/notebook-call", message, one.where, "make it a parameter")
    if shown := sorted(called & _SHOWS - _NOTEBOOKS_OWN):
        message = f"`{name}` calls `{shown[0]}`, which shows nothing in a package"
        hint = "take it out: it costs time, and a library"
        yield Finding("init/notebook-call", message, one.where, hint, blocks=False)
    if blind := sorted(called & _BLIND):
        message = f"`{name}` calls `{blind[0]}`, so what it reads cannot be told"
        hint = "look whether all that it needs is in pipeline.py"
        yield Finding("init/notebook-call", message, one.where, hint, blocks=False)


def _paths(one: Statement, places: Places) -> Iterator[Finding]:
    for node, _ in places.named(one.node):
        spelled = places.text(node) or ""
        if not isinstance(node, ast.Name):
            yield Finding(
                "init/notebook-path",
                f"`{next(iter(sorted(one.binds)))}` names `{spelled}`, which lies beside the "
                "notebook and not in the package",
                one.where,
                "read it once at the notebook's own level, so that it moves into `load`",
            )
