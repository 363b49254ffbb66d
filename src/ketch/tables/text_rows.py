"""Rows of JSON, JSON Lines and CSV: streams of bytes in, batches out.

JSON Lines and CSV are read line by line and need no more memory than a batch; one JSON
text is read whole, and is therefore limited to ``MAX_BYTES``; so is one line.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from ketch.errors import UsageError
from ketch.schema import Field, Row, parse_json, read_text_rows
from ketch.schema.parse import MAX_BYTES
from ketch.schema.text import check_columns
from ketch.tables.batch import Batch


@dataclass(frozen=True, slots=True)
class Source:
    """What is read, its name for messages, and how many rows make a batch."""

    stream: BinaryIO
    name: str
    batch_rows: int


def read_json(source: Source) -> Iterator[Batch]:
    """Read one JSON text, an object or a list of objects; or one object a line.

    A file called ``.json`` and standard input may hold either, and nobody is helped by
    an error that says so.
    """
    lines = _lines(source.stream)
    start = list(_through_text(lines))
    if start and _is_object(start[-1]):
        start += _through_text(lines)
        if sum(1 for line in start if line.strip()) > 1:
            yield from _batches(source, _objects(source, itertools.chain(start, lines)))
            return
    yield from _read_text(source, b"".join(start) + source.stream.read(MAX_BYTES + 1))


def read_json_lines(source: Source) -> Iterator[Batch]:
    """Read one JSON object a line; empty lines say nothing."""
    return _batches(source, _objects(source, _lines(source.stream)))


def read_csv(source: Source, fields: Sequence[Field]) -> Iterator[Batch]:
    """Read comma-separated values (RFC 4180) under a line of names; cells typed by ``fields``.

    UTF-8, with or without byte order mark.
    """
    text = io.TextIOWrapper(source.stream, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    try:
        names = next(reader, None)
        _check_header(names, fields, source.name)
        for batch in _batches(source, _cells(reader, names or [])):
            rows, findings = read_text_rows(fields, batch.rows)  # type: ignore[arg-type] # cells
            if findings:
                raise batch.refuse(findings)
            yield Batch(rows, batch.source, batch.places, lines=True)
    except csv.Error as error:
        _unreadable(str(error), f"{source.name}:{reader.line_num}")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        where = f"{source.name}:{reader.line_num + 1}"
        _unreadable(f"found byte `0x{byte:02x}`", where, "save the file as UTF-8")
    finally:
        text.detach()


def _read_text(source: Source, content: bytes) -> Iterator[Batch]:
    hint = "write one object a line (`.jsonl`): there is no limit then"
    try:
        value = parse_json(content, where=source.name)
    except UsageError as error:
        if error.code != "json/too-large":
            raise
        raise UsageError(error.message, code=error.code, where=source.name, hint=hint) from error
    values = value if isinstance(value, list) else [value]
    name = source.name
    rows = [_check_object(one, f"{name}: row {place}") for place, one in enumerate(values, 1)]
    for start in range(0, len(rows), source.batch_rows):
        some = rows[start : start + source.batch_rows]
        places = range(start + 1, start + 1 + len(some))
        yield Batch(some, name, places, lines=False, single=not isinstance(value, list))


def _objects(source: Source, lines: Iterable[bytes]) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{source.name}:{number}"
            yield number, _check_object(parse_json(line, where=where), where)


def _cells(reader: Iterator[list[str]], names: list[str]) -> Iterator[tuple[int, Row]]:
    """Yield rows as ``csv.DictReader`` would: lacking cells are ``None``, spare ones under None."""
    number = 2
    for row in reader:
        if row:
            cells: Row = dict(zip(names, row, strict=False))
            cells.update(dict.fromkeys(names[len(row) :]))
            if len(row) > len(names):
                cells[None] = row[len(names) :]  # type: ignore[index] # as csv.DictReader does
            yield number, cells
        number = reader.line_num + 1  # type: ignore[attr-defined] # of csv.reader


def _batches(source: Source, rows: Iterable[tuple[int, Row]]) -> Iterator[Batch]:
    numbered = iter(rows)
    while some := list(itertools.islice(numbered, source.batch_rows)):
        places = [place for place, _ in some]
        yield Batch([row for _, row in some], source.name, places, lines=True)


def _check_header(names: list[str] | None, fields: Sequence[Field], source: str) -> None:
    if not names:
        _unreadable("expected a line of column names, found nothing", f"{source}:1")
    findings = tuple(check_columns(fields, names, f"{source}:1"))
    if findings:
        marks = [mark for mark in (";", "\t", "|") if len(names) == 1 and mark in names[0]]
        hint = f"cells are separated by commas, not by {marks[0]!r}" if marks else findings[0].hint
        raise UsageError(
            findings[0].message,
            code=findings[0].code,
            where=f"{source}:1",
            hint=hint,
            findings=findings,
        )


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(MAX_BYTES + 1):
        yield line


def _through_text(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines up to the next that is not empty, and that one."""
    for line in lines:
        yield line
        if line.strip():
            return


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(parse_json(line), dict)
    except UsageError:
        return False


def _check_object(value: object, where: str) -> Row:
    if not isinstance(value, dict):
        raise UsageError(
            f"expected an object of named values, found `{type(value).__name__}`",
            code="schema/wrong-type",
            where=where,
        )
    return value


def _unreadable(message: str, where: str, hint: str | None = None) -> NoReturn:
    expected = message if message.startswith("expected") else f"expected CSV (RFC 4180), {message}"
    raise UsageError(expected, code="table/unreadable", where=where, hint=hint)
