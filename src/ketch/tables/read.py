"""Rows of a file, or of standard input, in batches and in JSON form.

One reader behind every verb that takes a file: JSON (an object, or a list of objects),
JSON Lines, CSV and Parquet. What comes out is not decoded yet: the caller runs its
:class:`~ketch.schema.Decoder`, and :meth:`Batch.locate` puts the findings at their lines.

Of a Parquet file, dates and timestamps become ISO 8601 text, binary becomes base64, a
decimal becomes the nearest float64, and a map a list of ``{"key", "value"}``.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ketch.errors import NotFound, UsageError
from ketch.schema import Field
from ketch.schema.text import check_columns
from ketch.tables.batch import Batch
from ketch.tables.cells import json_form
from ketch.tables.engine import engine, exactly, identifier
from ketch.tables.formats import Format, format_of_content, format_of_name
from ketch.tables.text_rows import Source, read_csv, read_json, read_json_lines

if TYPE_CHECKING:
    import duckdb

BATCH_ROWS = 1000


def read_rows(
    path: Path | None,
    fields: Sequence[Field],
    *,
    format: Format | None = None,  # noqa: A002 # the word of the command line
    batch_rows: int = BATCH_ROWS,
) -> Generator[Batch, None, None]:
    """Yield the rows of a file in batches, in the order of the file.

    Close it when it is left before its end: it holds the file, and for Parquet more.

    Args:
        path: The file; ``None`` for standard input.
        fields: Type the cells of CSV; name the columns that CSV and Parquet must have.
        format: The format; by default the suffix tells, and then the content.
        batch_rows: Rows in a batch.

    Raises:
        NotFound: There is no such file.
        UsageError: The file is not what its format says (``table/…``, ``json/…``), or its
            columns are not the declared ones (``schema/…``); ``where`` is the line or row.
    """
    if path is None:
        yield from _read_stream(_buffered(sys.stdin.buffer), "stdin", fields, format, batch_rows)
        return
    try:
        with path.open("rb") as stream:
            kind = format or format_of_name(path) or format_of_content(stream.peek(64))
            if kind == "parquet":
                yield from _read_parquet(path, str(path), fields, batch_rows)
            else:
                yield from _read_stream(stream, str(path), fields, kind, batch_rows)
    except FileNotFoundError as error:
        raise NotFound(f"no file `{path}`", code="table/not-found", where=str(path)) from error
    except (IsADirectoryError, PermissionError) as error:
        message = f"expected a file that can be read: {error.strerror}"
        raise UsageError(message, code="table/unreadable", where=str(path)) from error


def _read_stream(
    stream: io.BufferedReader,
    name: str,
    fields: Sequence[Field],
    format: Format | None,  # noqa: A002
    batch_rows: int,
) -> Iterator[Batch]:
    source = Source(stream, name, batch_rows)
    match format or format_of_content(stream.peek(64)):
        case "json":
            yield from read_json(source)
        case "jsonl":
            yield from read_json_lines(source)
        case "csv":
            yield from read_csv(source, fields)
        case "parquet":
            yield from _read_parquet_stream(source, fields)


def _read_parquet_stream(source: Source, fields: Sequence[Field]) -> Iterator[Batch]:
    """Read Parquet that comes through a pipe: its directory is at the end, so keep it first."""
    with tempfile.NamedTemporaryFile(prefix="ketch-tables-", suffix=".parquet") as file:
        shutil.copyfileobj(source.stream, file)
        file.flush()
        yield from _read_parquet(Path(file.name), source.name, fields, source.batch_rows)


def _read_parquet(
    path: Path, name: str, fields: Sequence[Field], batch_rows: int
) -> Iterator[Batch]:
    with engine(name) as con:
        columns = _columns(con, path)
        findings = tuple(check_columns(fields, [column for column, _ in columns], name))
        if findings:
            first = findings[0]
            raise UsageError(
                first.message, code=first.code, where=name, hint=first.hint, findings=findings
            )
        cells = ", ".join(json_form(identifier(column), t) for column, t in columns)
        con.execute(f"SELECT {cells} FROM read_parquet(?)", [exactly(path)])  # noqa: S608 # quoted
        names = [column for column, _ in columns]
        place = 1
        while some := con.fetchmany(batch_rows):
            rows = [dict(zip(names, row, strict=True)) for row in some]
            yield Batch(rows, name, range(place, place + len(rows)), lines=False)
            place += len(rows)


def _columns(
    con: duckdb.DuckDBPyConnection, path: Path
) -> list[tuple[str, duckdb.sqltypes.DuckDBPyType]]:
    con.execute("SELECT * FROM read_parquet(?) LIMIT 0", [exactly(path)])
    return [(column[0], column[1]) for column in con.description or ()]


def _buffered(stream: BinaryIO) -> io.BufferedReader:
    """Return the stream as one that can be looked into before it is read."""
    if isinstance(stream, io.BufferedReader):
        return stream
    return io.BufferedReader(stream)  # type: ignore[arg-type] # a stand-in for stdin, in tests
