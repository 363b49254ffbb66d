"""Rows of cells, which are all text, in normal form."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ketch.errors import Finding
from ketch.schema import Decoder, Field, Row, read_text_rows
from ketch.schema.problems import MOST
from ketch.tables.cell_columns import Read, column_reader
from ketch.tables.decoded import Decode


def decode_cells(fields: Sequence[Field]) -> Decode:
    """Return what turns rows of cells into rows in normal form.

    What a cell spells and whether its value is allowed are two questions; a row is told
    the answers to both at once.
    """
    decoder = Decoder(fields)
    by_name = {field.name: field for field in fields}
    readers = {name: column_reader(field) for name, field in by_name.items()}

    def decode(cells: list[Row]) -> tuple[list[Row], Sequence[Finding]]:
        if (rows := _by_columns(by_name, readers, cells)) is not None:
            decoded, findings = decoder.decode(rows)
            if not findings:
                return decoded, ()
        return [], list(itertools.islice(_findings(fields, cells), MOST + 1))

    return decode


def _by_columns(
    fields: Mapping[str, Field], readers: Mapping[str, Read | None], rows: Sequence[Row]
) -> list[Row] | None:
    """Return rows in JSON form, not yet decoded; ``None`` if a cell does not spell its type."""
    names = list(rows[0])
    if any(len(row) != len(names) or None in row.values() for row in rows):
        return None
    if any(name not in readers for name in names):
        return None  # cells too many, in every row alike
    columns = []
    for name, cells in zip(names, zip(*(row.values() for row in rows), strict=True), strict=True):
        read = readers[name]
        values = read(cells) if read else None
        values = _one_by_one(fields[name], cells) if values is None else values
        if values is None:
            return None
        columns.append(values)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _one_by_one(field: Field, cells: Iterable[object]) -> Iterable[object] | None:
    rows, findings = read_text_rows([field], [{field.name: cell} for cell in cells])  # type: ignore[dict-item] # of text
    return None if findings else [row[field.name] for row in rows]


def _findings(fields: Sequence[Field], rows: Sequence[Row]) -> Iterator[Finding]:
    for index, row in enumerate(rows):
        if wrong := _wrong_width(row):
            yield replace(wrong, where=f"rows[{index}]")
            continue
        for field in fields:
            for wrong in _of_cell(field, row):
                path = (wrong.where or "").removeprefix("rows[0]")
                yield replace(wrong, where=f"rows[{index}]{path}")


def _of_cell(field: Field, row: Mapping[str, object]) -> Sequence[Finding]:
    if field.name not in row:
        return ()
    values, wrong = read_text_rows([field], [{field.name: row[field.name]}])  # type: ignore[dict-item] # a cell
    return wrong or Decoder([field]).decode(values)[1]


def _wrong_width(row: Row) -> Finding | None:
    """Return what is wrong with the number of cells; see ``csv_rows.read_csv``."""
    extra = row.get(None)  # type: ignore[call-overload] # as csv.DictReader has it
    columns = len(row) - (extra is not None)
    cells = sum(cell is not None for cell in row.values()) - (extra is not None)
    cells += len(extra or ())
    if cells == columns:
        return None
    message = f"expected `{columns}` cells, one for each column, found `{cells}`"
    return Finding("schema/wrong-cells", message)
