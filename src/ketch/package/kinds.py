"""What the value of a key must be, for us and for an editor alike.

A :class:`Kind` is one description with two readings: a function that says what is wrong
with a value, and the JSON Schema (draft 2020-12) of the values that are right. Law: a
value has a problem exactly when it is not valid against the schema; where a grammar is
another module's, its pattern says what a pattern can.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ketch.errors import Finding
from ketch.package.paths import printable
from ketch.schema.constraints import FUNCTION_PATTERN
from ketch.schema.lines import FILE_PATTERN, LINE_PATTERN, WORDS_PATTERN

ENTRY_POINT = FUNCTION_PATTERN
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
LIBRARY = r"(?![aA][lL][lL]$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
"""The name of a library; a lock says `all` for all of them."""


MOST = 1e12

_LONGEST_SHOWN = 60
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _LONGEST_SHOWN

Judge: TypeAlias = Callable[[object], str | None]
"""Returns what was expected and found, or ``None`` when a value is right."""


class Grammar(Protocol):
    """Says everything that is wrong with a text, in words of its own."""

    def __call__(self, text: str, /, *, where: str | None = None) -> tuple[Finding, ...]:
        """Return what is wrong with a text."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value must be.

    Attributes:
        name: How an error names it.
        schema: The same as JSON Schema.
        problem: Says what was expected and found.
        allowed: The only values there are.
        grammar: Says more about a text than ``problem`` can.
        plural: How an error names several.
    """

    name: str
    schema: Mapping[str, object]
    problem: Judge
    allowed: tuple[str, ...] = ()
    grammar: Grammar | None = None
    plural: str = "values"

    def findings(self, value: object, where: str) -> tuple[Finding, ...]:
        """Return everything that is wrong with a value."""
        if self.grammar is not None and isinstance(value, str):
            return self.grammar(value, where=where)
        problem = self.problem(value)
        hint = _quote(value) if self.schema.get("type") == "string" else None
        return () if problem is None else (wrong(problem, where, hint),)


def text(name: str, *, pattern: str, plural: str = "texts") -> Kind:
    """Return the kind of a piece of text that matches a pattern."""
    fits = re.compile(pattern)

    def problem(value: object) -> str | None:
        if isinstance(value, str) and fits.fullmatch(value):
            return None
        return f"expected {name}, found `{shown(value)}`"

    schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return Kind(name, schema, problem, plural=plural)


def one_of(*allowed: str) -> Kind:
    """Return the kind of a text that is one of a few."""

    def problem(value: object) -> str | None:
        if isinstance(value, str) and value in allowed:
            return None
        return f"expected one of {listed(allowed)}, found `{shown(value)}`"

    return Kind("text", {"enum": list(allowed)}, problem, allowed)


def named(name: str, grammar: Grammar, *, pattern: str, longest: int) -> Kind:
    """Return the kind of a piece of text that another module judges.

    Args:
        name: How an error names it.
        grammar: What judges it.
        pattern: The same for an editor.
        longest: Most characters, for an editor.
    """
    kind = text(name, pattern=pattern)
    return Kind(name, {**kind.schema, "maxLength": longest}, kind.problem, grammar=grammar)


def list_of(item: Kind, *, at_least: int = 0) -> Kind:
    """Return the kind of a list of such items."""
    name = f"a list of {item.plural}"

    def problem(value: object) -> str | None:
        if not isinstance(value, list):
            return f"expected {name}, found `{shown(value)}`"
        if len(value) < at_least:
            return f"expected {name}, at least `{at_least}`, found `{len(value)}`"
        return _first(map(item.problem, value))

    schema = {"type": "array", "items": item.schema}
    return Kind(name, {**schema, "minItems": at_least} if at_least else schema, problem)


def table_of(item: Kind, names: Kind) -> Kind:
    """Return the kind of a table whose values are all of one kind, and whose names are, too."""
    name = f"a table of {item.plural}"

    def problem(value: object) -> str | None:
        if not isinstance(value, Mapping):
            return f"expected {name}, found `{shown(value)}`"
        return _first(map(names.problem, value)) or _first(map(item.problem, value.values()))

    schema = {"additionalProperties": item.schema, "propertyNames": names.schema}
    return Kind(name, {"type": "object", **schema}, problem)


def either(*kinds: Kind) -> Kind:
    """Return the kind of a value that is one of several kinds."""
    name = " or ".join(kind.name for kind in kinds)

    def problem(value: object) -> str | None:
        fits = any(kind.problem(value) is None for kind in kinds)
        return None if fits else f"expected {name}, found `{shown(value)}`"

    return Kind(name, {"anyOf": [kind.schema for kind in kinds]}, problem)


def _flag(value: object) -> str | None:
    fits = isinstance(value, bool)
    return None if fits else f"expected true or false, found `{shown(value)}`"


def _amount(value: object) -> str | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = is_number and 0 < value <= MOST  # type: ignore[operator] # a number, as was said
    return None if fits else f"expected a number above 0, found `{shown(value)}`"


LINE = text("one line of text", pattern=LINE_PATTERN)
FILE = text("the path of a file", pattern=FILE_PATTERN)
WORDS = text("one line of text, not empty", pattern=WORDS_PATTERN, plural="lines of text")
FLAG = Kind("true or false", {"type": "boolean"}, _flag)
AMOUNT = Kind(
    "a number above 0", {"type": "number", "exclusiveMinimum": 0, "maximum": MOST}, _amount
)
ANYTHING = Kind("a value", {}, lambda _: None)


def wrong(message: str, where: str, hint: str | None = None) -> Finding:
    """Return the finding for a value that is not what it must be."""
    return Finding("manifest/wrong-value", message, where, hint)


def listed(names: Iterable[str]) -> str:
    """Return names for a message, each in backticks."""
    return ", ".join(f"`{name}`" for name in names)


def shown(value: object) -> str:
    """Return a value for a message, in one short line."""
    if isinstance(value, int) and value.bit_length() > _LONGEST_SHOWN:
        return "an endless number"  # Python refuses to print integers of thousands of digits
    return printable(value if isinstance(value, str) else _SHORT.repr(value), _LONGEST_SHOWN)


def _quote(value: object) -> str | None:
    """Return what to do about a number where a text belongs."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return f'quote it: `"{shown(value)}"`; unquoted it is a number, and 3.10 is 3.1'


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)
