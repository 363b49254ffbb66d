"""Decisions of one route and a time, read by SQL of our own, in bounded memory.

Nothing of other routes and other days is read, and no checksum is asked first: of what turns
out to be damaged, what is left is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ketch.monitor.decisions import table
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.opened import opened
from ketch.monitor.decisions.sealed import DAMAGED, LAST

_START = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 500
"""Rows of an answer that are in memory at once."""


class Part:
    """Some of the decisions of a log; a context manager.

    Args:
        folder: Of the log.
        route: Of which route.
        since: From when on.
        until: Until when, not included.
        threads: How many processors a query may use.
    """

    def __init__(
        self,
        folder: Path,
        route: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        threads: int = 2,
    ) -> None:
        self._folder = folder
        self._route = route
        self._first = moment_of(since or _START)
        self._last = LAST if until is None else moment_of(until) - 1
        self._threads = threads
        self._union = ""

    def __enter__(self) -> Self:
        self._undo = ExitStack()
        self._log = self._undo.enter_context(opened(self._folder, self._threads))
        self._sealed = self._log.sealed
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.__exit__(kind, error, traceback)

    def select(self, sql: str, given: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query of ``part``, which has the columns of ``table.COLUMNS``.

        All queries of a part see the same decisions; one is to be read to its end before the
        next is asked.
        """
        try:
            self._ask(sql, given)
        except DAMAGED:
            self._sealed.mend(self._route, self._first, self._last)
            self._union = ""
            self._ask(sql, given)
        answer = self._sealed.con.execute("SELECT * FROM asked")
        while rows := answer.fetchmany(_AT_ONCE):
            yield from rows

    def _ask(self, sql: str, given: Sequence[object]) -> None:
        """Put what a query finds into the table ``asked``, which may lie on the disk."""
        self._union = self._union or self._whole()
        query = f"CREATE OR REPLACE TEMP TABLE asked AS WITH part AS ({self._union}) {sql}"
        self._sealed.con.execute(query, given)

    def _whole(self) -> str:
        """Return where all decisions of the part are, each once, in SQL."""
        listed = self._log.spool(self._route, self._first, self._last)
        between = f"WHERE moment BETWEEN {self._first:d} AND {self._last:d}"
        sources = (self._log.spool_sql, *self._sealed.sources(listed))
        return " UNION ALL ".join(f"SELECT {table.NAMES} FROM {one} {between}" for one in sources)  # noqa: S608
