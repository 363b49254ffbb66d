"""Floating-point numbers of 16, 32 and 64 bits, held in Python's 64."""

import math
import struct

SIGNIFICANT = {16: 11, 32: 24, 64: 53}
_PACKED = {16: "<e", 32: "<f", 64: "<d"}


def largest_float(bits: int) -> float:
    """Return the largest double that rounds to a finite float of so many bits."""
    if bits == 64:
        return float.fromhex("0x1.fffffffffffffp+1023")
    top = {16: 16, 32: 128}[bits]
    return math.nextafter(2.0**top - 2.0 ** (top - SIGNIFICANT[bits] - 1), 0.0)


def round_float(value: float, bits: int) -> float:
    """Return the nearest float of so many bits; infinite when there is no finite one."""
    try:
        rounded: float = struct.unpack(_PACKED[bits], struct.pack(_PACKED[bits], value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def is_exact(value: int, bits: int) -> bool:
    """Whether a float of so many bits is exactly this integer."""
    try:
        rounded = round_float(float(value), bits)
    except OverflowError:
        return False
    return math.isfinite(rounded) and int(rounded) == value
