"""Equality of values by their type, with room for floating-point error."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

from ketch.schema.floats import round_float
from ketch.schema.moments import read_timestamp
from ketch.schema.problems import Wrong, show
from ketch.schema.types import Float, List, Struct, Tensor, Timestamp, Type

Part: TypeAlias = tuple[str, object, object, str]
"""A path, the expected value, the found value, and what differs in words."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a float may be from the expected one; both None compares exactly."""

    rtol: float | None = None
    atol: float | None = None

    def allows(self, expected: float, found: float) -> bool:
        """Whether ``|found - expected| <= atol + rtol * |expected|``."""
        return abs(found - expected) <= (self.atol or 0.0) + (self.rtol or 0.0) * abs(expected)

    def __str__(self) -> str:
        named = (("rtol", self.rtol), ("atol", self.atol))
        return " and ".join(f"{name} `{value:g}`" for name, value in named if value is not None)


EXACT = Tolerance()


def differences_inside(
    t: Type, tolerance: Tolerance, path: str, expected: object, found: object
) -> Iterator[Part]:
    """Yield the innermost places where two values of a type differ."""
    match t, expected, found:
        case List(item), list(), list():
            yield from _in_lists(item, tolerance, path, expected, found)
        case Tensor(dtype, shape), list(), list():
            inner = Tensor(dtype, shape[1:]) if len(shape) > 1 else dtype
            yield from _in_lists(inner, tolerance, path, expected, found)
        case Struct(members), dict(), dict():
            for one in members:
                pair = expected.get(one.name), found.get(one.name)
                yield from differences_inside(one.type, tolerance, f"{path}.{one.name}", *pair)
        case _ if not _same(t, expected, found):
            yield from _in_leaf(t, tolerance, path, expected, found)


def _in_lists(
    item: Type, tolerance: Tolerance, path: str, expected: list[object], found: list[object]
) -> Iterator[Part]:
    if len(expected) != len(found):
        message = f"expected `{len(expected)}` items, found `{len(found)}`"
        yield path, expected, found, message
        return
    for place, (one, other) in enumerate(zip(expected, found, strict=True)):
        yield from differences_inside(item, tolerance, f"{path}[{place}]", one, other)


def _in_leaf(
    t: Type, tolerance: Tolerance, path: str, expected: object, found: object
) -> Iterator[Part]:
    message = f"expected {show(expected)}, found {show(found)}"
    if isinstance(t, Float) and _is_float(expected) and _is_float(found):
        if tolerance.allows(expected, found):
            return
        if tolerance != EXACT:
            away = abs(found - expected)
            message += f", `{away:.3g}` away, more than {tolerance} allows"
    yield path, expected, found, message


def canonical(t: Type, value: object) -> str:
    """Return a text that is the same for equal values of the type, and for no others."""
    return json.dumps(_plain(t, value), sort_keys=True, default=repr)


def _same(t: Type, expected: object, found: object) -> bool:
    if type(expected) is type(found) and not isinstance(expected, list | dict):
        if expected == found:
            return True
        if not isinstance(t, Float | Timestamp):
            return False
    return canonical(t, expected) == canonical(t, found)


def _plain(t: Type, value: object) -> object:
    """Return the value with its floats rounded to their width and its instants in UTC."""
    match t, value:
        case Float(bits), int() | float() if _is_float(value):
            return round_float(float(value), bits) + 0.0  # -0.0 is 0.0
        case Timestamp(), str():
            return _instant(t, value)
        case List(item), list():
            return [_plain(item, one) for one in value]
        case Tensor(dtype, shape), list():
            inner = Tensor(dtype, shape[1:]) if len(shape) > 1 else dtype
            return [_plain(inner, one) for one in value]
        case Struct(members), dict():
            named = {one.name: _plain(one.type, value.get(one.name)) for one in members}
            return {**value, **named}
        case _:
            return value


def _instant(t: Timestamp, text: str) -> str:
    try:
        return read_timestamp(text, t)[0]
    except Wrong:
        return text


def _is_float(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool):
        return False
    return isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 1023)
