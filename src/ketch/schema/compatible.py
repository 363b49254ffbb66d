"""Whether one schema can stand in for another: accept all it accepted, return no less.

A caller of a route knows the schema that answered until now. A package with another
schema can replace it unseen when every request that was right stays right, and every
answer it gives is one that could have come before, with perhaps more names in it.

Law: when :func:`incompatibilities` finds nothing, every row that decodes by the old
inputs decodes by the new ones, and every row that decodes by the new outputs, less the
names the old ones do not have, decodes by the old outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ketch.errors import Finding
from ketch.schema.fields import Field, Schema
from ketch.schema.floats import SIGNIFICANT
from ketch.schema.moments import read_date, read_timestamp
from ketch.schema.types import (
    Date,
    Float,
    Int,
    List,
    Scalar,
    Struct,
    Tensor,
    Timestamp,
    Type,
    leaf,
)

_FINENESS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def incompatibilities(old: Schema, new: Schema) -> tuple[Finding, ...]:
    """Return what a caller of ``old`` would stumble over at ``new``; empty when nothing.

    Every finding has the code ``schema/incompatible`` and the field as its place.
    """
    return (*_inputs(old, new), *_outputs(old, new))


def _inputs(old: Schema, new: Schema) -> Iterator[Finding]:
    known = {field.name: field for field in old.inputs}
    accepted = {field.name: field for field in new.inputs}
    for field in old.inputs:
        where = f"inputs.{field.name}"
        if field.name not in accepted:
            yield _finding("callers send it, the new schema does not know it", where)
            continue
        for reason in _excludes(accepted[field.name], field):
            yield _finding(f"callers may send what the new schema refuses: {reason}", where)
    for field in new.inputs:
        if field.name not in known and not field.optional:
            where = f"inputs.{field.name}"
            yield _finding("the new schema needs it, callers do not send it", where)


def _outputs(old: Schema, new: Schema) -> Iterator[Finding]:
    given = {field.name: field for field in new.outputs}
    for field in old.outputs:
        where = f"outputs.{field.name}"
        if field.name not in given:
            yield _finding("callers read it, the new schema does not give it", where)
            continue
        for reason in _excludes(field, given[field.name]):
            yield _finding(f"the new schema may give what callers do not expect: {reason}", where)


def _excludes(wide: Field, narrow: Field) -> Iterator[str]:
    """Say which values of ``narrow`` are none of ``wide``."""
    if narrow.optional and not wide.optional:
        yield "the name may be absent"
    elif narrow.nullable and not wide.nullable:
        yield "it may be null"
    if not _holds(wide.type, narrow.type) and not _holds_choices(wide.type, narrow):
        yield f"`{narrow.type}` does not fit into `{wide.type}`"
        return
    yield from _beyond_values(wide, narrow)
    yield from _beyond_range(wide, narrow)
    for name in ("max_items", "max_length"):
        most, possible = getattr(wide, name), getattr(narrow, name)
        if most is not None and (possible is None or possible > most):
            found = "any number" if possible is None else f"`{possible}`"
            yield f"`{name}` is {found}, at most `{most}` fit"


def _beyond_values(wide: Field, narrow: Field) -> Iterator[str]:
    if wide.values is None:
        return
    if narrow.values is None:
        yield f"any `{narrow.type}`, only {len(wide.values)} values fit"
        return
    outside = [value for value in narrow.values if value not in set(wide.values)]
    if outside:
        yield f"the value `{outside[0]}`"


def _beyond_range(wide: Field, narrow: Field) -> Iterator[str]:
    scalar = leaf(wide.type)
    if scalar is None or (wide.min is None and wide.max is None):
        return
    if narrow.values is not None:
        keys = [_key(scalar, value) for value in narrow.values]
        lowest, highest = min(keys), max(keys)
    else:
        own = leaf(narrow.type)
        lowest = _edge(scalar, own, narrow.min, low=True)
        highest = _edge(scalar, own, narrow.max, low=False)
    if wide.min is not None and (lowest is None or lowest < _key(scalar, wide.min)):
        yield f"below `{wide.min}`"
    if wide.max is not None and (highest is None or highest > _key(scalar, wide.max)):
        yield f"above `{wide.max}`"


def _edge(scalar: Scalar, own: Scalar | None, bound: object, *, low: bool) -> Any:
    """Return the sort key of the outermost value; None when nothing bounds it."""
    if bound is not None:
        return _key(scalar, bound)
    if isinstance(own, Int):
        return own.smallest if low else own.largest
    return None


def _key(scalar: Scalar, value: object) -> Any:
    """Return what orders values of a type; two of one type compare."""
    if isinstance(scalar, Date):
        return str(read_date(str(value)))
    if isinstance(scalar, Timestamp):
        return read_timestamp(str(value), scalar)[1]
    return value


def _holds(wide: Type, narrow: Type) -> bool:
    """Whether every value of one type, in JSON form, is a value of another."""
    match wide, narrow:
        case Int(), Int():
            return wide.smallest <= narrow.smallest and narrow.largest <= wide.largest
        case Float(), Float():
            return wide.bits >= narrow.bits
        case Float(), Int():
            return max(-narrow.smallest, narrow.largest) <= 1 << SIGNIFICANT[wide.bits]
        case Timestamp(), Timestamp():
            return _holds_moments(wide, narrow)
        case List(item), List(other):
            return _holds(item, other)
        case Struct(_), Struct(_):
            return _holds_members(wide, narrow)
        case Tensor(dtype, shape), Tensor(other_dtype, other_shape):
            fits = len(shape) == len(other_shape) and all(
                length in (-1, other) for length, other in zip(shape, other_shape, strict=True)
            )
            return fits and _holds(dtype, other_dtype)
        case _:
            return wide == narrow


def _holds_choices(wide: Type, narrow: Field) -> bool:
    """Whether the few values of a field fit, where its type as a whole does not."""
    return (
        isinstance(wide, Int)
        and isinstance(narrow.type, Int)
        and narrow.values is not None
        and all(wide.smallest <= int(value) <= wide.largest for value in narrow.values)
    )


def _holds_moments(wide: Timestamp, narrow: Timestamp) -> bool:
    # Nanoseconds reach from 1677 to 2262 only, so they hold no coarser unit.
    finer = _FINENESS[wide.unit] >= _FINENESS[narrow.unit]
    reaches = wide.unit != "ns" or narrow.unit == "ns"
    return finer and reaches and (wide.zone is None) == (narrow.zone is None)


def _holds_members(wide: Struct, narrow: Struct) -> bool:
    members = {member.name: member for member in wide.fields}
    return set(members) == {member.name for member in narrow.fields} and all(
        _holds(members[one.name].type, one.type)
        and (members[one.name].nullable or not one.nullable)
        for one in narrow.fields
    )


def _finding(message: str, where: str) -> Finding:
    return Finding("schema/incompatible", message, where)
