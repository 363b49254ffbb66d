"""Rows of JSON and JSON Lines.

JSON Lines need no more memory than a batch; one JSON text is read whole, and is therefore
limited to ``MAX_BYTES``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from ketch.errors import UsageError
from ketch.schema import Row, parse_json
from ketch.schema.parse import MAX_BYTES
from ketch.tables.batch import Batch
from ketch.tables.decoded import Batches
from ketch.tables.lines import Lines, Source, batches


def read_json(source: Source) -> Batches:
    """Read one JSON text, an object or a list of objects; or one object a line.

    A file called ``.json`` and standard input may hold either, and nobody is helped by
    an error that says so.
    """
    lines = Lines(source.stream.readline, source.name)
    start = list(_through_text(lines))
    if start and _is_object(start[-1]):
        start += _through_text(lines)
        if sum(1 for line in start if line.strip()) > 1:
            rows = _objects(source, itertools.chain(start, lines))
            yield from batches(source, rows, lines)
            return
    yield from _read_text(source, b"".join(start) + source.stream.read(MAX_BYTES + 1))


def read_json_lines(source: Source) -> Batches:
    """Read one JSON object a line; empty lines say nothing."""
    lines = Lines(source.stream.readline, source.name)
    return batches(source, _objects(source, lines), lines)


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
