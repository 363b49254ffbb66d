"""What a check finds wrong, before it becomes a :class:`~ketch.errors.Finding`.

Checks run on every request, so they say nothing while all is well: they return the
normalised value, or raise :class:`Wrong` with every problem inside that value. Texts
are made last, and only for the problems that are shown.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import length_hint
from typing import Self, TypeAlias

from ketch.errors import Finding

Check: TypeAlias = Callable[[object], object]
"""Returns the value in its normal form, or raises :class:`Wrong`."""

Hint: TypeAlias = str | Callable[[], str | None] | None
"""What to do about a problem, or how to find out, when that takes a search."""

MOST = 100
"""How many problems are told one by one; a longer list is counted, not read."""

_SEARCHES = 20  # of so many names of a request at most we look for what was meant
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a value.

    Attributes:
        code: As in :class:`~ketch.errors.Finding`.
        expected: What should stand there, in words.
        value: What stands there.
        hint: What to do about it, when we know.
        path: Where inside the checked value, such as ``.items[2]``.
        found: Words for what stands there, when showing the value would say too little.
        private: Whether the value may not be shown, because the field holds personal data.
    """

    code: str
    expected: str
    value: object
    hint: Hint = None
    path: str = ""
    found: str | None = None
    private: bool = False

    def to_finding(self, where: str, *, search: bool = True) -> Finding:
        """Return the finding, at its path below ``where``."""
        hint = (self.hint() if search else None) if callable(self.hint) else self.hint
        found = self.found or (kind(self.value) if self.private else show(self.value))
        message = f"expected {self.expected}, found {found}"
        return Finding(self.code, message, f"{where}{self.path}", hint)


class Wrong(Exception):
    """A value does not pass its check; holds up to ``MOST`` problems and counts the rest."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = list(problems)
        self.more = 0

    def add(self, path: str, inner: Self) -> None:
        """Take over the problems of a part that stands at ``path``."""
        room = max(MOST - len(self.problems), 0)
        for problem in inner.problems[:room]:
            self.problems.append(replace(problem, path=path + problem.path))
        self.more += max(len(inner.problems) - room, 0) + inner.more

    def without_values(self) -> Self:
        """Return the same problems without the values: those of personal data stay unseen."""
        self.problems = [replace(problem, private=True) for problem in self.problems]
        return self

    def to_findings(self, where: str) -> Iterator[Finding]:
        """Yield a finding for each problem, and one that counts those left out."""
        for index, problem in enumerate(self.problems):
            yield problem.to_finding(where, search=index < _SEARCHES)
        if self.more:
            yield Finding("schema/more", f"and {self.more} more", where or None)


def check_items(check: Check, values: Sequence[object], first: int = 0) -> list[object]:
    """Return every item in normal form, or raise all that is wrong at ``[first]`` and on.

    No item is checked twice, not even to find out more: nested lists would double the
    work at each level.
    """
    rest = iter(values)
    try:
        return [check(value) for value in rest]
    except Wrong as inner:
        failed = first + len(values) - length_hint(rest) - 1
        wrong = Wrong()
        wrong.add(f"[{failed}]", inner)
    for place, value in enumerate(rest, failed + 1):
        later = attempt(check, value)
        if later:
            wrong.add(f"[{place}]", later)
    raise wrong


def attempt(check: Check, value: object) -> Wrong | None:
    """Run one check; return what is wrong, if anything is."""
    try:
        check(value)
    except Wrong as wrong:
        return wrong
    return None


def show(value: object) -> str:
    """Return a value for a message: short, in backticks, as JSON writes it."""
    if isinstance(value, dict | list):
        return kind(value)
    if isinstance(value, str):
        cut = value[:_SHOWN] + ("…" if len(value) > _SHOWN else "")
        return f"`{json.dumps(cut, ensure_ascii=not cut.isprintable())}`"
    if value is None or isinstance(value, bool):
        return f"`{json.dumps(value)}`"
    if isinstance(value, int) and value.bit_length() > 128:
        return "an integer of more than 128 bits"  # also: Python refuses to print huge ones
    if isinstance(value, int | float):
        return f"`{str(value)[:_SHOWN]}`"
    return kind(value)


def printable(text: str, most: int = 120) -> str:
    """Return text to be named in a message: one line, cut, without control characters."""
    shown = cut = text[: most + 1]
    if not cut.isprintable():
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in cut)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def escaped(text: str) -> str:
    r"""Return all of a text, with escapes for what moves a terminal's cursor or colours its screen.

    >>> escaped("done\x1b[2J")
    'done\\x1b[2J'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else _escape(c) for c in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def kind(value: object) -> str:
    """Return what sort of value it is, without the value.

    >>> kind([1, 2])
    'a list of 2 items'
    """
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return f"text of {len(value)} characters"
        case list():
            return f"a list of {len(value)} items"
        case dict():
            return f"an object of {len(value)} members"
        case _:
            return f"a Python `{type(value).__name__}`"
