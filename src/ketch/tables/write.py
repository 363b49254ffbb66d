"""Writes rows to a file, or to standard output; a file is there whole, or not at all.

Rows are in JSON form, and of the declared fields. They are written as they come, in
bounded memory: JSON, JSON Lines and CSV at once, Parquet by way of a temporary file. All
four are read back by :func:`~ketch.tables.read.read_rows` as the same rows, but for two
things that a format can't say: in CSV, null and an empty nullable text are one; in
Parquet, a float16 is a float32.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ketch.errors import Unavailable, UsageError
from ketch.schema import Field, Row
from ketch.tables.formats import Format, known_format
from ketch.tables.sinks import CsvSink, JsonLinesSink, JsonSink, ParquetSink, Sink


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
        UsageError: ``table/unknown-format``; or ``table/unwritable``: the folder is not
            there, or rows are not what the fields say.
        Unavailable: The disk is full, or failed.
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
        self._part: Path | None = None
        self._stream: BinaryIO
        self._sink: Sink
        self._undo: ExitStack

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            if self._path is None:
                self._stream = sys.stdout.buffer
            else:
                self._part, self._stream = _part_beside(self._path)
                undo.callback(self._part.unlink, missing_ok=True)
                undo.callback(self._stream.close)
            self._sink = self._new_sink()
            undo.callback(self._sink.close)
            self._undo = undo.pop_all()
        return self

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows after those already written."""
        try:
            self._sink.write(rows)
        except OSError as error:
            raise _failed(self._path, error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._undo:
            if kind is None:
                try:
                    self._finish()
                except OSError as failure:
                    raise _failed(self._path, failure) from failure

    def _finish(self) -> None:
        self._sink.finish()
        self._stream.flush()
        if self._part is not None and self._path is not None:
            os.fsync(self._stream.fileno())
            self._part.replace(self._path)

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


def _part_beside(path: Path) -> tuple[Path, BinaryIO]:
    """Open a new file in the same folder, so that it can take its place in one move."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise UsageError(
            f"expected a folder that can be written to: {error.strerror}",
            code="table/unwritable",
            where=str(path),
        ) from error
    os.fchmod(number, 0o666 & ~_umask())  # as any other new file, not private as mkstemp has it
    return Path(name), os.fdopen(number, "w+b")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _failed(path: Path | None, error: OSError) -> Unavailable:
    return Unavailable(
        f"expected room to write rows: {error.strerror or error}",
        code="table/write-failed",
        where=str(path or "stdout"),
    )
