"""A model's signature, as MLflow writes it: JSON inside of YAML.

Source: the types of ``mlflow/types/schema.py``; https://mlflow.org/docs/latest/ml/model/signatures
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ketch.errors import UsageError
from ketch.schema import Bool, Float, Int, List, Member, String, Struct, Tensor, Type, parse_type
from ketch.schema.parse import parse_json

_PLAIN = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "string",
    "binary": "binary",
    "datetime": "timestamp[us]",
}
_TENSORS = {"str": "string", "object": "string", "bool": "bool"}
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or a tensor, of a signature.

    Attributes:
        name: What it is called; None when only its place says which it is.
        type: The type of a row's value; None where ketch has none for it.
        required: Whether it must be there.
        is_tensor: Whether it was declared as a tensor.
    """

    name: str | None
    type: Type | None
    required: bool = True
    is_tensor: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model says that it takes and answers; None where it says nothing.

    Attributes:
        inputs, outputs: Columns or tensors, in order.
        params: Default of each parameter, by name.
    """

    inputs: tuple[Column, ...] | None = None
    outputs: tuple[Column, ...] | None = None
    params: Mapping[str, object] | None = None


def read_signature(body: object) -> Signature:
    """Read the member ``signature`` of an ``MLmodel``.

    Raises:
        UsageError: ``import/mlmodel``: it is not what MLflow writes.
    """
    if not isinstance(body, Mapping):
        return Signature()
    params = {}
    for one in _listed(body.get("params"), "params") or ():
        if isinstance(one, Mapping) and isinstance(one.get("name"), str):
            params[str(one["name"])] = one.get("default")
    return Signature(_columns(body, "inputs"), _columns(body, "outputs"), params or None)


def _columns(body: Mapping[str, object], part: str) -> tuple[Column, ...] | None:
    said = _listed(body.get(part), part)
    return None if said is None else tuple(_column(one, part) for one in said)


def _listed(text: object, part: str) -> list[object] | None:
    """Return a list that is written as JSON text, or stands there as it is."""
    if text is None:
        return None
    found = parse_json(text.encode()) if isinstance(text, str) else text
    if not isinstance(found, list):
        raise UsageError(
            f"expected a list, found `{str(found)[:60]}`",
            code="import/mlmodel",
            where=f"MLmodel: signature.{part}",
        )
    return found


def _column(body: object, part: str) -> Column:
    if not isinstance(body, Mapping):
        raise UsageError(
            f"expected a column, found `{str(body)[:60]}`",
            code="import/mlmodel",
            where=f"MLmodel: signature.{part}",
        )
    name = body.get("name")
    label = str(name) if isinstance(name, (str, int)) else None
    required = body.get("required", True) is not False
    if body.get("type") == "tensor":
        return Column(label, _tensor(body.get("tensor-spec")), required, is_tensor=True)
    return Column(label, _type(body, 0), required)


def _type(body: object, depth: int) -> Type | None:
    if not isinstance(body, Mapping) or depth > _DEEPEST:
        return None
    kind = body.get("type")
    if kind in _PLAIN:
        return parse_type(_PLAIN[str(kind)])
    if kind == "array":
        item = _type(body.get("items"), depth + 1)
        return None if item is None else List(item)
    if kind == "object" and isinstance(body.get("properties"), Mapping):
        members = tuple(_members(body["properties"], depth + 1))
        return None if any(one is None for one in members) else Struct(tuple(filter(None, members)))
    return None


def _members(properties: Mapping[str, object], depth: int) -> Iterator[Member | None]:
    for name, one in properties.items():
        kind = _type(one, depth)
        is_free = isinstance(one, Mapping) and one.get("required", True) is False
        yield None if kind is None else Member(str(name), kind, nullable=is_free)


def _tensor(body: object) -> Type | None:
    """Return the type of one row: the first length counts the rows."""
    if not isinstance(body, Mapping) or not isinstance(body.get("shape"), list):
        return None
    dtype = str(body.get("dtype"))
    shape = [size for size in body["shape"][1:] if type(size) is int]
    return of_array(_TENSORS.get(dtype, dtype), shape)


def of_array(dtype: str | None, shape: list[int]) -> Type | None:
    """Return the type of one row of an array: a value, a tensor, or lists of text."""
    try:
        kind = parse_type(dtype or "")
    except UsageError:
        return None
    if not shape:
        return kind
    if isinstance(kind, (Bool, Int, Float)):
        return Tensor(kind, tuple(size if size > 0 else -1 for size in shape))
    if isinstance(kind, String):
        for _ in shape:
            kind = List(kind)
        return kind
    return None
