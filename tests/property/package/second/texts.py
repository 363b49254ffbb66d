"""Digests and JSON: sentences 1 to 4 of the format."""

from __future__ import annotations

import hashlib
import json
import math
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

MIB = 1 << 20
DIGEST = re.compile("sha256:[0-9a-f]{64}")


class Broken(Exception):
    """The package breaks a sentence of the page."""


def require(claim: object, sentence: int, what: object = "") -> None:
    if not claim:
        raise Broken(f"sentence {sentence}: {what!r:.200}")


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_json(content: bytes, most: int = 64 * MIB) -> Any:
    require(len(content) <= most, 27, len(content))
    require(_depth(content) <= 32, 27, "too deep")
    try:
        return json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_float,
            parse_float=_float,
            parse_int=_int,
        )
    except (ValueError, RecursionError) as problem:
        raise Broken(f"sentence 2: {problem}") from problem


def _depth(content: bytes) -> int:
    """Return how deep brackets stand inside one another, outside strings."""
    deepest = depth = 0
    for mark in re.findall(rb'"(?:[^"\\]|\\.)*"|[][{}]', content, re.DOTALL):
        depth += (mark in b"[{") - (mark in b"]}")
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    require(len(found) == len(pairs), 2, "a member twice")
    for text in (*found, *found.values()):
        _refuse_lone_surrogates(text)
    return found


def _refuse_lone_surrogates(value: object) -> None:
    if isinstance(value, str):
        value.encode()  # raises a ValueError
    if isinstance(value, list):
        for item in value:
            _refuse_lone_surrogates(item)


def _float(text: str) -> float:
    require(math.isfinite(float(text)), 2, text)
    return float(text)


def _int(text: str) -> int:
    _float(text)
    return int(text)


def canonical(value: object) -> bytes:
    """Return the canonical JSON of a value, as sentence 3 has it."""
    return _text(value).encode()


def json_line(value: object) -> bytes:
    return canonical(value) + b"\n"


def _text(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            return f'"{"".join(map(_letter, value))}"'
        case list() | tuple():
            return f"[{','.join(map(_text, value))}]"
        case dict():
            return f"{{{','.join(f'{_text(key)}:{_text(value[key])}' for key in sorted(value))}}}"
    raise TypeError(value)


_ESCAPES = dict(
    zip('"\\\b\t\n\f\r', ('\\"', "\\\\", "\\b", "\\t", "\\n", "\\f", "\\r"), strict=True)
)


def _letter(one: str) -> str:
    return _ESCAPES.get(one) or (one if one >= " " else f"\\u{ord(one):04x}")


def _number(value: float) -> str:
    require(math.isfinite(value), 2, value)
    sign = "-" if math.copysign(1, value) < 0 else ""
    digits, exponent = _fewest_digits(abs(value))
    if value and not 1e-4 <= abs(value) < 1e16:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    return f"{sign}{whole}.{digits[exponent + 1 :] or '0'}"


_ROUNDED = (ROUND_HALF_EVEN, ROUND_FLOOR, ROUND_CEILING)


def _fewest_digits(value: float) -> tuple[str, int]:
    """Return the digits of a number, the first before the point, and its power of ten."""
    exact = Decimal(value)
    for count in range(1, 18):
        last = Decimal(1).scaleb(exact.adjusted() - count + 1)
        near = [exact.quantize(last, how) for how in _ROUNDED]
        same = [each for each in near if float(each) == value]
        if same:
            nearest = min(same, key=lambda each: abs(each - exact))
            digits = "".join(map(str, nearest.as_tuple().digits))
            return digits.rstrip("0") or "0", nearest.adjusted()
    raise AssertionError(value)
