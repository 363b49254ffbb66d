"""The same promise in JSON Schema (draft 2020-12), for editors and callers.

JSON Schema can say less than the decoder checks: to it ``1.0`` is an integer, and a
``format`` is a remark. Law: a row that decodes is valid; not the other way round.
"""

from collections.abc import Sequence

from ketch.schema.fields import Field
from ketch.schema.floats import largest_float
from ketch.schema.scalars import UNBOUNDED, Bounds
from ketch.schema.types import (
    Binary,
    Bool,
    Date,
    Float,
    Int,
    List,
    Scalar,
    String,
    Struct,
    Tensor,
    Timestamp,
    Type,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(fields: Sequence[Field]) -> dict[str, object]:
    """Return the JSON Schema of one row."""
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": {field.name: _field(field) for field in fields},
        "required": [field.name for field in fields if not field.optional],
        "additionalProperties": False,
    }


def _field(field: Field) -> dict[str, object]:
    schema = _type(field.type, field.bounds)
    if field.nullable:
        schema = _or_null(schema)
    return {**schema, "description": field.description} if field.description else schema


def _or_null(schema: dict[str, object]) -> dict[str, object]:
    either: dict[str, object] = {**schema, "type": [schema["type"], "null"]}
    values = schema.get("enum")
    if isinstance(values, list):
        either["enum"] = [*values, None]
    return either


def _type(t: Type, bounds: Bounds) -> dict[str, object]:
    match t:
        case List(item):
            schema: dict[str, object] = {"type": "array", "items": _type(item, bounds)}
            return _with(schema, maxItems=bounds.max_items)
        case Tensor(dtype, shape):
            return _tensor(_type(dtype, bounds), shape)
        case Struct(members):
            return {
                "type": "object",
                "properties": {
                    one.name: _or_null(_type(one.type, UNBOUNDED))
                    if one.nullable
                    else _type(one.type, UNBOUNDED)
                    for one in members
                },
                "required": [one.name for one in members],
                "additionalProperties": False,
            }
        case _:
            values = None if bounds.values is None else list(bounds.values)
            return _with(_scalar(t, bounds), enum=values)


def _scalar(t: Scalar, bounds: Bounds) -> dict[str, object]:
    match t:
        case Bool():
            return {"type": "boolean"}
        case Int():
            low = t.smallest if bounds.min is None else bounds.min
            high = t.largest if bounds.max is None else bounds.max
            return {"type": "integer", "minimum": low, "maximum": high}
        case Float():
            largest = largest_float(t.bits)
            low = -largest if bounds.min is None else bounds.min
            high = largest if bounds.max is None else bounds.max
            return {"type": "number", "minimum": low, "maximum": high}
        case String():
            return _with({"type": "string"}, maxLength=bounds.max_length)
        case Binary():
            return {"type": "string", "contentEncoding": "base64"}
        case Date():
            return {"type": "string", "format": "date"}
        case Timestamp(_, zone):
            # RFC 3339, which `date-time` means, always has an offset.
            return {"type": "string", "format": "date-time"} if zone else {"type": "string"}


def _tensor(schema: dict[str, object], shape: Sequence[int]) -> dict[str, object]:
    for length in reversed(shape):
        schema = {"type": "array", "items": schema}
        if length != -1:
            schema.update(minItems=length, maxItems=length)
    return schema


def _with(schema: dict[str, object], **more: object) -> dict[str, object]:
    return {**schema, **{key: value for key, value in more.items() if value is not None}}
