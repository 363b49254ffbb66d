"""Example rows from a file: what a column holds, and rows to try a model with."""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.authoring.drafting.notebooks import is_notebook
from ketch.errors import Finding, NotFound, UsageError
from ketch.schema import Field, infer_fields
from ketch.tables.formats import format_of_content, format_of_name
from ketch.tables.read import read_rows

ROWS_READ = 1000
_HEAD_BYTES = 64

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}
_MISSING = frozenset(["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"])

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Examples:
    """The first rows of a file: JSON form, under the names of the file."""

    rows: tuple[Row, ...] = ()
    where: str = "example"

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column, in the order of the file."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row))

    def fields(self, names: Mapping[str, str]) -> tuple[dict[str, Field], tuple[Finding, ...]]:
        """Return the fields that some columns fit, by column, and what could not be told.

        Args:
            names: The columns wanted → what their fields are called.
        """
        renamed = [
            {field: row[column] for column, field in names.items() if column in row}
            for row in self.rows
        ]
        fields, findings = infer_fields(renamed, self.where)
        by_name = {field.name: field for field in fields}
        known = {column: by_name[name] for column, name in names.items() if name in by_name}
        return known, tuple(replace(one, blocks=False) for one in findings)


def read_examples(path: Path) -> Examples:
    """Read the first thousand rows of a JSON, JSON Lines, CSV or Parquet file.

    Raises:
        NotFound: There is no such file.
        UsageError: It is not what its name says, has no rows, or is a notebook.
    """
    if not path.is_file():
        raise NotFound(f"no file `{path}`", code="init/no-example", where=str(path))
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if is_notebook(path, head):
        raise UsageError(
            "expected example rows, found a notebook",
            code="init/no-example",
            where=str(path),
            hint="save some rows of its data: `frame.head(20).to_csv('example.csv', index=False)`",
        )
    is_csv = (format_of_name(path) or format_of_content(head)) == "csv"
    rows = _csv_rows(path) if is_csv else _typed_rows(path)
    if not rows:
        raise UsageError(
            "expected example rows, found none", code="init/no-example", where=str(path)
        )
    return Examples(tuple(rows), path.name)


def _typed_rows(path: Path) -> list[Row]:
    batches = read_rows(path, None, batch_rows=ROWS_READ)
    rows = itertools.islice((row for batch in batches for row in batch.rows), ROWS_READ)
    return [{name: _without_nan(value) for name, value in row.items()} for row in rows]


def _csv_rows(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            cells = list(itertools.islice(reader, ROWS_READ))
            names = list(reader.fieldnames or ())
    except (csv.Error, UnicodeDecodeError) as problem:
        message = f"expected CSV (RFC 4180) in UTF-8: {problem}"
        raise UsageError(message, code="table/unreadable", where=str(path)) from problem
    columns = {name: _values([_cell(row, name) for row in cells]) for name in names}
    return [{name: columns[name][index] for name in names} for index in range(len(cells))]


def _cell(row: Mapping[str, str | None], name: str) -> str:
    return (row.get(name) or "").strip()


def _values(cells: Sequence[str]) -> list[object]:
    """Return the cells of a column as the narrowest of integer, number, boolean and text."""
    present = [cell for cell in cells if cell not in _MISSING]
    read: type | None = None
    if present and all(_INTEGER.fullmatch(cell) for cell in present):
        read = int
    elif present and all(_NUMBER.fullmatch(cell) for cell in present):
        read = float
    if read is not None:
        return [None if cell in _MISSING else read(cell) for cell in cells]
    if present and all(cell.lower() in _BOOLEANS for cell in present):
        return [_BOOLEANS.get(cell.lower()) for cell in cells]
    return [cell or None for cell in cells]


def _without_nan(value: object) -> object:
    """Numpy and pandas write a missing number as NaN, also into Parquet."""
    return None if isinstance(value, float) and math.isnan(value) else value
