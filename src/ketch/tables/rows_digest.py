r"""A digest over every row and every column of a table, whatever file holds it.

It is the SHA-256 of a text. Anybody can make that text with any JSON writer:

* line 1: ``[[name, type], …]``, the columns in order, with Arrow's names of their types;
* then a line for each block of 4,096 rows, in file order (the last may be shorter):
  ``[[cell, …], …]``, one array for each column, in order.

Lines end with ``\n``; JSON as RFC 8259 in UTF-8, without spaces, and nothing escaped but
``"``, ``\`` and control characters (``\b \t \n \f \r``, others ``\u00xx`` in lower case).

A cell is

* ``null``, ``true``, ``false``, text, and an integer of up to 64 bits as JSON has them;
* a float: the 64 bits of the IEEE 754 double, read as a signed integer; every NaN is
  9221120237041090560;
* a date: days since 1970-01-01; a timestamp: its type's units since then, in UTC when the
  type has a zone, and ±(2^63 - 1) for an infinite one;
* binary: base64 text (RFC 4648 section 4);
* a list: an array; a struct: an array of its members in order; a map: an array of such pairs;
* anything else (decimals, times of day, wider integers): text, as DuckDB writes it.

So the digest is the same for a Parquet, CSV and JSON Lines file with the same columns,
types and rows, and changes with any cell, name, type, or order of rows or columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

BLOCK_ROWS = 4096

_NAN = 0x7FF8_0000_0000_0000

Encode = Callable[[Sequence[object]], Sequence[object]]


class RowsDigest:
    """Takes blocks of columns; every block but the last has ``BLOCK_ROWS`` rows."""

    def __init__(self, columns: Sequence[tuple[str, str]]) -> None:
        self._sha = hashlib.sha256()
        self._encoders = [_encoder(arrow) for _, arrow in columns]
        self._add([list(column) for column in columns])

    def add(self, block: Sequence[Sequence[object]]) -> None:
        """Add a block: the cells of each column, in counted form (see ``cells``)."""
        pairs = zip(self._encoders, block, strict=True)
        self._add([encode(cells) if encode else cells for encode, cells in pairs])

    def finish(self) -> str:
        """Return the digest, ``sha256:<64 lowercase hex digits>``."""
        return f"sha256:{self._sha.hexdigest()}"

    def _add(self, value: object) -> None:
        self._sha.update(msgspec.json.encode(value))
        self._sha.update(b"\n")


def _encoder(arrow: str) -> Encode | None:
    """Return what turns a column's cells into JSON; ``None`` when they already are."""
    if arrow in {"float64", "float32"}:
        return _float_bits
    if arrow.startswith(("list<", "struct<", "map<")):
        return lambda cells: [_nested(cell) for cell in cells]
    return None


def _float_bits(cells: Sequence[object]) -> list[int | None]:
    numbers = np.array(cells, dtype=np.float64)  # null becomes NaN
    bits: list[int | None] = numbers.view(np.int64).tolist()
    for index in np.flatnonzero(np.isnan(numbers)).tolist():
        bits[index] = None if cells[index] is None else _NAN
    return bits


def _nested(cell: object) -> object:
    if isinstance(cell, float):
        return _float_bits([cell])[0]
    if isinstance(cell, (list, tuple)):
        return [_nested(part) for part in cell]
    if isinstance(cell, dict):
        return [_nested(part) for part in cell.values()]
    return cell
