"""Whether the columns of a Parquet file can hold what is declared.

A typed column is judged by its type, once, before any row: a column of bytes in a field
of text would otherwise have to be guessed at, and one of floats in a field of integers
would be told once for every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ketch.errors import Finding
from ketch.schema import Field, List, Struct, Tensor, Type
from ketch.schema.types import Binary, Bool, Date, Float, Int, String, Timestamp
from ketch.tables.cells import arrow_name, is_whole, parts

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

_TEXT = frozenset({"varchar", "enum", "uuid"})
_NAIVE = frozenset({"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"})
_ZONED = frozenset({"timestamp with time zone", "timestamptz_ns"})
_LISTS = frozenset({"list", "array"})


def misfit(field: Field, column: DuckDBPyType, where: str) -> Finding | None:
    """Return what is wrong with a column's type; ``None`` when values may fit.

    Whether they do is for the decoder to say. Text fits a day, an instant and bytes too,
    in the forms that JSON has for them.
    """
    if fits(field.type, column):
        return None
    return Finding(
        "schema/wrong-type",
        f"expected `{field.type}`, found a column of `{arrow_name(column)}`",
        where,
        _hint(field.type, str(column.id)),
    )


def fits(t: Type, column: DuckDBPyType) -> bool:
    """Whether values of a column may be values of a type."""
    kind = str(column.id)
    if kind == "null":
        return True
    match t:
        case List(item):
            return kind == "map" or (kind in _LISTS and fits(item, parts(column)[0][1]))
        case Tensor(dtype, shape):
            return fits(_nested(dtype, len(shape)), column)
        case Struct(members):
            within = dict(parts(column)) if kind == "struct" else None
            return within is not None and _all_fit({one.name: one.type for one in members}, within)
        case _:
            return kind in _kinds(t) or (isinstance(t, Int | Float) and is_whole(column))


def _kinds(t: Type) -> frozenset[str]:
    match t:
        case Bool():
            return frozenset({"boolean"})
        case Float():
            return frozenset({"float", "double", "decimal"})
        case String():
            return _TEXT
        case Binary():
            return frozenset({"blob", "varchar"})
        case Date():
            return frozenset({"date", "varchar"})
        case Timestamp(_, zone):
            return (_NAIVE if zone is None else _ZONED) | {"varchar"}
        case _:
            return frozenset()


def _all_fit(members: Mapping[str, Type], columns: Mapping[str, DuckDBPyType]) -> bool:
    """Whether members of the same name fit; missing and unknown names the decoder tells."""
    return all(fits(t, columns[name]) for name, t in members.items() if name in columns)


def _nested(t: Type, depth: int) -> Type:
    return List(_nested(t, depth - 1)) if depth else t


def _hint(t: Type, kind: str) -> str | None:
    match t:
        case Int() if kind in {"float", "double"}:
            return "in pandas, `astype('Int64')` before `to_parquet` keeps integers beside nulls"
        case String() if kind == "blob":
            return "whoever wrote the file did not mark the column as text"
        case String():
            return "write it as text, so that its form is chosen where it is known"
        case Timestamp(_, zone) if kind in _NAIVE and zone:
            return "it has no time zone: say which, in pandas with `.dt.tz_localize('UTC')`"
        case Timestamp() if kind in _ZONED:
            return "it has a time zone, the field has none; in pandas, `.dt.tz_localize(None)`"
        case Date() if kind in _NAIVE | _ZONED:
            return "a day has no time; in pandas, `.dt.date`"
    return None
