"""Decisions read back: by identity, by unit, by time, or as SQL asks.

Sealed and hot decisions are one, also while hot files are being sealed: what is sealed
between two looks is neither missing nor there twice. What cannot be read is passed by;
``checking`` tells of it. A decision found by its identity, and all that SQL sees, comes
from bytes whose checksum held; the quick questions by unit and by time do not wait for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from heapq import nlargest
from pathlib import Path
from types import TracebackType
from typing import Self

from ketch.errors import NotFound, UsageError
from ketch.monitor.decisions import segments
from ketch.monitor.decisions.ids import is_id, moment_of
from ketch.monitor.decisions.keyed import keyed
from ketch.monitor.decisions.opened import opened
from ketch.monitor.decisions.querying import Answer, Table
from ketch.monitor.decisions.sealed import LAST, Wanted
from ketch.monitor.decisions.table import Recorded, Written

_SHADOWED = timedelta(minutes=1)
_MOST_SHADOWS = 1_000


class Decisions:
    """The decisions of a log; a context manager.

    Args:
        folder: Of the log.
        threads: How many processors a query may use.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self._folder = folder
        self._threads = threads
        self._table: Table | None = None

    def __enter__(self) -> Self:
        self._undo = ExitStack()
        self._log = self._undo.enter_context(opened(self._folder, self._threads))
        self._sealed, self._hot = self._log.sealed, self._log.hot
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.__exit__(kind, error, traceback)

    def find(self, decision: str) -> Recorded:
        """Return one decision.

        Raises:
            UsageError: ``decisions/id``: it is no identity of a decision.
            NotFound: ``decisions/not-found``.
            Unavailable: ``decisions/damaged``: it is there, and its bytes changed since.
        """
        if not is_id(decision):
            raise UsageError(
                f"expected the 32 digits of a decision, found `{decision[:40]}`",
                code="decisions/id",
                hint="the header `Ketch-Decision` of an answer names it",
            )
        found = self._sealed.one(decision) or self._hot_one(decision)
        found = found or self._sealed.one(decision)  # it may have been sealed between the two
        if found is None:
            self._sealed.refuse_damaged(decision)
            raise NotFound(f"no decision `{decision}` in the log", code="decisions/not-found")
        return found

    def of_unit(
        self,
        unit: str,
        *,
        route: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> list[Recorded]:
        """Return the latest decisions of a unit, the newest first."""
        hashed = keyed(self._folder).unit(unit)
        first, last = _moments(since, until)
        found = self._hot.of_unit(hashed)
        inside = (one for one in found if first <= one.moment <= last)
        hot_ones = _latest((one for one in inside if route in (None, one.route)), limit)
        where, given = "unit = ? AND moment BETWEEN ? AND ?", [int(hashed, 16), first, last]
        wanted = Wanted(where, given, first, last, route)
        return _newest(hot_ones, self._sealed.newest(wanted, limit), limit)

    def identities(self, unit: str, until: datetime) -> list[str]:
        """Return the identities of all decisions of a unit before a time."""
        hashed = keyed(self._folder).unit(unit)
        first, last = _moments(None, until)
        hot_ones = {one.id for one in self._hot.of_unit(hashed) if one.moment <= last}
        where, given = "unit = ? AND moment BETWEEN ? AND ?", [int(hashed, 16), first, last]
        return sorted(hot_ones | self._sealed.identities(Wanted(where, given, first, last)))

    def between(
        self, since: datetime, until: datetime, *, route: str | None = None, limit: int = 1000
    ) -> list[Recorded]:
        """Return the latest decisions of a time, its end excluded, the newest first."""
        first, last = _moments(since, until)
        most = limit if route is None else LAST
        found = self._hot.between(first, last, most)
        hot_ones = _latest((one for one in found if route in (None, one.route)), limit)
        wanted = Wanted("moment BETWEEN ? AND ?", [first, last], first, last, route)
        return _newest(hot_ones, self._sealed.newest(wanted, limit), limit)

    def shadows_of(self, decision: Recorded) -> list[Recorded]:
        """Return the shadow copies of a decision: each is made within seconds of its answer."""
        first, last = _moments(decision.time, decision.time + _SHADOWED)
        hot_ones = [one for one in self._hot.naming(decision.id) if one.shadow_of == decision.id]
        where, given = "shadow_of = ? AND moment BETWEEN ? AND ?", [decision.id, first, last]
        wanted = Wanted(where, given, first, last, decision.route)
        return _newest(hot_ones, self._sealed.newest(wanted, _MOST_SHADOWS), _MOST_SHADOWS)

    def query(self, sql: str) -> Answer:
        """Return the columns and rows of a query of the table ``decisions``.

        It can read no other file, and write none. The table is what there was when it was
        asked for first; every byte of it was checked then, and what is damaged left out.

        Raises:
            UsageError: ``decisions/query``: the database did not understand it.
        """
        if self._table is None:
            self._table = self._undo.enter_context(table_of([self], self._threads))
        return self._table.query(sql)

    @property
    def folder(self) -> Path:
        """Of the log."""
        return self._folder

    def sources(self) -> tuple[str, list[str]]:
        """Return where hot decisions are, and where all others, in SQL; every byte is checked."""
        everything = self._log.spool()
        self._sealed.examine(everything)
        return self._log.spool_sql, self._sealed.sources(everything)

    @property
    def readable(self) -> tuple[Path, Path]:
        """The folders that :meth:`sources` are in."""
        return self._folder / segments.FOLDER, self._log.scratch

    def _hot_one(self, decision: str) -> Recorded | None:
        found = self._hot.one(decision)
        return None if found is None else Recorded.of_written(found)


def table_of(logs: Sequence[Decisions], threads: int = 2) -> Table:
    """Return the decisions of some logs as one table."""
    sources = [one.sources() for one in logs]
    return Table(
        logs[0].folder,
        [folder for one in logs for folder in one.readable],
        [source for _, sealed in sources for source in sealed],
        [hot for hot, _ in sources],
        threads,
    )


def _latest(found: Iterable[Written], limit: int) -> list[Written]:
    return nlargest(limit, found, key=lambda one: one.id)


def _newest(hot: Iterable[Written], sealed: Iterable[Recorded], limit: int) -> list[Recorded]:
    """Return the newest of both, each once; what was sealed in the meantime is in both."""
    found = {one.id: Recorded.of_written(one) for one in hot} | {one.id: one for one in sealed}
    return sorted(found.values(), key=lambda one: one.id, reverse=True)[:limit]


def _moments(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    first = 0 if since is None else moment_of(since)
    return first, LAST if until is None else moment_of(until) - 1
