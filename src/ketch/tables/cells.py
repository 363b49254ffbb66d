"""Columns of DuckDB: what Arrow calls their types, and their cells as plain values.

Two notations of a cell are needed. *JSON form* is what crosses every border of ketch;
*counted* form is the same but for instants and days, which are integers counted from
1970, and is what digests and statistics are made of. Both are made inside the query, so
that Python only ever sees null, booleans, integers, floats, text and lists of those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ketch.tables.engine import identifier, literal

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

    Leaf = Callable[[str, DuckDBPyType], str]

_ARROW = {
    "boolean": "bool",
    "tinyint": "int8",
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "utinyint": "uint8",
    "usmallint": "uint16",
    "uinteger": "uint32",
    "ubigint": "uint64",
    "hugeint": "decimal128(38, 0)",
    "float": "float32",
    "double": "float64",
    "varchar": "string",
    "enum": "string",
    "uuid": "string",
    "blob": "binary",
    "date": "date32",
    "time": "time64[us]",
    "time_ns": "time64[ns]",
    "timestamp_s": "timestamp[s]",
    "timestamp_ms": "timestamp[ms]",
    "timestamp": "timestamp[us]",
    "timestamp_ns": "timestamp[ns]",
    "timestamp with time zone": "timestamp[us, UTC]",
    "timestamptz_ns": "timestamp[ns, UTC]",
    "null": "null",
}
_LISTS = ("list", "array")
_NATIVE = frozenset(
    {"tinyint", "smallint", "integer", "bigint"} | {"utinyint", "usmallint", "uinteger", "ubigint"}
)
_INTEGERS = _NATIVE | {"hugeint", "uhugeint"}
_AS_IS = _NATIVE | {"boolean", "float", "double", "varchar", "null"}
_NANOSECONDS = ("timestamp_ns", "timestamptz_ns")
_ZONED = ("timestamp with time zone", "timestamptz_ns")
_FOREVER = 2**63 - 1


def arrow_name(t: DuckDBPyType) -> str:
    """Return what Arrow calls a type; what Arrow lacks keeps DuckDB's name in lower case."""
    if t.id in _LISTS:
        return f"list<{arrow_name(parts(t)[0][1])}>"
    if t.id == "struct":
        members = ", ".join(f"{name}: {arrow_name(part)}" for name, part in parts(t))
        return f"struct<{members}>"
    if t.id == "map":
        (_, key), (_, value) = parts(t)
        return f"map<{arrow_name(key)}, {arrow_name(value)}>"
    if t.id == "decimal":
        precision, scale = (size for _, size in t.children)
        return f"decimal128({precision}, {scale})"
    return _ARROW.get(_id(t), str(t).lower())


def json_form(expression: str, t: DuckDBPyType) -> str:
    """Return the query text of a cell in JSON form."""
    return _cell(expression, t, _json_leaf)


def is_whole(t: DuckDBPyType) -> bool:
    """Whether a type holds integers only."""
    if t.id == "decimal":
        return dict(t.children)["scale"] == 0
    return _id(t) in _INTEGERS


def counted(expression: str, t: DuckDBPyType) -> str:
    """Return the query text of a cell whose days and instants are counted from 1970.

    Days for a date, and the type's own unit for a timestamp, in UTC if it has a zone.
    """
    return _cell(expression, t, _counted_leaf)


def _cell(expression: str, t: DuckDBPyType, leaf: Leaf, depth: int = 0) -> str:
    if _plain(t):
        return expression
    if t.id in _LISTS:
        item, name = parts(t)[0][1], f"x{depth}"
        if t.id == "array":  # Python would see a tuple
            expression = f"CAST({expression} AS {item}[])"
        return f"list_transform({expression}, lambda {name}: {_cell(name, item, leaf, depth + 1)})"
    if t.id == "struct":
        inner = {name: f"struct_extract({expression}, {literal(name)})" for name, _ in parts(t)}
        members = ", ".join(
            f"{identifier(name)} := {_cell(inner[name], part, leaf, depth)}"
            for name, part in parts(t)
        )
        return f"CASE WHEN {expression} IS NOT NULL THEN struct_pack({members}) END"
    if t.id == "map":
        entries = f"CAST(map_entries({expression}) AS {_entry(t)}[])"
        (_, key), (_, value) = parts(t)
        name = f"x{depth}"
        pair = ", ".join(
            f'"{part}" := {_cell(f"{name}.{part}", kind, leaf, depth + 1)}'
            for part, kind in (("key", key), ("value", value))
        )
        return f"list_transform({entries}, lambda {name}: struct_pack({pair}))"
    return leaf(expression, t)


def _json_leaf(expression: str, t: DuckDBPyType) -> str:
    kind = _id(t)
    if is_whole(t):  # an integer, which a float64 might not hold
        return f"CAST({expression} AS HUGEINT)"
    if kind == "blob":
        return f"to_base64({expression})"
    if kind == "date":
        return f"strftime({expression}, '%Y-%m-%d')"
    if kind.startswith("timestamp"):
        fraction = "%n" if kind in _NANOSECONDS else "%f"
        text = f"strftime({expression}, '%Y-%m-%dT%H:%M:%S.{fraction}')"
        # Not inside the pattern: DuckDB 2.0 writes what follows `%n` over the last digits.
        return f"{text} || 'Z'" if kind in _ZONED else text
    if kind == "decimal":
        return f"CAST({expression} AS DOUBLE)"
    return f"CAST({expression} AS VARCHAR)"


def _counted_leaf(expression: str, t: DuckDBPyType) -> str:
    kind = _id(t)
    if kind == "blob":
        return f"to_base64({expression})"
    if kind == "date":
        return f"CAST({expression} - DATE '1970-01-01' AS BIGINT)"
    if kind.startswith("timestamp"):
        count = {
            "timestamp_s": f"epoch_us({expression}) // 1000000",
            "timestamp_ms": f"epoch_us({expression}) // 1000",
        }.get(kind, f"epoch_{'ns' if kind in _NANOSECONDS else 'us'}({expression})")
        # Counting an infinite time gives null, which would be mistaken for a missing one.
        forever = f"if({expression} > TIMESTAMP '1970-01-01', {_FOREVER}, -{_FOREVER})"
        return f"CASE WHEN {expression} IS NOT NULL THEN coalesce({count}, {forever}) END"
    return f"CAST({expression} AS VARCHAR)"


def _plain(t: DuckDBPyType) -> bool:
    if t.id in ("list", "struct"):
        return all(_plain(part) for _, part in parts(t))
    return t.id in _AS_IS and str(t) != "JSON"


def _id(t: DuckDBPyType) -> str:
    return str(t.id)


def parts(t: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """Return the named parts of a struct; the one part of a list; key and value of a map."""
    return [(name, part) for name, part in t.children if name != "size"]  # type: ignore[misc] # of these types, all parts are types


def _entry(t: DuckDBPyType) -> str:
    (_, key), (_, value) = parts(t)
    return f'STRUCT("key" {key}, "value" {value})'
