"""The columns that DuckDB makes of declared types."""

from __future__ import annotations

from collections.abc import Sequence

from ketch.schema import Field
from ketch.schema.types import (
    Binary,
    Bool,
    Date,
    Float,
    Int,
    List,
    Member,
    String,
    Struct,
    Tensor,
    Timestamp,
    Type,
)
from ketch.tables.engine import identifier, literal

_INTEGERS = {8: "TINYINT", 16: "SMALLINT", 32: "INTEGER", 64: "BIGINT"}
_STAMPS = {"s": "TIMESTAMP_S", "ms": "TIMESTAMP_MS", "us": "TIMESTAMP", "ns": "TIMESTAMP_NS"}


def spool_sql(t: Type) -> str:
    """Return the type to read the JSON form as: text, where JSON has only text."""
    match t:
        case List(item):
            return f"{spool_sql(item)}[]"
        case Tensor(dtype, shape):
            return _scalar(dtype) + "[]" * len(shape)
        case Struct(members):
            parts = (f"{identifier(one.name)} {spool_sql(one.type)}" for one in members)
            return f"STRUCT({', '.join(parts)})"
        case _:
            return "VARCHAR" if _has_text(t) else _scalar(t)


def column_sql(expression: str, t: Type) -> str:
    """Return the query text that turns what was read into the column."""
    return _column(expression, t, depth=0)


def case_twins(fields: Sequence[Field | Member]) -> tuple[str, ...]:
    """Return two names in one place that are the same but for case; none when there are none."""
    seen: dict[str, str] = {}
    for field in fields:
        first = seen.setdefault(field.name.lower(), field.name)
        if first != field.name:
            return first, field.name
    return next(filter(None, (case_twins(_members(field.type)) for field in fields)), ())


def _members(t: Type) -> tuple[Member, ...]:
    match t:
        case List(item):
            return _members(item)
        case Struct(members):
            return members
    return ()


def _scalar(t: Type) -> str:
    match t:
        case Bool():
            return "BOOLEAN"
        case Int(bits, signed):
            return f"{'' if signed else 'U'}{_INTEGERS[bits]}"
        case Float(bits):
            return "DOUBLE" if bits == 64 else "FLOAT"
        case String():
            return "VARCHAR"
        case Binary():
            return "BLOB"
        case Date():
            return "DATE"
        case Timestamp(unit, zone):
            if zone is None:
                return _STAMPS[unit]
            return "TIMESTAMPTZ_NS" if unit == "ns" else "TIMESTAMPTZ"
    raise TypeError(t)


def _column(expression: str, t: Type, depth: int) -> str:
    match t:
        case Binary():
            return f"from_base64({expression})"
        case Date() | Timestamp():
            return f"CAST({expression} AS {_scalar(t)})"
        case List(item) if _has_text(item):
            name = f"x{depth}"
            return f"list_transform({expression}, lambda {name}: {_column(name, item, depth + 1)})"
        case Struct(members) if _has_text(t):
            inner = {
                one.name: f"struct_extract({expression}, {literal(one.name)})" for one in members
            }
            parts = ", ".join(
                f"{identifier(one.name)} := {_column(inner[one.name], one.type, depth)}"
                for one in members
            )
            return f"CASE WHEN {expression} IS NOT NULL THEN struct_pack({parts}) END"
    return expression


def _has_text(t: Type) -> bool:
    """Whether a value of the type has text in JSON form that is no text in the column."""
    match t:
        case List(item):
            return _has_text(item)
        case Struct(members):
            return any(_has_text(one.type) for one in members)
    return isinstance(t, (Binary, Date, Timestamp))
