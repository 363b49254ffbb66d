"""Rows of CSV, which need no more memory than a batch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NoReturn

from ketch.errors import UsageError
from ketch.schema import Field, Row
from ketch.schema.parse import MAX_BYTES
from ketch.tables.decoded import Batches
from ketch.tables.header import check_header
from ketch.tables.lines import Lines, Source, batches


def read_csv(source: Source, fields: Sequence[Field] | None) -> Batches:
    """Read comma-separated values (RFC 4180) under a line of names; every cell is text.

    UTF-8, with or without byte order mark. A row of too few cells has ``None`` for those
    that it lacks; one of too many has them under the name ``None``.

    Args:
        source: What is read.
        fields: The columns that there must be; ``None`` takes those that there are.
    """
    # The limit is the process's, so it is never made smaller. A line has one of its own.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_BYTES))
    text = io.TextIOWrapper(source.stream, encoding="utf-8-sig", newline="")
    lines = Lines(text.readline, source.name)
    reader = csv.reader(lines, strict=True)
    try:
        names = next(reader, [])
        check_header(fields, names, f"{source.name}:1")
        yield from batches(source, _cells(reader, names, lines), lines)
    except csv.Error as error:
        hint = "a cell with a quote stands in quotes, the quote inside doubled; all are closed"
        _unreadable(f"expected CSV (RFC 4180), found otherwise: {error}", lines.where, hint)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        line = lines.number + before.count(b"\n") + 1
        found = f"expected text in UTF-8, found byte `0x{error.object[error.start]:02x}`"
        _unreadable(found, f"{source.name}:{line}", "save the file as UTF-8")
    finally:
        text.detach()


def _cells(
    reader: Iterator[list[str]], names: Sequence[str], lines: Lines[str]
) -> Iterator[tuple[int, Row]]:
    width = len(names)
    lines.begun = lines.number + 1
    for row in reader:
        if row:
            cells: Row = dict(zip(names, row, strict=False))
            if len(row) < width:
                cells.update(dict.fromkeys(names[len(row) :]))
            elif len(row) > width:
                cells[None] = row[width:]  # type: ignore[index] # as csv.DictReader does
            yield lines.begun, cells
        lines.begun = lines.number + 1


def _unreadable(message: str, where: str, hint: str) -> NoReturn:
    raise UsageError(message, code="table/unreadable", where=where, hint=hint)
