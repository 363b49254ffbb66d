"""Hot decisions read back: most of a file is never looked at.

A file may be sealed, and gone, at any moment; what was in it is in a segment by then.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ketch.monitor.decisions import hot, table
from ketch.monitor.decisions.erased import Erased
from ketch.monitor.decisions.ids import time_of
from ketch.monitor.decisions.segments import Partition
from ketch.monitor.decisions.table import Written

_IDENTITY = re.compile(rb'\x1e[0-9a-f]{8}\{"id":"([0-9a-f]{16})')


@dataclass(frozen=True, slots=True)
class Unsealed:
    """The decisions of a log that are in no segment yet.

    Attributes:
        folder: Of the log.
        is_sealed: Whether a partition has what was in a hot file of this name.
    """

    folder: Path
    is_sealed: Callable[[Partition, str], bool]

    def everything(self) -> Iterator[Written]:
        """Yield all, in the order they were written."""
        erased = Erased.read(self.folder)
        for path in self._files():
            with suppress(FileNotFoundError):
                content = path.read_bytes()
                yield from self._counting(path.name, table.written_in(content), erased)

    def one(self, decision: str) -> Written | None:
        """Return one decision, if it is there."""
        found = self._among(lambda content: _lines_with(content, decision.encode()))
        return next((one for one in found if one.id == decision), None)

    def of_unit(self, hashed: str) -> Iterator[Written]:
        """Yield those of a unit, by its keyed hash."""
        found = self._among(lambda content: _lines_with(content, hashed.encode()))
        return (one for one in found if one.unit == hashed)

    def naming(self, decision: str) -> Iterator[Written]:
        """Yield a decision, and those that refer to it."""
        return self._among(lambda content: _lines_with(content, decision.encode()))

    def between(self, first: int, last: int, most: int) -> Iterator[Written]:
        """Yield those of a time; of each file so many of the latest at most."""
        return self._among(lambda content: _lines_between(content, first, last, most))

    def _among(self, lines: Callable[[mmap.mmap], Iterable[bytes]]) -> Iterator[Written]:
        """Yield what some lines of each file hold."""
        erased = Erased.read(self.folder)
        for path in self._files():
            parsed = (one for line in _lines_of(path, lines) for one in table.written_in(line))
            yield from self._counting(path.name, parsed, erased)

    def _files(self) -> list[Path]:
        return sorted((self.folder / hot.FOLDER).glob(f"*{hot.LOG}"))

    def _counting(self, source: str, found: Iterable[object], erased: Erased) -> Iterator[Written]:
        """Yield those that are decisions, not erased, and not in a segment already."""
        sealed: dict[tuple[str, str], bool] = {}
        for one in found:
            if not isinstance(one, Written) or erased.has(one):
                continue
            place = (one.route, time_of(one.id).date().isoformat())
            if place not in sealed:
                sealed[place] = self.is_sealed(Partition.of(self.folder, *place), source)
            if not sealed[place]:
                yield one


def _lines_of(path: Path, lines: Callable[[mmap.mmap], Iterable[bytes]]) -> list[bytes]:
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                return []
            with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content:
                return list(lines(content))
    except FileNotFoundError:
        return []


def _lines_with(content: mmap.mmap, needle: bytes) -> Iterator[bytes]:
    """Yield the records in which some bytes stand."""
    at = content.find(needle)
    while at >= 0:
        start = max(content.rfind(b"\x1e", 0, at), 0)
        record = _record(content, start)
        yield record
        at = content.find(needle, start + len(record))


def _lines_between(content: mmap.mmap, first: int, last: int, limit: int) -> Iterator[bytes]:
    """Yield the latest records of a time."""
    found = ((int(one[1], 16), one.start()) for one in _IDENTITY.finditer(content))
    fitting = sorted((one for one in found if first <= one[0] <= last), reverse=True)
    return (_record(content, start) for _, start in fitting[:limit])


def _record(content: mmap.mmap, start: int) -> bytes:
    end = content.find(b"\n", start)
    return content[start : end + 1 if end >= 0 else len(content)]
