"""Hot files on their way into segments: by route and day, in a folder of the log itself.

There what a killed process left is found by the next one, and not in a folder of the system:
it may hold decisions of units that were erased since.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ketch.monitor.decisions import frames, table
from ketch.monitor.decisions.erased import Erased
from ketch.monitor.decisions.ids import time_of
from ketch.monitor.decisions.rewriting import settled
from ketch.monitor.decisions.segments import Partition
from ketch.monitor.decisions.sorting import write_segment

FOLDER = "sealing"
_DAY_MS = 86_400_000


def clear(log: Path) -> None:
    """Remove what was on its way in a process that is no more; with the lock of sealing."""
    shutil.rmtree(log / FOLDER, ignore_errors=True)


@dataclass(slots=True)
class Seen:
    """What stood in a hot file.

    Attributes:
        kept: How many decisions are intact, those of erased units included.
        damaged: How many bytes are not.
        end: The number after the last decision.
        first, last: The first and the last identity.
    """

    kept: int = 0
    damaged: int = 0
    end: int = 0
    first: str | None = None
    last: str | None = None


@dataclass
class Spool:
    """Takes hot files, and writes what is in them as segments; with the lock of sealing.

    Args:
        log: The folder of the log.
        sources: The names of the hot files.
    """

    log: Path
    sources: list[str]
    _files: dict[Partition, BinaryIO] = field(default_factory=dict)
    _rows: dict[Partition, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._scratch = self.log / FOLDER
            clear(self.log)
            self._scratch.mkdir(mode=0o700)
            undo.callback(clear, self.log)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.__exit__(kind, error, traceback)

    def add(self, path: Path, erased: Erased) -> Seen:
        """Take a hot file; what a partition has of it already is passed by."""
        seen = Seen()
        known: dict[tuple[str, int], BinaryIO | None] = {}
        for one in table.written_in(path.read_bytes()):
            if isinstance(one, frames.Damage):
                seen.damaged += one.end - one.start
                continue
            seen.kept += 1
            seen.end = one.n + 1
            seen.first = seen.first or one.id
            seen.last = one.id
            if erased.has(one):
                continue
            place = (one.route, int(one.id[:12], 16) // _DAY_MS)
            if place not in known:
                known[place] = self._file(one, path.name)
            if (file := known[place]) is not None:
                file.write(table.spooled(one))
        return seen

    def write(self) -> None:
        """Write the segments, and list them."""
        for partition, file in self._files.items():
            file.close()
            before = settled(partition)
            source = table.spool_sql(file.name)
            new = write_segment(partition, source, sources=tuple(self.sources))
            partition.write((*before, *new))

    def _file(self, one: table.Written, source: str) -> BinaryIO | None:
        """Return where the decisions of a route and day go; None if they are there already."""
        day = time_of(one.id).date().isoformat()
        partition = Partition.of(self.log, one.route, day)
        if any(source in segment.sources for segment in settled(partition)):
            return None
        if partition not in self._files:
            path = self._scratch / f"{len(self._files)}.jsonl"
            self._files[partition] = self._undo.enter_context(path.open("wb"))
        return self._files[partition]
