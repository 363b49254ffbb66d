"""One strict check for each scalar type.

The only value that changes its kind is an integer in a floating-point field, and only
when the float is exactly the integer. ``type(x) is int`` stands where ``isinstance``
would let a boolean pass.
"""

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeGuard

from ketch.schema.floats import SIGNIFICANT, is_exact, largest_float
from ketch.schema.moments import read_date, read_timestamp
from ketch.schema.nearest import did_you_mean
from ketch.schema.problems import Check, Problem, Wrong
from ketch.schema.types import Binary, Bool, Date, Float, Int, Scalar, String, Timestamp, Type

Bound: TypeAlias = int | float | str | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a field promises beyond its type; each scalar of a list or tensor keeps it.

    Attributes:
        min, max: Smallest and largest value; text for days and instants.
        values: The only values there are.
        max_items: Most items of the outermost list.
        max_length: Most characters of a string, or bytes of a binary.
    """

    min: Bound = None
    max: Bound = None
    values: tuple[int | str, ...] | None = None
    max_items: int | None = None
    max_length: int | None = None


UNBOUNDED = Bounds()


def scalar_checker(t: Scalar, bounds: Bounds = UNBOUNDED) -> Check:
    """Return the check of a scalar with its bounds; null never passes."""
    check = _typed(t, bounds)
    return check if bounds.values is None else _among(check, bounds.values)


def _typed(t: Scalar, bounds: Bounds) -> Check:
    match t:
        case Bool():
            return _bool
        case Int():
            return _int(t, bounds)
        case Float():
            return _float(t, bounds)
        case String():
            return _string if bounds.max_length is None else _short(bounds.max_length)
        case Binary():
            return _binary(bounds.max_length)
        case Date():
            return _ordered(t, bounds, lambda text: (read_date(text), text))
        case Timestamp():
            return _ordered(t, bounds, lambda text: read_timestamp(text, t))


def _bool(value: object) -> object:
    if value is True or value is False:
        return value
    hint = None
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        hint = "write it without quotes"
    elif type(value) is int and value in (0, 1):
        hint = "write `true` or `false`"
    raise wrong_type(Bool(), value, hint)


def _int(t: Int, bounds: Bounds) -> Check:
    low = t.smallest if not isinstance(bounds.min, int) else bounds.min
    high = t.largest if not isinstance(bounds.max, int) else bounds.max

    def check(value: object) -> object:
        if type(value) is int and low <= value <= high:
            return value
        if type(value) is not int:
            raise wrong_type(t, value, _int_hint(value))
        if not t.smallest <= value <= t.largest:
            expected = f"`{t}`, `{t.smallest}` to `{t.largest}`"
            raise Wrong(Problem("schema/out-of-range", expected, value))
        raise _out_of_bounds(value, bounds)

    return check


def _int_hint(value: object) -> str | None:
    match value:
        case bool():
            return None
        case float() if value.is_integer() and abs(value) < 2**63:
            return "write it without a fraction"
        case float():
            return "round it where it is made, or declare the field `float64`"
        case _:
            return _number_hint(value)


def _float(t: Float, bounds: Bounds) -> Check:
    largest = largest_float(t.bits)
    low = -largest if not isinstance(bounds.min, float) else bounds.min
    high = largest if not isinstance(bounds.max, float) else bounds.max
    plain = 1 << SIGNIFICANT[t.bits]  # every integer up to here is a float

    def check(value: object) -> object:
        if type(value) is float and low <= value <= high:  # false for NaN
            return value
        if type(value) is int:
            if -plain <= value <= plain or is_exact(value, t.bits):
                return check(float(value))
            wider = "int64" if t.bits == 64 else "float64"
            hint = f"declare the field `{wider}`, or send fewer digits"
            raise Wrong(Problem("schema/precision", f"a number that `{t}` can hold", value, hint))
        raise _wrong_float(t, value, bounds)

    return check


def _wrong_float(t: Float, value: object, bounds: Bounds) -> Wrong:
    if type(value) is not float:
        return wrong_type(t, value, _number_hint(value))
    if not math.isfinite(value):
        hint = "JSON has no NaN or Infinity; send `null` in a nullable field"
        return Wrong(Problem("schema/not-finite", f"a finite `{t}`", value, hint))
    largest = largest_float(t.bits)
    if abs(value) > largest:
        expected = f"`{t}`, at most `{largest:g}` either side of zero"
        return Wrong(Problem("schema/out-of-range", expected, value))
    return _out_of_bounds(value, bounds)


def _number_hint(value: object) -> str | None:
    return "write the number without quotes" if is_number(value) else None


def is_number(value: object) -> TypeGuard[str]:
    """Whether a text reads as a number that JSON can hold."""
    try:
        return isinstance(value, str) and len(value) < 400 and math.isfinite(float(value))
    except ValueError:
        return False


def _string(value: object) -> object:
    if type(value) is str and (value.isascii() or _is_unicode(value)):
        return value
    if type(value) is str:
        raise Wrong(Problem("schema/wrong-type", "Unicode text", value, "it has lone surrogates"))
    hint = "write it in quotes" if isinstance(value, bool | int | float) else None
    raise wrong_type(String(), value, hint)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(max_length: int) -> Check:
    def check(value: object) -> object:
        text = _string(value)
        if len(str(text)) > max_length:
            raise _too_long(value, f"`{max_length}` characters", f"`{len(str(text))}`")
        return text

    return check


def _binary(max_length: int | None) -> Check:
    def check(value: object) -> object:
        if type(value) is not str:
            raise wrong_type(Binary(), value)
        content = _decode_base64(value)
        if content is None:
            hint = "the standard alphabet with padding (RFC 4648 section 4)"
            raise Wrong(Problem("schema/bad-base64", "base64 text", value, hint))
        if max_length is not None and len(content) > max_length:
            raise _too_long(value, f"`{max_length}` bytes", f"`{len(content)}`")
        return value

    return check


def _decode_base64(text: str) -> bytes | None:
    try:
        content = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    # Bits left over after the last byte would be lost; then the text is not ours either.
    return content if base64.b64encode(content).decode() == text else None


def _too_long(value: object, most: str, found: str) -> Wrong:
    return Wrong(Problem("schema/too-long", f"at most {most}", value, found=found))


def _ordered(
    t: Date | Timestamp, bounds: Bounds, read: Callable[[str], tuple[str, int | str]]
) -> Check:
    """Return the check of a day or an instant; ``read`` returns its text and a sort key."""
    low = read(str(bounds.min))[1] if bounds.min is not None else None
    high = read(str(bounds.max))[1] if bounds.max is not None else None

    def check(value: object) -> object:
        if type(value) is not str:
            raise wrong_type(t, value, "write it as ISO 8601 text")
        text, key = read(value)
        # Both keys are of one type; mypy cannot know.
        if (low is not None and key < low) or (high is not None and key > high):  # type: ignore[operator]
            raise _out_of_bounds(value, bounds)
        return text

    return check


def _out_of_bounds(value: object, bounds: Bounds) -> Wrong:
    match bounds:
        case Bounds(min=None):
            expected = f"at most `{bounds.max}`"
        case Bounds(max=None):
            expected = f"at least `{bounds.min}`"
        case _:
            expected = f"`{bounds.min}` to `{bounds.max}`"
    return Wrong(Problem("schema/out-of-range", expected, value))


def _among(check: Check, values: tuple[int | str, ...]) -> Check:
    allowed = frozenset(values)

    def among(value: object) -> object:
        normal = check(value)
        if normal in allowed:
            return normal
        named = ", ".join(f"`{one}`" for one in values[:8])
        more = f" and {len(values) - 8} more" if len(values) > 8 else ""
        hint = partial(did_you_mean, value, map(str, values)) if isinstance(value, str) else None
        raise Wrong(Problem("schema/not-allowed", f"one of {named}{more}", value, hint))

    return among


def wrong_type(t: Type, value: object, hint: str | None = None) -> Wrong:
    """Return that a value is of another type, or null."""
    if value is None:
        nullable_hint = "declare it nullable if it may be missing"
        return Wrong(Problem("schema/null", f"`{t}`", value, nullable_hint))
    return Wrong(Problem("schema/wrong-type", f"`{t}`", value, hint))
