"""The types of the prediction API, named as Apache Arrow names them.

A type is a small frozen value that parses and prints itself::

    bool  int8 … int64  uint8 … uint64  float16 float32 float64  string  binary  date32
    timestamp[us]  timestamp[us, UTC]      units s, ms, us, ns; without zone: local time
    list<string>
    struct<a: int64, b: list<float64>?>    a member with ``?`` may be null
    tensor<float32, [-1, 3]>               -1 is any length

Law: ``parse_type(str(t)) == t`` for every type ``t``.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Unit: TypeAlias = Literal["s", "ms", "us", "ns"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,127}")
"""The grammar of field names: what columns of real data are called, and nothing that bites."""


@dataclass(frozen=True, slots=True)
class Bool:
    """True or false, never 0 or 1."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Int:
    """An integer of 8, 16, 32 or 64 bits."""

    bits: int = 64
    signed: bool = True

    @property
    def smallest(self) -> int:
        """The smallest value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def largest(self) -> int:
        """The largest value."""
        return (1 << (self.bits - self.signed)) - 1

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.bits}"


@dataclass(frozen=True, slots=True)
class Float:
    """A finite IEEE 754 number of 16, 32 or 64 bits."""

    bits: int = 64

    def __str__(self) -> str:
        return f"float{self.bits}"


@dataclass(frozen=True, slots=True)
class String:
    """Unicode text."""

    def __str__(self) -> str:
        return "string"


@dataclass(frozen=True, slots=True)
class Binary:
    """Bytes; base64 text (RFC 4648 section 4) in JSON form."""

    def __str__(self) -> str:
        return "binary"


@dataclass(frozen=True, slots=True)
class Date:
    """A day; ``YYYY-MM-DD`` in JSON form."""

    def __str__(self) -> str:
        return "date32"


@dataclass(frozen=True, slots=True)
class Timestamp:
    """An instant when it has a zone, a wall-clock reading when it has none.

    The zone is kept as written and handed to the package; its spelling is checked here,
    whether the package's environment knows it is seen when the scenarios run.
    """

    unit: Unit = "us"
    zone: str | None = None

    def __str__(self) -> str:
        return f"timestamp[{self.unit}{f', {self.zone}' if self.zone else ''}]"


@dataclass(frozen=True, slots=True)
class List:
    """Any number of items of one type, none of them null."""

    item: "Type"

    def __str__(self) -> str:
        return f"list<{self.item}>"


@dataclass(frozen=True, slots=True)
class Member:
    """One named part of a struct."""

    name: str
    type: "Type"
    nullable: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.type}{'?' if self.nullable else ''}"


@dataclass(frozen=True, slots=True)
class Struct:
    """Named parts, in order."""

    fields: tuple[Member, ...]

    def __str__(self) -> str:
        return f"struct<{', '.join(map(str, self.fields))}>"


@dataclass(frozen=True, slots=True)
class Tensor:
    """Numbers or booleans in a box of known rank; nested arrays in JSON form.

    Attributes:
        dtype: The type of every element.
        shape: The length of each dimension; -1 is any length.
    """

    dtype: "Bool | Int | Float"
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"tensor<{self.dtype}, [{', '.join(map(str, self.shape))}]>"


Scalar: TypeAlias = Bool | Int | Float | String | Binary | Date | Timestamp
Type: TypeAlias = Scalar | List | Struct | Tensor

_Plain: TypeAlias = Bool | Int | Float | String | Binary | Date

_INTS = tuple(Int(bits, signed) for bits in (8, 16, 32, 64) for signed in (True, False))
_FLOATS = tuple(Float(bits) for bits in (16, 32, 64))
_ALL_PLAIN: tuple[_Plain, ...] = (Bool(), *_INTS, *_FLOATS, String(), Binary(), Date())

PLAIN: dict[str, _Plain] = {str(one): one for one in _ALL_PLAIN}
"""Every type whose name takes no argument, by its name."""


def to_wire(t: Type) -> dict[str, object]:
    """Return the type as the worker reads it, such as ``{"kind": "list", "item": {…}}``."""
    match t:
        case Timestamp(unit, zone):
            return {"kind": "timestamp", "unit": unit, "zone": zone}
        case List(item):
            return {"kind": "list", "item": to_wire(item)}
        case Struct(fields):
            return {"kind": "struct", "fields": [_member_to_wire(one) for one in fields]}
        case Tensor(dtype, shape):
            return {"kind": "tensor", "dtype": str(dtype), "shape": list(shape)}
        case _:
            return {"kind": str(t)}


def _member_to_wire(member: Member) -> dict[str, object]:
    return {"name": member.name, "type": to_wire(member.type), "nullable": member.nullable}


def leaf(t: Type) -> Scalar | None:
    """Return the scalar that the items of a list or tensor are made of; None for structs."""
    match t:
        case List(item):
            return leaf(item)
        case Tensor(dtype, _):
            return dtype
        case Struct(_):
            return None
        case _:
            return t


def holds_floats(t: Type) -> bool:
    """Whether a floating-point number can stand anywhere inside."""
    if isinstance(t, Struct):
        return any(holds_floats(member.type) for member in t.fields)
    if isinstance(t, List):
        return holds_floats(t.item)
    return isinstance(leaf(t), Float)
