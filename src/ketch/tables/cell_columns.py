"""Cells that are as they should be, read a column at a time.

Of a right file all cells are right, so a column is looked at as a whole: one pattern says
that all its cells spell their type as ``schema.text`` wants it, and then they are converted
together, ten times as fast as one by one. Any doubt is left to ``schema.text``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from ketch.schema import Field
from ketch.schema.types import Binary, Bool, Date, Float, Int, String, Timestamp

Read: TypeAlias = Callable[[Sequence[str]], Iterable[object] | None]
"""Returns the values of a column, or ``None`` when somebody should look closer."""

_BOOLS = {"true": True, "false": False}
_INTEGER = r"[+-]?[0-9]{1,18}"
# Of integers in a float the schema asks that the float holds them, and zero has no sign.
_NUMBER = r"(?!-0+\n)[+-]?[0-9]{{1,{digits}}}(?:\.[0-9]{{0,30}})?(?:[eE][+-]?[0-9]{{1,3}})?"
_EXACT_DIGITS = {16: 3, 32: 7, 64: 15}


def column_reader(field: Field) -> Read | None:
    """Return what reads right columns of a field; ``None`` where each cell needs a look."""
    match field.type:
        case Int():
            return _spelled(_INTEGER, int, nullable=field.nullable)
        case Float(bits):
            number = _NUMBER.format(digits=_EXACT_DIGITS[bits])
            return _spelled(number, float, nullable=field.nullable)
        case Bool() if not field.nullable:
            return _booleans
        case String() | Date() | Timestamp() | Binary():
            if field.nullable:
                return lambda cells: [cell or None for cell in cells]
            return _text if isinstance(field.type, String) else _no_gaps
    return None


def _spelled(pattern: str, convert: Callable[[str], object], *, nullable: bool) -> Read:
    gaps = "?" if nullable else ""
    column = re.compile(f"(?:(?:{pattern}){gaps}\n)*")

    def read(cells: Sequence[str]) -> Iterable[object] | None:
        text = "\n".join((*cells, ""))
        # A cell of two lines would look like two cells.
        if text.count("\n") != len(cells) or column.fullmatch(text) is None:
            return None
        return (
            [convert(cell) if cell else None for cell in cells] if nullable else map(convert, cells)
        )

    return read


def _booleans(cells: Sequence[str]) -> Iterable[object] | None:
    try:
        return [_BOOLS[cell] for cell in cells]
    except KeyError:
        return None


def _text(cells: Sequence[str]) -> Iterable[object]:
    return cells


def _no_gaps(cells: Sequence[str]) -> Iterable[object] | None:
    return cells if all(cells) else None
