"""A log opened to be read: what is sealed, what is hot, and both as they are at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ketch.files import temporary_folder
from ketch.monitor.decisions import table
from ketch.monitor.decisions.sealed import LAST, Listed, Sealed
from ketch.monitor.decisions.unsealed import Unsealed


@dataclass(frozen=True, slots=True)
class Opened:
    """A log that is being read.

    Attributes:
        scratch: A folder of its own, gone at the end.
        sealed: Its segments.
        hot: What was not sealed yet.
    """

    scratch: Path
    sealed: Sealed
    hot: Unsealed

    @property
    def spool_sql(self) -> str:
        """Where :meth:`spool` put what is hot, in SQL."""
        return table.spool_sql(str(self._spool))

    def spool(self, route: str | None = None, first: int = 0, last: int = LAST) -> Listed:
        """Put what is hot into one file; return the segments that hold all else.

        Args:
            route: Of which route; all by default.
            first: The earliest moment of which segments are wanted.
            last: The latest.
        """
        while True:
            before = self.sealed.listed(route, first, last)
            hot = (one for one in self.hot.everything() if route in (None, one.route))
            with self._spool.open("wb") as file:
                file.writelines(map(table.spooled, hot))
            if self.sealed.listed(route, first, last) == before:  # nothing was sealed meanwhile
                return before

    @property
    def _spool(self) -> Path:
        return self.scratch / "hot.jsonl"


@contextmanager
def opened(folder: Path, threads: int) -> Iterator[Opened]:
    """Open a log to read it.

    Args:
        folder: Of the log.
        threads: How many processors a query may use.
    """
    with temporary_folder("ketch-decisions-") as scratch:
        sealed = Sealed(folder, scratch, threads)
        try:
            yield Opened(scratch, sealed, Unsealed(folder, sealed.has))
        finally:
            sealed.close()
