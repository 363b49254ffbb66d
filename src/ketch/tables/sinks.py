"""One class for each format that rows are written in."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from ketch.errors import UsageError
from ketch.schema import Field, Row
from ketch.tables.columns import case_twins, column_sql, spool_sql
from ketch.tables.engine import engine, exactly, identifier, literal


class Sink(Protocol):
    """Takes rows, then is finished and closed; or only closed, when something failed."""

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""

    def finish(self) -> None:
        """Write what ends the file."""

    def close(self) -> None:
        """Let go of what the sink itself opened."""


class JsonLinesSink:
    """One JSON object a line."""

    def __init__(self, stream: BinaryIO, fields: Sequence[Field]) -> None:
        self._stream = stream
        self._names = [field.name for field in fields]

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""
        for row in rows:
            self._stream.write(_object(self._names, row) + b"\n")

    def finish(self) -> None:
        """Do nothing: a file of lines has no end."""

    def close(self) -> None:
        """Do nothing."""


class JsonSink:
    """A JSON list of objects, one a line; or one object."""

    def __init__(self, stream: BinaryIO, fields: Sequence[Field], *, single: bool) -> None:
        self._stream = stream
        self._names = [field.name for field in fields]
        self._single = single
        self._rows = 0

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows.

        Raises:
            UsageError: A second row, where one object was to be written.
        """
        for row in rows:
            if self._single and self._rows:
                raise UsageError("expected one row, found more", code="table/unwritable")
            start = b"" if self._single else b",\n" if self._rows else b"["
            self._stream.write(start + _object(self._names, row))
            self._rows += 1

    def finish(self) -> None:
        """End the list."""
        self._stream.write(b"\n" if self._single else b"]\n" if self._rows else b"[]\n")

    def close(self) -> None:
        """Do nothing."""


class CsvSink:
    """Comma-separated values (RFC 4180, but with a plain line feed) under a line of names."""

    def __init__(self, stream: BinaryIO, fields: Sequence[Field]) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._names = [field.name for field in fields]
        self._writer.writerow(self._names)

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""
        self._writer.writerows([_cell(row.get(name)) for name in self._names] for row in rows)

    def finish(self) -> None:
        """Write what is still held back."""
        self._text.flush()

    def close(self) -> None:
        """Leave the stream open: it belongs to the writer."""
        self._text.detach()


class ParquetSink:
    """Parquet with a typed column for each field, compressed with zstd.

    Rows wait in a temporary file of JSON Lines, which DuckDB then turns into columns:
    so memory stays bounded, and DuckDB does all the typing in one place.
    """

    def __init__(self, stream: BinaryIO, fields: Sequence[Field], where: str) -> None:
        if twins := case_twins(fields):
            raise UsageError(
                f"expected names that differ in more than case, found `{'` and `'.join(twins)}`",
                code="table/unwritable",
                where=where,
                hint="many readers of Parquet ignore case; write JSON Lines (`.jsonl`)",
            )
        self._stream = stream
        self._fields = fields
        self._where = where
        self._folder = tempfile.TemporaryDirectory(
            prefix="ketch-tables-", ignore_cleanup_errors=True
        )
        self._spool = (Path(self._folder.name) / "rows.jsonl").open("wb")
        self._lines = JsonLinesSink(self._spool, fields)

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""
        self._lines.write(rows)

    def finish(self) -> None:
        """Turn the rows into columns."""
        self._spool.flush()
        made = Path(self._folder.name) / "rows.parquet"
        columns = ", ".join(
            f"{literal(field.name)}: {literal(spool_sql(field.type))}" for field in self._fields
        )
        cells = ", ".join(
            f"{column_sql(identifier(field.name), field.type)} AS {identifier(field.name)}"
            for field in self._fields
        )
        with engine(
            self._where, code="table/unwritable", expected="rows of the declared types"
        ) as con:
            con.execute(
                f"COPY (SELECT {cells} FROM read_json(?, format = 'newline_delimited',"  # noqa: S608
                f" columns = {{{columns}}}, maximum_object_size = 67108864))"
                f" TO {literal(str(made))} (FORMAT parquet, COMPRESSION zstd)",
                [exactly(Path(self._spool.name))],
            )
        with made.open("rb") as file:
            shutil.copyfileobj(file, self._stream)

    def close(self) -> None:
        """Remove the temporary files."""
        self._spool.close()
        self._folder.cleanup()


def _object(names: Sequence[str], row: Row) -> bytes:
    return msgspec.json.encode({name: row.get(name) for name in names})


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
