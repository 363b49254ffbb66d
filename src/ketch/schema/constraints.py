"""Reading what a field promises beyond its type, and refusing what its type cannot keep."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ketch.errors import Finding
from ketch.schema.lines import LINE_PATTERN
from ketch.schema.nearest import did_you_mean
from ketch.schema.problems import Check, Problem, Wrong, attempt, show
from ketch.schema.scalars import Bounds, scalar_checker
from ketch.schema.types import (
    Binary,
    Date,
    Float,
    Int,
    List,
    String,
    Timestamp,
    Type,
    holds_floats,
    leaf,
)

RANKING = re.compile(r"ranking@([1-9][0-9]{0,5})")
FUNCTION_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*"
"""A function of the package, ``module:function``."""


COMPARING = frozenset({"rtol", "atol", "compare"})
"""The keys that say how an answer is compared with the expected one."""

_COMPARED = "only answers are compared; leave it out here, or move it to `[outputs]`"
_MOST = 2**53
_LARGEST = sys.float_info.max
_MEANT = {"minimum": "min", "maximum": "max", "enum": "values", "choices": "values"}


def read_constraints(
    t: Type, table: Mapping[str, object], where: str, findings: list[Finding], *, answers: bool
) -> dict[str, Any]:
    """Return the constraints of a declaration, as arguments of a field.

    What its type cannot keep is left out and becomes a finding; so is, unless the field
    is one of the ``answers``, how it is compared.
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key in {"type", "fields"}:
            continue  # read with the type
        if key not in CONSTRAINTS:
            message = f"expected a key of a field, found {show(key)}"
            hint = did_you_mean(_MEANT.get(str(key), str(key)), ("type", *CONSTRAINTS))
            findings.append(Finding("schema/unknown-key", message, where, hint))
            continue
        if key in COMPARING and not answers:
            message = f"expected `{key}` on a field of the outputs, found it on an input"
            findings.append(Finding("schema/bad-constraint", message, f"{where}.{key}", _COMPARED))
            continue
        try:
            found[key] = CONSTRAINTS[key].read(t, value)
        except Wrong as wrong:
            findings.extend(wrong.to_findings(f"{where}.{key}"))
    for key, contradiction in _contradictions(t, found):
        findings.extend(contradiction.to_findings(f"{where}.{key}"))
        found.pop(key)
    return found


def _contradictions(t: Type, found: Mapping[str, Any]) -> list[tuple[str, Wrong]]:
    """Return the constraints that exclude another one, each with what is wrong."""
    wrong: list[tuple[str, Wrong]] = []
    scalar = leaf(t)
    if scalar and found.get("min") is not None and found.get("max") is not None:
        inner = attempt(scalar_checker(scalar, Bounds(min=found["min"])), found["max"])
        if inner:
            wrong.append(("max", inner))
    if scalar and "values" in found and not wrong:
        check = scalar_checker(scalar, Bounds(min=found.get("min"), max=found.get("max")))
        inner = next(filter(None, (attempt(check, one) for one in found["values"])), None)
        if inner:
            wrong.append(("values", inner))
    for key in {"rtol", "atol"} & found.keys():
        if "compare" in found:
            expected = f"no tolerance beside `compare`, which is `{found['compare']}`"
            wrong.append((key, _bad(expected, found[key])))
    return wrong


