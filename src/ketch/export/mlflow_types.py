"""A schema as MLflow's signature: columns of MLflow's types, and ``any`` where it has none.

Source: the types of ``mlflow/types/schema.py``; https://mlflow.org/docs/latest/ml/model/signatures
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.errors import Finding
from ketch.schema import (
    Binary,
    Bool,
    Date,
    Field,
    Float,
    Int,
    List,
    Schema,
    String,
    Struct,
    Tensor,
    Timestamp,
    Type,
)
from ketch.schema.parse import canonical_json
from ketch.schema.scalars import Bounds

Spec = dict[str, object]
"""A type as a signature holds it, such as ``{"type": "array", "items": {"type": "long"}}``."""

_ANY: Spec = {"type": "any"}


def signature_of(schema: Schema) -> dict[str, str | None]:
    """Return the member ``signature`` of an ``MLmodel``: lists in JSON text."""
    columns = {"inputs": map(_input, schema.inputs), "outputs": map(_output, schema.outputs)}
    said = {side: canonical_json(list(specs)).decode() for side, specs in columns.items()}
    return {**said, "params": None}


def lost_in(schema: Schema) -> tuple[Finding, ...]:
    """Return what of a schema MLflow cannot hold its callers to."""
    return tuple(_lost(schema.inputs))


def _lost(fields: Sequence[Field]) -> Iterator[Finding]:
    for field in fields:
        where = f"inputs.{field.name}"
        if _spec(field) == _ANY:
            nulls = ", nullable" if field.nullable else ""
            message = f"MLflow has no type for `{field.type}`{nulls}: the signature says `any`"
            hint = "send values as ketch takes them in JSON"
            yield Finding("export/any", message, where, hint, blocks=False)
        if field.bounds != Bounds():
            message = f"MLflow does not check the limits of `{field.name}`"
            hint = "what ketch refuses is answered there, unless the package itself refuses it"
            yield Finding("export/limits", message, where, hint, blocks=False)


def _input(field: Field) -> Spec:
    return {"name": field.name, **_spec(field), "required": not field.optional}


def _spec(field: Field) -> Spec:
    # Of a gap in another column, MLflow's server makes false, or another error than ours.
    if field.nullable and not isinstance(field.type, (Float, String, Date, Timestamp)):
        return _ANY
    return _of(field.type, inside=False) or _ANY


def _output(field: Field) -> Spec:
    """Return the type of an answer, which is in JSON form."""
    is_text = isinstance(field.type, (Binary, Date, Timestamp))
    spec: Spec = {"type": "string"} if is_text else _spec(field)
    return {"name": field.name, **spec, "required": True}


def _of(kind: Type, *, inside: bool) -> Spec | None:
    """Return MLflow's type; inside of others, numbers as JSON has them: eight bytes wide."""
    match kind:
        case Bool():
            return {"type": "boolean"}
        case Int(64, False):
            return None
        case Int(bits, signed):
            return {"type": "long" if inside or bits + (not signed) > 32 else "integer"}
        case Float(bits):
            return {"type": "double" if inside or bits == 64 else "float"}
        case String():
            return {"type": "string"}
        case Binary():
            return None if inside else {"type": "binary"}
        case Date() | Timestamp(_, None):
            return None if inside else {"type": "datetime"}
        case List(item):
            return _array(_of(item, inside=True))
        case Tensor(dtype, shape):
            spec = _of(dtype, inside=True)
            for _ in shape:
                spec = _array(spec)
            return spec
        case Struct(fields):
            members = {one.name: _of(one.type, inside=True) for one in fields}
            said = {
                one.name: {**spec, "required": not one.nullable}
                for one in fields
                if (spec := members[one.name]) is not None
            }
            return {"type": "object", "properties": said} if len(said) == len(fields) else None
        case _:
            return None


def _array(items: Spec | None) -> Spec | None:
    return None if items is None else {"type": "array", "items": items}
