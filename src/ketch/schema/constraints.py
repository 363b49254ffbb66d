"""Reading what a field promises beyond its type, and refusing what its type cannot keep."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from ketch.errors import Finding
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
FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)

_MOST = 2**53
_MEANT = {"minimum": "min", "maximum": "max", "enum": "values", "choices": "values"}


def read_constraints(
    t: Type, table: Mapping[str, object], where: str, findings: list[Finding]
) -> dict[str, Any]:
    """Return the constraints of a declaration, as arguments of a field.

    What its type cannot keep is left out and becomes a finding.
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key in {"type", "fields"}:
            continue  # read with the type
        if key not in READERS:
            message = f"expected a key of a field, found {show(key)}"
            hint = did_you_mean(_MEANT.get(str(key), str(key)), ("type", *READERS))
            findings.append(Finding("schema/unknown-key", message, where, hint))
            continue
        try:
            found[key] = READERS[key](t, value)
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
    if isinstance(value, str):
        return value
    raise _bad("text", value)


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
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    raise _bad("a number, zero or more", value)


def _compare(t: Type, value: object) -> str:
    if isinstance(value, str) and FUNCTION.fullmatch(value):
        return value
    if isinstance(value, str) and (value == "set" or RANKING.fullmatch(value)):
        if not isinstance(t, List):
            raise _unsuited("a list", t)
        return value
    hint = "leave it out to compare exactly"
    raise _bad("`set`, `ranking@K` or `module:function`", value, hint=hint)


READERS: dict[str, Callable[[Type, object], object]] = {
    "nullable": _flag,
    "optional": _flag,
    "min": _bound,
    "max": _bound,
    "values": _values,
    "max_items": _max_items,
    "max_length": _max_length,
    "rtol": _tolerance,
    "atol": _tolerance,
    "compare": _compare,
    "pii": _flag,
    "description": _description,
}
"""How the value of each key is read; ``type`` and ``fields`` are read with the type."""


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
