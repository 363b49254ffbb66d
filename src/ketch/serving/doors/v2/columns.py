"""One tensor of a request, and the values of a field that it holds."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from ketch.errors import Finding, UsageError
from ketch.schema import Binary, Date, Field, List, parse_json
from ketch.schema.problems import kind
from ketch.serving.doors.tensors import boxed, datatype_of, fits, flattened, rank_of, unpack

_MIDNIGHT = "T00:00:00"
_RAGGED = "lists of unequal length: `BYTES` with `content_type` `pd_json`, each its JSON text"


@dataclass(frozen=True, slots=True)
class Sent:
    """A tensor as it was sent; each part by itself is what it should be.

    Attributes:
        index: Its position among the inputs.
        datatype: One of the protocol's.
        shape: The first length counts rows.
        content_type: How its ``BYTES`` are to be read, as far as it says.
        data: Its elements, flat or nested; or all of them as bytes.
    """

    index: int
    datatype: str
    shape: tuple[int, ...]
    content_type: str
    data: list[object] | bytes

    def is_json(self, field: Field) -> bool:
        """Whether each element is the JSON text of a value."""
        is_text = self.datatype == "BYTES"
        return is_text and (self.content_type == "pd_json" or rank_of(field.type) is None)


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one field, one a row, and where they stood.

    Attributes:
        field: The field.
        sent: Where they were.
        values: In the JSON form of the field, as far as it is known.
    """

    field: Field
    sent: Sent
    values: list[object]

    def place(self, row: int, inside: Sequence[int], rest: str) -> str:
        """Return where in ``data`` a part of a row's value stands."""
        here = f"inputs[{self.sent.index}]"
        inner = self.sent.shape[1:]
        if self.sent.is_json(self.field) or (
            _is_nested(self.sent.data) and inner not in ((), (1,))
        ):
            return f"{here}.data[{row}]{''.join(f'[{at}]' for at in inside)}{rest}"
        if not rank_of(self.field.type):
            return f"{here}.data[{row}]"
        if len(inside) < len(inner):
            return f"{here}.shape"
        for length, one in zip(inner, inside, strict=False):
            row = row * length + one
        return f"{here}.data[{row}]"


def column(field: Field, sent: Sent) -> Column | Finding:
    """Return the values of a tensor, or the first thing that is wrong with it."""
    here, is_json = f"inputs[{sent.index}]", sent.is_json(field)
    if not is_json and not fits(sent.datatype, field.type):
        message = (
            f"expected `{datatype_of(field.type)}` for `{field.type}`, found `{sent.datatype}`"
        )
        return Finding("request/tensor", message, f"{here}.datatype")
    rank = 0 if is_json else rank_of(field.type) or 0
    if len(sent.shape) != 1 + rank and (rank or sent.shape[1:] != (1,)):
        return _wrong_rank(field, sent, rank)
    try:
        flat = _flat(sent)
        values = list(_parsed(flat, here)) if is_json else _plain(flat, field, sent)
    except UsageError as error:
        return Finding(error.code, error.message, error.where or here)
    return Column(field, sent, boxed(values, sent.shape) if rank else values)


def _flat(sent: Sent) -> list[object]:
    """Return the elements in one list, as many as the shape says."""
    if isinstance(sent.data, bytes):
        flat: list[object] | None = unpack(sent.data, sent.datatype)
        flat = flat if flat is not None and len(flat) == prod(sent.shape) else None
    else:
        flat = flattened(sent.data, sent.shape)
    if flat is None:
        raise UsageError(
            f"expected the elements of shape `{list(sent.shape)}`, found others",
            code="request/tensor",
            where=f"inputs[{sent.index}].data",
        )
    return flat


def _plain(flat: list[object], field: Field, sent: Sent) -> list[object]:
    """Return elements in the JSON form of the field; numbers are."""
    if isinstance(field.type, Binary):
        return [base64.b64encode(one).decode() if isinstance(one, bytes) else one for one in flat]
    if sent.datatype == "BYTES" and isinstance(sent.data, bytes):
        flat = list(_decoded(flat, f"inputs[{sent.index}]"))
    if isinstance(field.type, Date) and sent.content_type == "datetime":
        return [one.removesuffix(_MIDNIGHT) if isinstance(one, str) else one for one in flat]
    return flat


def _decoded(flat: Sequence[object], here: str) -> Iterator[str]:
    for index, one in enumerate(flat):
        try:
            yield one.decode() if isinstance(one, bytes) else ""
        except UnicodeDecodeError:
            message = "expected UTF-8, found bytes that are not"
            raise UsageError(message, code="json/not-utf8", where=f"{here}.data[{index}]") from None


def _parsed(flat: Sequence[object], here: str) -> Iterator[object]:
    for index, one in enumerate(flat):
        where = f"{here}.data[{index}]"
        if one is None:
            yield None
        elif isinstance(one, str | bytes):
            yield parse_json(one.encode() if isinstance(one, str) else one, where=where)
        else:
            message = f"expected JSON as text, found {kind(one)}"
            raise UsageError(message, code="request/tensor", where=where)


def _is_nested(data: list[object] | bytes) -> bool:
    return isinstance(data, list) and bool(data) and isinstance(data[0], list)


def _wrong_rank(field: Field, sent: Sent, rank: int) -> Finding:
    dimensions = ", ".join(["rows", *["n"] * rank])
    message = f"expected shape `[{dimensions}]` for `{field.type}`, found `{list(sent.shape)}`"
    hint = _RAGGED if isinstance(field.type, List) else None
    return Finding("request/tensor", message, f"inputs[{sent.index}].shape", hint)
