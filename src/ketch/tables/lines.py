"""Text read line by line, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Generic, TypeVar

from ketch.errors import UsageError
from ketch.schema import Row
from ketch.schema.parse import MAX_BYTES
from ketch.tables.batch import Batch
from ketch.tables.decoded import Batches

BATCH_BYTES = 8 * 2**20

Text = TypeVar("Text", str, bytes)


@dataclass(frozen=True, slots=True)
class Source:
    """What is read, its name for messages, and most rows of a batch."""

    stream: BinaryIO
    name: str
    batch_rows: int


class Lines(Generic[Text]):
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


def batches(
    source: Source, rows: Iterable[tuple[int, Row]], lines: Lines[str] | Lines[bytes]
) -> Batches:
    """Yield rows in batches, full by number or by what was read for them.

    Args:
        source: How many rows a batch may have.
        rows: Rows with the line each stands at.
        lines: What they are read from.
    """
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
