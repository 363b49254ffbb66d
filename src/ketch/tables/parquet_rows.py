"""Rows of Parquet files, read by DuckDB in bounded memory."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ketch.schema import Field
from ketch.tables.batch import Batch
from ketch.tables.cells import json_form
from ketch.tables.decoded import Batches
from ketch.tables.engine import engine, exactly, identifier
from ketch.tables.fits import misfit
from ketch.tables.header import column_findings, refusal

if TYPE_CHECKING:
    import duckdb

    Columns: TypeAlias = list[tuple[str, duckdb.sqltypes.DuckDBPyType]]

BATCH_BYTES = 8 * 2**20


def read_parquet(path: Path, name: str, fields: Sequence[Field] | None, batch_rows: int) -> Batches:
    """Yield the rows of a Parquet file in JSON form.

    Args:
        path: The file.
        name: What messages call it.
        fields: The columns that it must have; ``None`` takes those that there are.
        batch_rows: Most rows in a batch.

    Raises:
        UsageError: It is no whole Parquet file, or its columns are not those declared.
        Unavailable: ``table/out-of-memory``.
    """
    with engine(name, expected="a whole Parquet file") as con:
        columns = _columns(con, path)
        if fields is not None:
            _check(con, path, name, fields, columns)
        # Bytes become text here and not in the query, which works on 2048 rows at once.
        blobs = [index for index, (_, t) in enumerate(columns) if t.id == "blob"]
        cells = ", ".join(
            identifier(column) if t.id == "blob" else json_form(identifier(column), t)
            for column, t in columns
        )
        size = min(batch_rows, max(1, BATCH_BYTES // _row_bytes(con, path)))
        con.execute(f"SELECT {cells} FROM read_parquet(?)", [exactly(path)])  # noqa: S608 # quoted
        names = [column for column, _ in columns]
        place = 1
        while some := con.fetchmany(size):
            rows = [dict(zip(names, _texts(row, blobs), strict=True)) for row in some]
            yield Batch(rows, name, range(place, place + len(rows)), lines=False)
            place += len(rows)


def _columns(con: duckdb.DuckDBPyConnection, path: Path) -> Columns:
    con.execute("SELECT * FROM read_parquet(?) LIMIT 0", [exactly(path)])
    return [(column[0], column[1]) for column in con.description or ()]


def _row_bytes(con: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Return about how much memory a row takes."""
    con.execute(
        "SELECT (SELECT sum(total_uncompressed_size) FROM parquet_metadata($1))"
        " // (SELECT greatest(num_rows, 1) FROM parquet_file_metadata($1))",
        [exactly(path)],
    )
    return int(con.fetchall()[0][0] or 0) or 1


def _texts(row: Sequence[object], blobs: Sequence[int]) -> Sequence[object]:
    if not blobs:
        return row
    cells = list(row)
    for index in blobs:
        cell = cells[index]
        if isinstance(cell, bytes):
            cells[index] = base64.b64encode(cell).decode("ascii")
    return cells


def _check(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    name: str,
    fields: Sequence[Field],
    columns: Columns,
) -> None:
    """Refuse columns that are missing, not declared, or cannot hold what is declared."""
    findings = list(column_findings(fields, [column for column, _ in columns], name))
    found = dict(columns)
    for field in fields:
        wrong = field.name in found and misfit(field, found[field.name], f"{name}: {field.name}")
        if wrong and _has_values(con, path, field.name):
            findings.append(wrong)
    if findings:
        raise refusal(findings)


def _has_values(con: duckdb.DuckDBPyConnection, path: Path, column: str) -> bool:
    """Whether anything stands in a column; one that holds nothing may be of any type."""
    cells = f"SELECT 1 FROM read_parquet(?) WHERE {identifier(column)} IS NOT NULL LIMIT 1"  # noqa: S608
    return bool(con.execute(cells, [exactly(path)]).fetchall())