def _flag(_: Type, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _bad("true or false", value)


def _description(_: Type, value: object) -> str:
    if isinstance(value, str) and re.fullmatch(LINE_PATTERN, value):
        return value
    raise _bad("one line of text", value)


def _bound(t: Type, value: object) -> object:
    scalar = leaf(t)
    if not isinstance(scalar, Int | Float | Date | Timestamp):
        raise _unsuited("a number, a day or an instant", t)
    return _normal(scalar_checker(scalar), value)


def _values(t: Type, value: object) -> tuple[object, ...]:
    scalar = leaf(t)
    if not isinstance(scalar, Int | String | Date):
        raise _unsuited("an integer, a string or a day", t)
    if not isinstance(value, list | tuple) or not value:
        raise _bad("a list of at least one value", value)
    check = scalar_checker(scalar)
    values = tuple(_normal(check, one) for one in value)
    if len(set(values)) < len(values):
        raise _bad("each value once", value, found="one twice")
    return values


def _max_items(t: Type, value: object) -> int:
    if not isinstance(t, List):
        raise _unsuited("a list", t)
    return _count(value)


def _max_length(t: Type, value: object) -> int:
    if not isinstance(leaf(t), String | Binary):
        raise _unsuited("a string or binary", t)
    return _count(value)


def _tolerance(t: Type, value: object) -> float:
    if not holds_floats(t):
        raise _unsuited("a floating-point number", t)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return float(value)
    raise _bad("a number, zero or more", value)


def _compare(t: Type, value: object) -> str:
    if isinstance(value, str) and re.fullmatch(FUNCTION_PATTERN, value):
        return value
    if isinstance(value, str) and (value == "set" or RANKING.fullmatch(value)):
        if not isinstance(t, List):
            raise _unsuited("a list", t)
        return value
    hint = "leave it out to compare exactly"
    raise _bad("`set`, `ranking@K` or `module:function`", value, hint=hint)


@dataclass(frozen=True, slots=True)
class Constraint:
    """One key of a declaration, beside ``type`` and ``fields``.

    Attributes:
        read: Returns what a value means for a type, or raises :class:`Wrong`.
        schema: What an editor knows of the value, as JSON Schema.
        says: What the key promises.
    """

    read: Callable[[Type, object], object]
    schema: Mapping[str, object]
    says: str


_IS_FLAG = {"type": "boolean"}
_IS_BOUND = {"type": ["number", "string"]}
_IS_COUNT = {"type": "integer", "minimum": 0, "maximum": _MOST}
_IS_TOLERANCE = {"type": "number", "minimum": 0}

CONSTRAINTS = {
    "nullable": Constraint(_flag, _IS_FLAG, "Null is a value; the name must still be there."),
    "optional": Constraint(_flag, _IS_FLAG, "The name may be absent, which means null."),
    "min": Constraint(_bound, _IS_BOUND, "Smallest number, day or instant."),
    "max": Constraint(_bound, _IS_BOUND, "Largest number, day or instant."),
    "values": Constraint(
        _values,
        {
            "type": "array",
            "items": {"type": ["integer", "string"]},
            "minItems": 1,
            "uniqueItems": True,
        },
        "The only values there are.",
    ),
    "max_items": Constraint(_max_items, _IS_COUNT, "Most items of a list."),
    "max_length": Constraint(_max_length, _IS_COUNT, "Most characters, or bytes of a binary."),
    "rtol": Constraint(_tolerance, _IS_TOLERANCE, "How far a float may be off, of its size."),
    "atol": Constraint(_tolerance, _IS_TOLERANCE, "How far a float may be off, in all."),
    "compare": Constraint(
        _compare,
        {"type": "string", "pattern": f"^(?:set|{RANKING.pattern}|{FUNCTION_PATTERN})$"},
        "`set`, `ranking@K` or `module:function`; left out to compare exactly.",
    ),
    "pii": Constraint(_flag, _IS_FLAG, "Personal data: no message shows the value."),
    "description": Constraint(
        _description, {"type": "string", "pattern": f"^(?:{LINE_PATTERN})$"}, "For people."
    ),
}  # fmt: skip
"""What each key of a declaration may be; ``type`` and ``fields`` are read with the type."""


def _normal(check: Check, value: object) -> object:
    # TOML has days and instants of its own; JSON writes them as text.
    return check(value.isoformat() if isinstance(value, date) else value)


def _count(value: object) -> int:
    if type(value) is int and 0 <= value <= _MOST:
        return value
    raise _bad("a whole number, zero or more", value)


def _unsuited(wanted: str, t: Type) -> Wrong:
    return _bad(f"the type to be {wanted}", None, found=f"`{t}`")


def _bad(
    expected: str, value: object, *, hint: str | None = None, found: str | None = None
) -> Wrong:
    return Wrong(Problem("schema/bad-constraint", expected, value, hint, found=found))
