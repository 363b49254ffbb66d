"""Python values as JSON form: what a notebook holds becomes what the schema reads.

The declared type says what a value may become, so that nothing is ever turned into
another kind of thing: bytes are base64 in a field of bytes, and a finding in one of text.
What has no JSON form of its type is left as it is, for the schema to refuse.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeAlias

from ketch.errors import Finding, UsageError
from ketch.schema import Field
from ketch.schema.types import Binary, Date, Float, Int, List, Struct, Tensor, Timestamp, Type

_Read: TypeAlias = Callable[[Any], object]

_JSON_SCALARS = frozenset({bool, int, float, str, type(None)})
_MISSING = frozenset({"NAType", "NaTType"})  # of pandas
_NAMED = 6
_INTEGERS = frozenset("biu")  # kinds of numpy's numbers, and booleans
_NUMBERS = frozenset("biuf")
_MOST_DIGITS = 400  # no number of ours is longer; text of a `Decimal` may say far more

# Enumerations, numpy's `float64` and `str_` are of these kinds, but the schema takes the
# kinds themselves only.
_PLAIN: dict[type, Callable[[Any], object]] = {
    int: int.__index__,
    float: float.__float__,
    str: str.__str__,
}


class PythonRows:
    """Turns what Python calls rows into rows in JSON form, ready for the schema to check."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._readers = {field.name: _reader(field.type) for field in fields}
        self._days = {field.name for field in fields if isinstance(field.type, Date)}

    def read(self, inputs: object) -> list[object]:
        """Return rows in JSON form.

        Args:
            inputs: Mappings, or a DataFrame of pandas or polars. In one of pandas a float
                that is not a number stands for a missing value, since most of its
                columns have no other; elsewhere it stays, and the schema refuses it.

        Raises:
            UsageError: It is neither, or a DataFrame has two columns of one name.
        """
        if hasattr(inputs, "to_dicts") and hasattr(inputs, "columns"):  # polars
            return [self._row(row) for row in inputs.to_dicts()]
        if hasattr(inputs, "to_dict") and hasattr(inputs, "columns"):  # pandas
            _check_names([str(name) for name in inputs.columns])
            return [self._row(_without_nan(row)) for row in inputs.to_dict("records")]
        rows = _rows_among(inputs, list(self._readers))
        return [self._row(row) if isinstance(row, Mapping) else row for row in rows]

    def told(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return findings about such rows, with what to do about them in Python."""
        return tuple(map(self._told, findings))

    def _told(self, finding: Finding) -> Finding:
        field = (finding.where or "").rpartition("].")[2]
        if field not in self._days or finding.hint is None:
            return finding
        dates = (
            f"`frame[{field!r}].dt.date` makes dates of a column of pandas, `.date()` of a value"
        )
        return replace(finding, hint=dates)

    def _row(self, row: Mapping[str, object]) -> dict[str, object]:
        readers = self._readers
        return {
            name: value
            if type(value) in _JSON_SCALARS or name not in readers
            else readers[name](value)
            for name, value in row.items()
        }


def _rows_among(inputs: object, names: Sequence[str]) -> Iterable[object]:
    if isinstance(inputs, Iterable) and not isinstance(inputs, str | bytes | Mapping):
        if not hasattr(inputs, "dtype"):
            return inputs
        hint = "one row of a DataFrame is given as `row.to_dict()`"
        if not hasattr(inputs, "to_dict"):
            named = ", ".join(map(repr, [*names[:_NAMED], *(["…"] if names[_NAMED:] else [])]))
            hint = f"name the columns: `pandas.DataFrame(array, columns=[{named}])`"
    else:
        hint = "such as `[{…}, {…}]`"
    raise UsageError(
        f"expected rows by field name, or a DataFrame, found a Python `{type(inputs).__name__}`",
        code="schema/wrong-type",
        where="rows",
        hint=hint,
    )


def _check_names(names: Sequence[str]) -> None:
    for name, count in Counter(names).most_common(1):
        if count > 1:
            raise UsageError(
                f"expected each column once, found `{name}` `{count}` times",
                code="schema/duplicate-column",
                where="rows",
            )


def _without_nan(row: Mapping[str, object]) -> dict[str, object]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
    }


def _reader(t: Type) -> _Read:
    """Return what gives a value of one type its JSON form; see the head of this file."""
    match t:
        case List(item):
            return _list_reader(_reader(item))
        case Tensor(dtype, shape):
            return _tensor_reader(_reader(dtype), len(shape))
        case Struct(members):
            return _struct_reader({one.name: _reader(one.type) for one in members})
        case Binary():
            special: _Read = _bytes
        case Int() | Float():
            special = _number
        case Date() | Timestamp():
            special = _moment
        case _:
            special = _as_it_is
    return lambda value: _scalar(value, special)


def _scalar(value: Any, special: _Read) -> object:
    if type(value) in _JSON_SCALARS:
        return value
    if type(value).__name__ in _MISSING:
        return None
    for kind, plain in _PLAIN.items():
        if isinstance(value, kind):
            return plain(value)
    if _kind(value) in _NUMBERS and getattr(value, "shape", None) == ():
        item = value.item()  # a `longdouble` has none, and gives itself
        return item if type(item) in _JSON_SCALARS else value
    return special(value)


def _as_it_is(value: object) -> object:
    return value


def _bytes(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    return value


def _number(value: object) -> object:
    """Read a ``Decimal`` as JSON reads its digits: an integer is one without a fraction."""
    if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        return value
    exponent = value.as_tuple().exponent
    return int(value) if isinstance(exponent, int) and exponent >= 0 else float(value)


def _moment(value: Any) -> object:
    """Write a day or an instant as ISO 8601, one with a zone in UTC."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        try:
            return value.astimezone(dt.UTC).isoformat()
        except OverflowError:  # it is in the year 1 or 9999, and the schema will say so
            return value.isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if _kind(value) == "M":
        text = str(value)
        return None if text == "NaT" else text
    return value


def _list_reader(item: _Read) -> _Read:
    def read(value: Any) -> object:
        if type(value).__name__ in _MISSING:
            return None
        items = _items(value)
        return value if items is None else [item(one) for one in items]

    return read


def _tensor_reader(element: _Read, rank: int) -> _Read:
    nested = element
    for _ in range(rank):
        nested = _list_reader(nested)

    def read(value: Any) -> object:
        if _kind(value) in _INTEGERS:
            return value.tolist()  # plain numbers already
        return nested(value)

    return read


def _struct_reader(members: Mapping[str, _Read]) -> _Read:
    def read(value: object) -> object:
        if type(value).__name__ in _MISSING:
            return None
        if not isinstance(value, Mapping):
            return value
        return {name: members.get(name, _as_it_is)(one) for name, one in value.items()}

    return read


def _kind(value: object) -> str | None:
    """Return numpy's letter for the kind of what an array, a Series or a scalar holds."""
    return getattr(getattr(value, "dtype", None), "kind", None)


def _items(value: Any) -> Sequence[Any] | None:
    """Return the items of a list, an array or a Series; ``None`` of anything else."""
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping):
        return None
    if isinstance(value, Sequence):
        return value
    kind = _kind(value)
    if kind == "M" and getattr(value, "shape", None) != ():
        return list(value)  # `.tolist()` of nanoseconds would be bare integers
    for name in ("tolist", "to_list"):  # numpy and pandas; polars
        if kind != "m" and hasattr(value, name):
            items = getattr(value, name)()
            return items if isinstance(items, list) else None
    return None
