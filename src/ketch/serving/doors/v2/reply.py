"""Writing an inference reply: rows become one tensor for each field.

Numbers, booleans and text go out as such. A list or a struct goes out as ``BYTES``, each
value its JSON text (``content_type`` ``pd_json``): a form that does not change with the
data, as the lists of a batch are seldom equally long.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import chain

import msgspec

from ketch.schema import Binary, Date, Field, List, Row, Struct, Tensor, Timestamp
from ketch.serving.doors.tensors import datatype_of, pack

_encode = msgspec.json.Encoder().encode


def content_type_of(field: Field) -> str | None:
    """Return how the elements of a field's ``BYTES`` are to be read."""
    match field.type:
        case List() | Struct():
            return "pd_json"
        case Date() | Timestamp():
            return "datetime"
        case Binary():
            return "base64"
        case _:
            return "str" if datatype_of(field.type) == "BYTES" else None


def shape_of(field: Field) -> list[int]:
    """Return the shape that a field has in replies; -1 is any length, the first the rows."""
    return [-1, *field.type.shape] if isinstance(field.type, Tensor) else [-1]


def tensor(field: Field, rows: Sequence[Row], *, as_table: bool) -> dict[str, object]:
    """Return one output.

    Args:
        field: What it holds.
        rows: The answers.
        as_table: Whether columns have a second dimension of 1, as in ``pd``.
    """
    values = [row.get(field.name) for row in rows]
    content_type = content_type_of(field)
    if isinstance(field.type, Tensor):
        lengths = {_lengths(value, len(field.type.shape)) for value in values}
        if len(lengths) == 1 and None not in lengths and not as_table:
            return _of_numbers(field, values, lengths.pop() or ())
        content_type = "pd_json"  # a cell of a table, null, or of another shape than others
    body: dict[str, object] = {
        "name": field.name,
        "shape": [len(rows), 1] if as_table else [len(rows)],
        "datatype": "BYTES" if content_type else datatype_of(field.type),
    }
    if content_type:
        body["parameters"] = {"content_type": content_type}
    return {**body, "data": [_element(value, content_type) for value in values]}


def in_binary(output: dict[str, object], field: Field) -> bytes | None:
    """Take the data out of an output, as bytes; None, and it stays, where a null is in it."""
    data = output["data"]
    if not isinstance(data, list) or None in data:
        return None
    parameters = output.get("parameters")
    said = dict(parameters) if isinstance(parameters, dict) else {}
    if isinstance(field.type, Binary):
        data = [base64.b64decode(one) for one in data]
        del said["content_type"]
    content = pack(data, str(output["datatype"]))
    del output["data"]
    output["parameters"] = {**said, "binary_data_size": len(content)}
    return content


def _of_numbers(
    field: Field, values: Sequence[object], lengths: tuple[int, ...]
) -> dict[str, object]:
    flat: list[object] = list(values)
    for _ in lengths:
        flat = list(chain.from_iterable(flat))  # type: ignore[arg-type] # nested lists of this depth
    return {
        "name": field.name,
        "shape": [len(values), *lengths],
        "datatype": datatype_of(field.type),
        "data": flat,
    }


def _lengths(value: object, rank: int) -> tuple[int, ...] | None:
    """Return the lengths of nested lists that the decoder has found to be a box."""
    lengths: list[int] = []
    for _ in range(rank):
        if not isinstance(value, list):
            return None
        lengths.append(len(value))
        value = value[0] if value else []
    return tuple(lengths)


def _element(value: object, content_type: str | None) -> object:
    if content_type == "pd_json":
        return _encode(value).decode()
    if content_type == "datetime" and isinstance(value, str) and value.endswith("Z"):
        return f"{value[:-1]}+00:00"  # what `datetime.fromisoformat` of Python 3.10 reads
    return value
