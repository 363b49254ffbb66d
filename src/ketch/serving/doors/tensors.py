"""Tensors of the Open Inference Protocol: types, shapes, and values as bytes.

``data`` is row-major, flat or nested; the extension ``binary_tensor_data`` puts it behind
the JSON as little-endian bytes, where each element of ``BYTES`` has its length before it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import prod

from ketch.errors import UsageError
from ketch.schema import Bool, Float, Int, List, Struct, Tensor, Type
from ketch.schema.types import leaf

NUMBERS: Mapping[str, str] = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
"""Datatypes of fixed size, and their letter in :mod:`struct`."""

DATATYPES = (*NUMBERS, "BYTES")

_INTEGERS = frozenset(name for name in NUMBERS if "INT" in name)


def datatype_of(t: Type) -> str:
    """Return the datatype that a field's scalars have; ``BYTES`` for whatever is text.

    >>> datatype_of(Tensor(Float(32), (-1, 3)))
    'FP32'
    """
    match leaf(t):
        case Bool():
            return "BOOL"
        case Int(bits, signed):
            return f"{'' if signed else 'U'}INT{bits}"
        case Float(bits):
            return f"FP{bits}"
        case _:
            return "BYTES"


def fits(datatype: str, t: Type) -> bool:
    """Whether values of a datatype can be those of a field; the decoder looks at each."""
    wanted = datatype_of(t)
    if wanted in _INTEGERS:
        return datatype in _INTEGERS
    if wanted.startswith("FP"):
        return datatype in NUMBERS and datatype != "BOOL"
    return datatype == wanted


def rank_of(t: Type) -> int | None:
    """Return how many dimensions a value has beside its row; None where it has no such form."""
    match t:
        case List(item):
            below = rank_of(item)
            return None if below is None else 1 + below
        case Tensor(_, shape):
            return len(shape)
        case Struct():
            return None
        case _:
            return 0


def flattened(data: Sequence[object], shape: Sequence[int]) -> list[object] | None:
    """Return the elements of nested or flat data, row-major; None when they are no such box."""
    if prod(shape) == len(data) and not (data and type(data[0]) is list):
        return list(data)
    level: list[object] = [list(data)]
    for length in shape:
        if any(type(one) is not list or len(one) != length for one in level):
            return None
        level = list(chain.from_iterable(level))  # type: ignore[arg-type] # lists, as just seen
    return level


def boxed(values: Sequence[object], shape: Sequence[int]) -> list[object]:
    """Return flat values as nested lists; the inverse of :func:`flattened`.

    >>> boxed([1, 2, 3, 4], [2, 2])
    [[1, 2], [3, 4]]
    """
    level = list(values)
    for depth in range(len(shape) - 1, 0, -1):
        length, count = shape[depth], prod(shape[:depth])
        level = [level[at * length : (at + 1) * length] for at in range(count)]
    return level


def unpack(content: bytes, datatype: str) -> list[object]:
    """Return the elements that bytes hold; those of ``BYTES`` as bytes.

    Raises:
        UsageError: ``request/tensor``: they do not come out even.
    """
    if datatype == "BYTES":
        return list(_lengthed(content))
    letter = NUMBERS[datatype]
    count, rest = divmod(len(content), struct.calcsize(f"<{letter}"))
    if rest:
        raise _uneven(datatype)
    if datatype == "BOOL" and content.translate(None, b"\0\1"):
        raise UsageError("expected bytes 0 and 1 for `BOOL`, found others", code="request/tensor")
    return list(struct.unpack(f"<{count}{letter}", content))


def pack(values: Sequence[object], datatype: str) -> bytes:
    """Return elements as bytes; text in UTF-8. ``unpack(pack(v, t), t)`` is ``v``."""
    if datatype != "BYTES":
        return struct.pack(f"<{len(values)}{NUMBERS[datatype]}", *values)
    parts: list[bytes] = []
    for value in values:
        content = value if isinstance(value, bytes) else str(value).encode()
        parts += (struct.pack("<I", len(content)), content)
    return b"".join(parts)


def _lengthed(content: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        start = at + 4
        at = start + int.from_bytes(content[at:start], "little")
        if at > len(content) or start > len(content):
            raise _uneven("BYTES")
        yield content[start:at]


def _uneven(datatype: str) -> UsageError:
    message = f"expected whole elements of `{datatype}`, found bytes that do not come out even"
    return UsageError(message, code="request/tensor")
