"""Writes rows to a file, or to standard output; a file is there whole, or not at all.

Rows are in JSON form, and of the declared fields. They are written as they come, in
bounded memory: JSON, JSON Lines and CSV at once, Parquet by way of a temporary file. All
four are read back by :func:`~ketch.tables.read.read_rows` as the same rows, but for two
things that a format can't say: in CSV, null and an empty nullable text are one; in
Parquet, a float16 is a float32.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ketch.files import explained, whole_file
from ketch.schema import Field, Row
from ketch.tables.formats import Format, known_format
from ketch.tables.sinks import CsvSink, JsonLinesSink, JsonSink, ParquetSink, Sink

STANDARD_OUTPUT = Path("standard output")


class RowWriter:
    """A context manager that writes rows.

    The file takes its place when the block ends well; after an error there is none, and
    a file that was there before is untouched. Standard output can't be taken back.

    Args:
        path: The file; ``None`` for standard output.
        fields: The columns, in order.
        format: The format; by default the suffix tells, and standard output gets JSON.
        single: Write the one row as an object, not as a list: to ``json`` only.

    Raises:
        UsageError: ``table/unknown-format``; ``table/unwritable``: rows are not what the
            fields say; ``disk/…``: no file can stand there.
        Unavailable: ``disk/…``: the disk is full, or failed.
    """

    def __init__(
        self,
        path: Path | None,
        fields: Sequence[Field],
        format: Format | None = None,  # noqa: A002 # the word of the command line
        *,
        single: bool = False,
    ) -> None:
        self._path = path
        self._fields = fields
        self._format: Format = format or (known_format(path) if path else "json")
        self._single = single
        self._stream: BinaryIO
        self._sink: Sink
        self._undo: ExitStack

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._stream = undo.enter_context(_opened(self._path))
            self._sink = self._new_sink()
            undo.callback(self._sink.close)
            self._undo = undo.pop_all()
        return self

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows after those already written."""
        with explained(self._path or STANDARD_OUTPUT):
            self._sink.write(rows)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._undo.__exit__(kind, error, traceback)
            return
        with self._undo:
            self._sink.finish()
            self._stream.flush()

    def _new_sink(self) -> Sink:
        match self._format:
            case "json":
                return JsonSink(self._stream, self._fields, single=self._single)
            case "jsonl":
                return JsonLinesSink(self._stream, self._fields)
            case "csv":
                return CsvSink(self._stream, self._fields)
            case "parquet":
                return ParquetSink(self._stream, self._fields, str(self._path or "stdout"))


def _opened(path: Path | None) -> AbstractContextManager[BinaryIO]:
    return whole_file(path) if path is not None else _standard_output()


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    with explained(STANDARD_OUTPUT):
        yield sys.stdout.buffer
