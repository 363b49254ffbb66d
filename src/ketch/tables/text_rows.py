"""Rows of JSON, JSON Lines and CSV: streams of bytes in, batches out.

JSON Lines and CSV are read line by line and need no more memory than a batch; one JSON
text is read whole, and is therefore limited to ``MAX_BYTES``; so is one line.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Generic, NoReturn, TypeVar

from ketch.errors import UsageError
from ketch.schema import Field, Row, parse_json
from ketch.schema.parse import MAX_BYTES
from ketch.tables.batch import Batch
from ketch.tables.decoded import Batches
from ketch.tables.header import check_header

BATCH_BYTES = 8 * 2**20

Text = TypeVar("Text", str, bytes)


@dataclass(frozen=True, slots=True)
class Source:
    """What is read, its name for messages, and most rows of a batch."""

    stream: BinaryIO
    name: str
    batch_rows: int


class _Lines(Generic[Text]):
    """Lines of bounded length.

    Attributes:
        read: Characters (or bytes) read so far.
        number: Lines read so far.
        begun: The line at which the present row began; its reader says so.
    """

    def __init__(self, readline: Callable[[int], Text], source: str) -> None:
        self._readline: Callable[[int], Text] = readline
        self._source = source
        self.read = 0
        self.number = 0
        self.begun = 1

    @property
    def where(self) -> str:
        """The place of the present row."""
        return f"{self._source}:{self.begun}"

    def __iter__(self) -> Iterator[Text]:
        return self

    def __next__(self) -> Text:
        line = self._readline(MAX_BYTES + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.read += len(line)
        if len(line) > MAX_BYTES:
            where = f"{self._source}:{self.number}"
            message = f"expected lines of at most `{MAX_BYTES}` characters, found a longer one"
            raise UsageError(message, code="table/unreadable", where=where)
        return line


def read_json(source: Source) -> Batches:
    """Read one JSON text, an object or a list of objects; or one object a line.

    A file called ``.json`` and standard input may hold either, and nobody is helped by
    an error that says so.
    """
    lines = _Lines(source.stream.readline, source.name)
    start = list(_through_text(lines))
    if start and _is_object(start[-1]):
        start += _through_text(lines)
        if sum(1 for line in start if line.strip()) > 1:
            rows = _objects(source, itertools.chain(start, lines))
            yield from _batches(source, rows, lines)
            return
    yield from _read_text(source, b"".join(start) + source.stream.read(MAX_BYTES + 1))


def read_json_lines(source: Source) -> Batches:
    """Read one JSON object a line; empty lines say nothing."""
    lines = _Lines(source.stream.readline, source.name)
    return _batches(source, _objects(source, lines), lines)


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
    lines = _Lines(text.readline, source.name)
    reader = csv.reader(lines, strict=True)
    try:
        names = next(reader, [])
        check_header(fields, names, f"{source.name}:1")
        yield from _batches(source, _cells(reader, names, lines), lines)
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


def _read_text(source: Source, content: bytes) -> Batches:
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


def _cells(
    reader: Iterator[list[str]], names: Sequence[str], lines: _Lines[str]
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


def _batches(
    source: Source, rows: Iterable[tuple[int, Row]], lines: _Lines[str] | _Lines[bytes]
) -> Batches:
    some: list[Row] = []
    places: list[int] = []
    full = lines.read + BATCH_BYTES
    for place, row in rows:
        some.append(row)
        places.append(place)
        if len(some) == source.batch_rows or lines.read >= full:
            yield Batch(some, source.name, places, lines=True)
            some, places, full = [], [], lines.read + BATCH_BYTES
    if some:
        yield Batch(some, source.name, places, lines=True)


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


def _unreadable(message: str, where: str, hint: str) -> NoReturn:
    raise UsageError(message, code="table/unreadable", where=where, hint=hint)
