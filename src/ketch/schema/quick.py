"""Rows read and checked in one go, where every value is plainly as declared.

Most requests hold nothing out of the ordinary. For those a decoder compiled from the fields
reads the text into rows in normal form; of anything else it returns None, and the text is
read strictly (:mod:`~ketch.schema.parse`) and checked value by value
(:mod:`~ketch.schema.decode`), which also says what is wrong.

Law: what is read here, the slow way reads, too, and finds the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from ketch.schema.fields import Field
from ketch.schema.floats import SIGNIFICANT
from ketch.schema.scalars import Bounds
from ketch.schema.types import Bool, Float, Int, List, String, Type

_INT64 = 2**63 - 1
"""The largest bound that msgspec knows; integers beyond are read slowly."""

_UNREAD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Quick:
    """Reads rows of one list of fields.

    Args:
        fields: The fields; see :func:`is_plain`.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self.type = struct_of(fields)
        self._count = len(fields)
        self._one = msgspec.json.Decoder(self.type).decode
        self._many = msgspec.json.Decoder(list[self.type]).decode  # type: ignore[name-defined] # made just now

    def row(self, data: bytes) -> dict[str, object] | None:
        """Return the one row that a JSON object is; None where the slow way must tell."""
        # Where each member is there, and there are as many colons, none is there twice.
        if data.count(b":") != self._count:
            return None
        try:
            found: dict[str, object] = msgspec.to_builtins(self._one(data))
        except _UNREAD:
            return None
        return found if len(found) == self._count else None

    def rows(self, data: bytes) -> list[dict[str, object]] | None:
        """Return the rows of a JSON list; None where the slow way must tell."""
        colons = data.count(b":")
        if colons % self._count:
            return None
        try:
            found = whole(self._many(data), self._count)
        except _UNREAD:
            return None
        return found if found is not None and len(found) * self._count == colons else None


def is_plain(fields: Sequence[Field]) -> bool:
    """Whether each value has one form: no days, instants, bytes, structs or tensors."""
    return bool(fields) and all(_is_plain(one.type, one.bounds) for one in fields)


def struct_of(fields: Sequence[Field]) -> type[msgspec.Struct]:
    """Return the type of rows of plain fields; :func:`whole` makes rows of it."""
    members: list[Any] = [(f"f{at}", *_member(one)) for at, one in enumerate(fields)]
    return msgspec.defstruct(
        "Row",
        members,
        rename={f"f{at}": one.name for at, one in enumerate(fields)},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


def whole(found: Sequence[msgspec.Struct], count: int) -> list[dict[str, object]] | None:
    """Return rows of so many fields as dicts; None where one lacks a name that may be absent."""
    rows: list[dict[str, object]] = msgspec.to_builtins(found)
    return rows if set(map(len, rows)) <= {count} else None


def _is_plain(t: Type, bounds: Bounds) -> bool:
    match t:
        case List(item):
            return _is_plain(item, bounds)
        case Int() | String():
            limits = (bounds.min, bounds.max, bounds.max_length)
            is_one = bounds.values is None or limits == (None, None, None)
            numbers = [one for one in (*limits, *(bounds.values or ())) if isinstance(one, int)]
            return is_one and all(abs(one) <= _INT64 for one in numbers)
        case _:
            return isinstance(t, Bool | Float) and bounds.values is None


def _member(field: Field) -> tuple[Any, ...]:
    """Return the type of a member, and what stands for one that is absent."""
    found = _type(field.type, field.bounds)
    if field.optional:
        return found | None | msgspec.UnsetType, msgspec.UNSET
    return (found | None,) if field.nullable else (found,)


def _type(t: Type, bounds: Bounds) -> Any:
    match t:
        case List(item):
            items = list[_type(item, bounds)]  # type: ignore[misc, valid-type] # made here
            return Annotated[items, msgspec.Meta(max_length=bounds.max_items)]
        case Int() | String() if bounds.values is not None:
            return Literal[bounds.values]
        case Int():
            least, most = max(t.smallest, -_INT64), min(t.largest, _INT64)
            return Annotated[int, _between(bounds, least, most)]
        case Float():
            whole = 2.0 ** SIGNIFICANT[t.bits] - 1  # beyond, it matters how a number is written
            return Annotated[float, _between(bounds, -whole, whole)]
        case String():
            return Annotated[str, msgspec.Meta(max_length=bounds.max_length)]
        case _:
            return bool


def _between(bounds: Bounds, least: float, most: float) -> msgspec.Meta:
    low = max(least, bounds.min) if isinstance(bounds.min, int | float) else least
    high = min(most, bounds.max) if isinstance(bounds.max, int | float) else most
    return msgspec.Meta(ge=low, le=high)
