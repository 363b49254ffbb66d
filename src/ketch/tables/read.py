"""Rows of a file, or of standard input, in batches and in normal form.

One reader behind every verb that takes a file: JSON (an object, or a list of objects),
JSON Lines, CSV and Parquet. Whatever the format, a row is the same row, or the same
finding, at its line; a file with wrong rows is refused with all that is wrong in it.

Of a Parquet file, dates and timestamps become ISO 8601 text, binary becomes base64, a
decimal with a fraction the nearest float64 (as in JSON), and a map a list of
``{"key", "value"}``. Timestamps of the old INT96 kind are read to the microsecond.
"""

from __future__ import annotations

import errno
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ketch.errors import NotFound, UsageError
from ketch.files import ACCESS_TROUBLE, PATH_TROUBLE
from ketch.schema import Decoder, Field
from ketch.tables.cell_rows import decode_cells
from ketch.tables.csv_rows import read_csv
from ketch.tables.decoded import Batches, Decode, decoded
from ketch.tables.formats import Format, check_utf8, format_of_content, format_of_name
from ketch.tables.json_rows import read_json, read_json_lines
from ketch.tables.lines import Source
from ketch.tables.parquet_rows import read_parquet

BATCH_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads rows in a way of their own.

    Attributes:
        columns: What a line of column names must and may name.
        decode: Returns what turns the rows of a format into rows in normal form.
    """

    columns: Sequence[Field]
    decode: Callable[[Format], Decode]


_UNREADABLE = {errno.EISDIR} | ACCESS_TROUBLE | PATH_TROUBLE


def read_rows(
    path: Path | None,
    fields: Sequence[Field] | Reader | None,
    *,
    format: Format | None = None,  # noqa: A002 # the word of the command line
    batch_rows: int = BATCH_ROWS,
) -> Batches:
    """Yield the rows of a file in batches, in the order of the file.

    Close it when it is left before its end: it holds the file, and for Parquet more.

    Args:
        path: The file; ``None`` for standard input.
        fields: What the rows are declared to be, or who reads them in another way; ``None`` takes
            them as they are.
        format: The format; by default the suffix tells, and then the content.
        batch_rows: Most rows in a batch; large rows come in smaller ones.

    Raises:
        NotFound: There is no such file.
        UsageError: The file is not what its format says (``table/…``, ``json/…``), or its
            columns and rows are not what is declared (``schema/…``): all of them are
            findings, at their line or row.
        Unavailable: ``table/out-of-memory``.
    """
    if path is None:
        yield from _read_stream(_buffered(sys.stdin.buffer), "stdin", fields, format, batch_rows)
        return
    try:
        with path.open("rb") as stream:
            kind = format or format_of_name(path)
            if (kind or format_of_content(stream.peek(64), str(path))) == "parquet":
                batches = read_parquet(path, str(path), _types(fields), batch_rows)
                yield from _decoded(batches, "parquet", fields)
            else:
                yield from _read_stream(stream, str(path), fields, kind, batch_rows)
    except FileNotFoundError as error:
        raise NotFound(f"no file `{path}`", code="table/not-found", where=str(path)) from error
    except OSError as error:
        if error.errno not in _UNREADABLE:
            raise
        message = f"expected a file that can be read: {error.strerror}"
        raise UsageError(message, code="table/unreadable", where=str(path)) from error


def _read_stream(
    stream: io.BufferedReader,
    name: str,
    fields: Sequence[Field] | Reader | None,
    format: Format | None,  # noqa: A002
    batch_rows: int,
) -> Batches:
    source = Source(stream, name, batch_rows)
    start = stream.peek(64)
    kind = format or format_of_content(start, name)
    if kind != "parquet":
        check_utf8(start, name)
    return _decoded(_read_as(kind, source, fields), kind, fields)


def _read_as(kind: Format, source: Source, fields: Sequence[Field] | Reader | None) -> Batches:
    match kind:
        case "json":
            return read_json(source)
        case "jsonl":
            return read_json_lines(source)
        case "csv":
            return read_csv(source, fields.columns if isinstance(fields, Reader) else fields)
        case "parquet":
            return _read_parquet_stream(source, _types(fields))


def _types(fields: Sequence[Field] | Reader | None) -> Sequence[Field] | None:
    """Return the types that columns must have; a reader takes them as they are."""
    return None if isinstance(fields, Reader) else fields


def _read_parquet_stream(source: Source, fields: Sequence[Field] | None) -> Batches:
    """Read Parquet that comes through a pipe: its directory is at the end, so keep it first."""
    with tempfile.NamedTemporaryFile(prefix="ketch-tables-", suffix=".parquet") as file:
        shutil.copyfileobj(source.stream, file)
        file.flush()
        yield from read_parquet(Path(file.name), source.name, fields, source.batch_rows)


def _decoded(batches: Batches, kind: Format, fields: Sequence[Field] | Reader | None) -> Batches:
    if fields is None:
        return batches
    if isinstance(fields, Reader):
        return decoded(batches, fields.decode(kind))
    return decoded(batches, decode_cells(fields) if kind == "csv" else Decoder(fields).decode)


def _buffered(stream: BinaryIO) -> io.BufferedReader:
    """Return the stream as one that can be looked into before it is read."""
    if isinstance(stream, io.BufferedReader):
        return stream
    return io.BufferedReader(stream)  # type: ignore[arg-type] # a stand-in for stdin, in tests
