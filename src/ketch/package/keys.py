"""Tables of keys: one description that reads a TOML table and explains it to an editor.

A :class:`Table` lists the keys a table of ``ketch.toml`` may hold. The same list
checks what an author wrote and generates the JSON Schema that editors use, so the
two can't disagree.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ketch.errors import Finding
from ketch.package.paths import printable

ENTRY_POINT = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"

_MOST_UNKNOWN = 20  # a table with thousands of keys is another table, or an attack
_LONGEST_SHOWN = 60
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _LONGEST_SHOWN


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value must be.

    Attributes:
        name: How an error names it.
        schema: The same as JSON Schema (draft 2020-12).
        check: Python type of the value; ``None`` for any JSON value.
        pattern: Regular expression that text, or each item of a list, must match.
        allowed: The only values there are.
    """

    name: str
    schema: Mapping[str, object]
    check: type | tuple[type, ...] | None
    pattern: str | None = None
    allowed: tuple[str, ...] = ()
    item: Kind | None = None

    def problem(self, value: object) -> str | None:
        """Return what was expected and found, or ``None`` when the value is right."""
        if self.check is not None and not _is(value, self.check):
            return f"expected {self.name}, found `{_shown(value)}`"
        if self.allowed and value not in self.allowed:
            return f"expected one of {_listed(self.allowed)}, found `{_shown(value)}`"
        if self.pattern and isinstance(value, str) and not re.fullmatch(self.pattern, value):
            return f"expected {self.name}, found `{_shown(value)}`"
        if self.item is None:
            return None
        problems = (self.item.problem(item) for item in _items(value))
        return next((problem for problem in problems if problem), None)


def text(name: str = "text", *, pattern: str | None = None, allowed: tuple[str, ...] = ()) -> Kind:
    """Return the kind of a piece of text."""
    schema: dict[str, object] = {"type": "string"}
    if pattern:
        schema["pattern"] = f"^(?:{pattern})$"
    if allowed:
        schema["enum"] = list(allowed)
    return Kind(name, schema, str, pattern, allowed)


def list_of(item: Kind) -> Kind:
    """Return the kind of a list of such items."""
    return Kind(f"a list of {item.name}", {"type": "array", "items": item.schema}, list, item=item)


def table_of(item: Kind) -> Kind:
    """Return the kind of a table whose values are all of one kind."""
    schema = {"type": "object", "additionalProperties": item.schema}
    return Kind(f"a table of {item.name}", schema, dict, item=item)


def either(*kinds: Kind) -> Kind:
    """Return the kind of a value that is one of several kinds."""
    return _Either(
        " or ".join(kind.name for kind in kinds),
        {"anyOf": [kind.schema for kind in kinds]},
        None,
        kinds=kinds,
    )


@dataclass(frozen=True, slots=True)
class _Either(Kind):
    kinds: tuple[Kind, ...] = ()

    def problem(self, value: object) -> str | None:
        problems = [kind.problem(value) for kind in self.kinds]
        return None if None in problems else f"expected {self.name}, found `{_shown(value)}`"


TEXT = text()
FLAG = Kind("true or false", {"type": "boolean"}, bool)
MOST = 1e12
AMOUNT = Kind(
    "a number above 0",
    {"type": "number", "exclusiveMinimum": 0, "maximum": MOST},
    (int, float),
)
ANYTHING = Kind("a value", {}, None)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table."""

    name: str
    kind: Kind
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The keys a table may hold, and what the table is for."""

    doc: str
    keys: tuple[Key, ...]

    def read(self, body: object, where: str, findings: list[Finding]) -> dict[str, object]:
        """Return the values that are right; append a finding for each that is not."""
        if not isinstance(body, Mapping):
            findings.append(_wrong(f"expected a table, found `{_shown(body)}`", where))
            return {}
        known = {key.name: key for key in self.keys}
        unknown = [str(name) for name in body if name not in known]
        findings += [_unknown(name, tuple(known), where) for name in unknown[:_MOST_UNKNOWN]]
        values: dict[str, object] = {}
        for key in self.keys:
            if key.name not in body:
                if key.required:
                    findings.append(_missing(key, where))
            elif problem := key.kind.problem(body[key.name]):
                findings.append(_wrong(problem, f"{where}.{key.name}"))
            else:
                values[key.name] = body[key.name]
        return values

    def json_schema(self) -> dict[str, object]:
        """Return the table as JSON Schema, for editors."""
        return {
            "type": "object",
            "description": self.doc,
            "properties": {
                key.name: {**key.kind.schema, "description": key.doc} for key in self.keys
            },
            "required": [key.name for key in self.keys if key.required],
            "additionalProperties": False,
        }


def _items(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


def _is(value: object, check: type | tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return check is bool
    if check == (int, float):
        return isinstance(value, (int, float)) and 0 < value <= MOST
    return isinstance(value, check)


def _wrong(message: str, where: str) -> Finding:
    return Finding("manifest/wrong-value", message, where)


def _missing(key: Key, where: str) -> Finding:
    return Finding(
        "manifest/missing-key", f"expected `{key.name}`, found nothing", where, hint=key.doc
    )


def _unknown(name: str, known: tuple[str, ...], where: str) -> Finding:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"the keys here are {_listed(known)}"
    return Finding("manifest/unknown-key", f"unknown key `{printable(name)}`", where, hint=hint)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > _LONGEST_SHOWN:
        return "an endless number"  # Python refuses to print integers of thousands of digits
    shown = value if isinstance(value, str) else _SHORT.repr(value)
    return printable(shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 1] + "…")
