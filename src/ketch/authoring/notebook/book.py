"""The statements of a notebook by the names they define, and what a name reaches."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ketch.authoring.notebook.statements import Kind, Statement, calls

_DATA = (Kind.READS, Kind.TRAINS)


@dataclass(frozen=True)
class Book:
    """A notebook's statements in their order.

    A name means what it was given last: before the statement that reads it, or, for what a
    function reads, at the end of the notebook.
    """

    statements: tuple[Statement, ...]

    @cached_property
    def _binding(self) -> Mapping[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for one in self.statements:
            for name in (*one.binds, *one.changes):
                found.setdefault(name, []).append(one)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is bound, in the order of first sight."""
        return tuple(self._binding)

    def latest(self, name: str, before: int | None = None) -> tuple[Statement, ...]:
        """Return the statement that gave a name its value, and those that changed it since."""
        all_of_it = self._binding.get(name, [])
        earlier = [one for one in all_of_it if before is None or one.order < before]
        found: list[Statement] = []
        for one in reversed(earlier or all_of_it):  # a later cell ran first
            found.insert(0, one)
            if name in one.binds and not _is_guarded_import(one, name):
                break
        return tuple(found)

    def function(self, name: str) -> Statement | None:
        """Return the definition of a function or of what a lambda is called."""
        found = self.latest(name)
        if not found:
            return None
        node = found[-1].node
        is_lambda = isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        return found[-1] if is_function or is_lambda else None

    def is_data(self, one: Statement, seen: frozenset[int] = frozenset()) -> bool:
        """Whether a value comes from a file, from training or from anything that does."""
        if one.kind in (Kind.IMPORT, Kind.FUNCTION) or one.order in seen:
            return False
        if one.kind in _DATA:
            return True
        called = set(calls(one.node))
        seen |= {one.order}
        for name in one.now:
            for other in self.latest(name, one.order):
                if other.kind is Kind.FUNCTION:
                    if name in called and self.touches(other):
                        return True
                elif other.order != one.order and self.is_data(other, seen):
                    return True
        return False

    def touches(self, one: Statement, seen: frozenset[int] = frozenset()) -> bool:
        """Whether a function reads files or trains, itself or in what it calls."""
        if one.order in seen:
            return False
        own = Statement(**{**one.__dict__, "node": ast.Module(getattr(one.node, "body", []), [])})
        if own.kind in _DATA:
            return True
        called = set(calls(one.node))
        others = (other for name in one.reads & called for other in self.latest(name))
        seen |= {one.order}
        return any(other.kind is Kind.FUNCTION and self.touches(other, seen) for other in others)


def _is_guarded_import(one: Statement, name: str) -> bool:
    """Whether a name is one of several that `import a.b` and `import a.c` build up."""
    return isinstance(one.node, ast.Import) and any(
        alias.asname is None and alias.name.startswith(f"{name}.") for alias in one.node.names
    )


@dataclass(slots=True)
class Reached:
    """What some names reach.

    Attributes:
        code: The statements that stand as they are, by their order.
        states: The names of data: what has to be there before a request comes.
        unknown: Names that nothing defines → who reads them.
    """

    code: dict[int, Statement] = field(default_factory=dict)
    states: dict[str, Statement | None] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def ordered(self, book: Book) -> tuple[Statement, ...]:
        """Return the code in the notebook's order, but nothing before what it needs."""
        placed: dict[int, Statement] = {}
        for order in sorted(self.code):
            self._place(self.code[order], book, placed, set())
        return tuple(placed.values())

    def _place(
        self, one: Statement, book: Book, placed: dict[int, Statement], above: set[int]
    ) -> None:
        if one.order in placed or one.order in above:
            return
        for name in sorted(one.reads):
            for other in book.latest(name, one.order if name in one.now else None):
                if other.order in self.code:
                    self._place(other, book, placed, above | {one.order})
        placed[one.order] = one


def reach(book: Book, names: Iterable[str], given: Iterable[str] = ()) -> Reached:
    """Follow names to everything they need; what is given is not followed."""
    found = Reached()
    extend(book, found, names, frozenset(given))
    return found


def extend(
    book: Book,
    found: Reached,
    names: Iterable[str],
    given: frozenset[str],
    before: int | None = None,
) -> None:
    """Follow further names; see :func:`reach`."""
    waiting: list[tuple[str, int | None, str]] = [(name, before, "the steps") for name in names]
    while waiting:
        name, until, reader = waiting.pop()
        if name in given:
            found.states.setdefault(name, None)
            continue
        bindings = book.latest(name, until)
        if not bindings:
            found.unknown.setdefault(name, reader)
            continue
        if any(map(book.is_data, bindings)):
            found.states.setdefault(name, bindings[-1])
            continue
        for one in bindings:
            if one.order in found.code:
                continue
            found.code[one.order] = one
            who = f"{next(iter(sorted(one.binds)), 'code')} ({one.where})"
            waiting += [(each, one.order if each in one.now else None, who) for each in one.reads]
