"""Python values as JSON form: what a notebook holds becomes what the schema reads."""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_JSON_SCALARS = frozenset({bool, int, float, str})
# Enumerations, numpy's `float64` and `str_` are of these kinds, but the schema takes the
# kinds themselves only.
_PLAIN: dict[type, Callable[[Any], object]] = {
    int: int.__index__,
    float: float.__float__,
    str: str.__str__,
}


def to_rows(inputs: object) -> list[Mapping[str, object]]:
    """Return rows in JSON form, ready for the schema to check.

    Args:
        inputs: Mappings, or a DataFrame of pandas or polars. In a DataFrame a float
            that is not a number stands for a missing value, since its columns have no
            other; in a mapping it stays, and the schema refuses it.
    """
    if hasattr(inputs, "columns") and hasattr(inputs, "to_dict"):
        return [_row(row, missing_is_null=True) for row in _records(inputs)]
    if not isinstance(inputs, Iterable):
        return [inputs]  # type: ignore[list-item] # the schema says what was expected
    return [_row(row, missing_is_null=False) if isinstance(row, Mapping) else row for row in inputs]


def to_json_form(value: object) -> object:
    """Return a Python value in JSON form; what has none is returned as it is."""
    if value is None or type(value) in _JSON_SCALARS:
        return value
    for kind, plain in _PLAIN.items():
        if isinstance(value, kind):
            return plain(value)
    if isinstance(value, (dt.datetime, dt.date)):
        return _moment(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, Mapping):
        return {key: to_json_form(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [to_json_form(item) for item in value]
    if type(value).__name__ in {"NAType", "NaTType"}:  # pandas' missing values
        return None
    if hasattr(value, "tolist"):
        return _from_array(value)
    return value


def _from_array(value: Any) -> object:
    """Return what an array or scalar of numpy, or its like, holds.

    Of nanoseconds ``.tolist()`` makes bare integers: points in time are written as
    ISO 8601, and durations, which no type of ours is, stay what they are.
    """
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind == "M":
        return _without_nat(value.astype(str).tolist())
    return value if kind == "m" else to_json_form(value.tolist())


def _without_nat(texts: object) -> object:
    if isinstance(texts, list):
        return [_without_nat(text) for text in texts]
    return None if texts == "NaT" else texts


def _records(frame: object) -> Iterable[Mapping[str, object]]:
    if hasattr(frame, "to_dicts"):  # polars
        rows: Iterable[Mapping[str, object]] = frame.to_dicts()
        return rows
    records: Iterable[Mapping[str, object]] = frame.to_dict("records")  # type: ignore[attr-defined] # pandas
    return records


def _row(row: Mapping[str, object], *, missing_is_null: bool) -> dict[str, object]:
    values = {name: to_json_form(value) for name, value in row.items()}
    if missing_is_null:
        return {name: None if _is_nan(value) else value for name, value in values.items()}
    return values


def _moment(value: dt.date) -> str | None:
    if type(value).__name__ == "NaTType":
        return None
    return value.isoformat()


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
