"""Decisions read back: by identity, by unit, by time, or as SQL asks.

Sealed and hot decisions are one. What cannot be read is passed by; ``checking`` tells of
it. A decision found by its identity, and all that SQL sees, comes from bytes whose checksum
held; the quick questions by unit and by time do not wait for that.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from ketch.errors import NotFound, Unavailable, UsageError
from ketch.files import temporary_folder
from ketch.monitor.decisions import hot, rescue, segments, table
from ketch.monitor.decisions.erased import Erased
from ketch.monitor.decisions.ids import is_id, moment_of, time_of
from ketch.monitor.decisions.keyed import keyed
from ketch.monitor.decisions.segments import Partition, Segment
from ketch.monitor.decisions.table import Recorded, Written
from ketch.tables.engine import engine, literal

_LAST = (1 << 64) - 1
_IDENTITY = re.compile(rb'\x1e[0-9a-f]{8}\{"id":"([0-9a-f]{16})')
_MANY = 3
"""Segments, from which on it is worth to find out first which of them hold what is asked."""
_Sealed = list[tuple[Partition, Segment]]


class Decisions:
    """The decisions of a log; a context manager.

    Args:
        folder: Of the log.
        threads: How many processors a query may use.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self._folder = folder
        self._threads = threads
        self._con: duckdb.DuckDBPyConnection
        self._lists: dict[Path, tuple[int, tuple[Segment, ...]]] = {}
        self._is_table = False
        self._harmed: dict[Path, str | None] = {}  # what is left of damaged segments, in SQL

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._scratch = undo.enter_context(temporary_folder("ketch-decisions-"))
            self._engine = undo.enter_context(ExitStack())
            self._connect()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.__exit__(kind, error, traceback)

    def _connect(self) -> None:
        """Open the database anew: damage may have been too much for it."""
        self._engine.close()
        opened = engine(
            self._folder,
            code="decisions/query",
            expected="a query of decisions",
            threads=self._threads,
        )
        self._con = self._engine.enter_context(opened)
        self._con.execute("SET parquet_metadata_cache = true")

    # ------------------------------------------------------------ questions

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
        found = self._sealed_one(decision) or self._hot_one(decision)
        if found is None:
            self._refuse_damaged(decision)
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
        sealed = self._sealed(route, first, last)
        where = "unit = ? AND moment BETWEEN ? AND ?"
        found = self._rows(sealed, where, [int(hashed, 16), first, last], limit)
        hot_ones = self._hot_in(lambda content: _lines_with(content, hashed.encode()))
        found += (
            Recorded.of_written(one)
            for one in hot_ones
            if one.unit == hashed and first <= one.moment <= last and route in (None, one.route)
        )
        return sorted(found, key=lambda one: one.id, reverse=True)[:limit]

    def between(
        self, since: datetime, until: datetime, *, route: str | None = None, limit: int = 1000
    ) -> list[Recorded]:
        """Return the latest decisions of a time, its end excluded, the newest first."""
        first, last = _moments(since, until)
        sealed = self._sealed(route, first, last)
        found = self._rows(sealed, "moment BETWEEN ? AND ?", [first, last], limit)
        most = limit if route is None else _LAST
        hot_ones = self._hot_in(lambda content: _lines_between(content, first, last, most))
        found += (Recorded.of_written(one) for one in hot_ones if route in (None, one.route))
        return sorted(found, key=lambda one: one.id, reverse=True)[:limit]

    def query(self, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
        """Return the columns and rows of a query of the table ``decisions``.

        It can read no other file, and write none. The table is what there was when it was
        asked for first; every byte of it was checked then, and what is damaged left out.

        Raises:
            UsageError: ``decisions/query``: the database did not understand it.
        """
        try:
            self._open_table()
            answer = self._con.execute(sql)
            return [one[0] for one in answer.description or ()], answer.fetchall()
        except _DAMAGED as error:
            raise UsageError(
                f"expected a query of `decisions`, found otherwise: {str(error).splitlines()[0]}",
                code="decisions/query",
            ) from error

    def _open_table(self) -> None:
        """Make the table ``decisions`` once, and close everything else."""
        if self._is_table:
            return
        self._is_table = True
        everything = self._sealed(None, 0, _LAST)
        self._examine(everything)
        spool = self._scratch / "hot.jsonl"
        with spool.open("wb") as file:
            file.writelines(table.spooled(one) for one in self._hot())
        rows = table.spool_sql(str(spool))
        self._con.execute(f"CREATE TEMP TABLE hot AS SELECT {table.NAMES} FROM {rows}")  # noqa: S608
        union = " UNION ALL ".join(
            f"SELECT {table.NAMES} FROM {one}"  # noqa: S608
            for one in ("hot", *self._sources(everything))
        )
        self._con.execute(f"CREATE TEMP VIEW decisions AS SELECT {table.SHOWN} FROM ({union})")  # noqa: S608
        allowed = ", ".join(
            literal(str(one)) for one in (self._folder / segments.FOLDER, self._scratch)
        )
        self._con.execute(f"SET allowed_directories = [{allowed}]")
        self._con.execute("SET enable_external_access = false")
        self._con.execute("SET lock_configuration = true")

    # ------------------------------------------------------------ sealed

    def _sealed(self, route: str | None, first: int, last: int) -> _Sealed:
        """Return the segments that may hold decisions of a time."""
        days = [time_of(f"{moment:016x}").date().isoformat() for moment in (first, min(last, _END))]
        one_day = days[0] if days[0] == days[1] else None
        return [
            (partition, segment)
            for partition in segments.partitions(self._folder, route, one_day)
            if days[0] <= partition.day <= days[1]
            for segment in self._listed(partition)
            if segment.first <= last and first <= segment.last
        ]

    def _listed(self, partition: Partition) -> tuple[Segment, ...]:
        """Return the segments of a partition; of a damaged list, all files there are."""
        try:
            changed = (partition.folder / segments.LIST).stat().st_mtime_ns
        except FileNotFoundError:
            return ()
        known = self._lists.get(partition.folder)
        if known is None or known[0] != changed:
            found = partition.segments()
            if found is None:
                files = sorted(partition.folder.glob("*.parquet"))
                found = tuple(Segment(one.name, 0, 0, _LAST, (), 0, 0) for one in files)
            known = self._lists[partition.folder] = (changed, found)
        return known[1]

    def _sealed_one(self, decision: str) -> Recorded | None:
        moment, tail = int(decision[:16], 16), int(decision[16:], 16)
        for partition, segment in self._sealed(None, moment, moment):
            path = partition.path(segment)
            sql = (
                f"SELECT {table.NAMES}, file_row_number"  # noqa: S608
                f" FROM read_parquet({literal(str(path))}, file_row_number = true)"
                " WHERE moment = ? AND tail = ?"
            )
            try:
                row = self._con.execute(sql, [moment, tail]).fetchone()
            except _DAMAGED:
                self._connect()
                self._examine([(partition, segment)])
                where = "moment = ? AND tail = ?"
                left = self._rows([(partition, segment)], where, [moment, tail], 1)
                if not left:
                    raise _damaged(decision, path) from None
                return left[0]
            if row is not None:
                _check(partition, segment, row[-1], decision)
                return Recorded.of_row(row[:-1])
        return None

    def _refuse_damaged(self, decision: str) -> None:
        """Return if nothing is damaged that could hold a decision."""
        moment = int(decision[:16], 16)
        for partition, segment in self._sealed(None, moment, moment):
            if segments.harm(partition, segment).groups:
                raise _damaged(decision, partition.path(segment))

    def _rows(
        self, sealed: _Sealed, where: str, given: Sequence[object], limit: int
    ) -> list[Recorded]:
        """Return the newest rows of segments; of damaged ones, what is left of them."""
        try:
            return self._asked(sealed, where, given, limit)
        except _DAMAGED:
            self._connect()
            self._examine(sealed)
            return self._asked(sealed, where, given, limit)

    def _asked(
        self, sealed: _Sealed, where: str, given: Sequence[object], limit: int
    ) -> list[Recorded]:
        holding, least = self._holding(sealed, where, given, limit)
        sources = self._sources(holding)
        if not sources:
            return []
        union = " UNION ALL ".join(
            f"SELECT {table.NAMES} FROM {one} WHERE {where} AND moment >= {least:d}"  # noqa: S608
            for one in sources
        )
        sql = f"SELECT * FROM ({union}) ORDER BY moment DESC, tail DESC LIMIT {limit:d}"  # noqa: S608
        rows = self._con.execute(sql, [*given] * len(sources)).fetchall()
        return [Recorded.of_row(row) for row in rows]

    def _holding(
        self, sealed: _Sealed, where: str, given: Sequence[object], limit: int
    ) -> tuple[_Sealed, int]:
        """Return the segments that hold the newest rows, and the moment of the last of these.

        That needs two columns of all segments; to read whole rows of all would take longer.
        """
        paths = {
            str(partition.path(segment)): (partition, segment) for partition, segment in sealed
        }
        if len(paths) < _MANY or any(Path(path) in self._harmed for path in paths):
            return sealed, 0
        listed = ", ".join(map(literal, paths))
        rows = self._con.execute(
            f"SELECT filename, moment FROM read_parquet([{listed}], filename = true)"  # noqa: S608
            f" WHERE {where} ORDER BY moment DESC, tail DESC LIMIT {limit:d}",
            given,
        ).fetchall()
        return [paths[path] for path in {path for path, _ in rows}], rows[-1][1] if rows else 0

    def _sources(self, sealed: _Sealed) -> list[str]:
        """Return what to read segments from, in SQL."""
        paths = [partition.path(segment) for partition, segment in sealed]
        sound = [literal(str(path)) for path in paths if path not in self._harmed]
        left = [self._harmed[path] for path in paths if path in self._harmed]
        sources = [f"read_parquet([{', '.join(sound)}])"] if sound else []
        return [*sources, *(one for one in left if one is not None)]

    def _examine(self, sealed: _Sealed) -> None:
        """Find out which segments are damaged: every byte of them is read."""
        self._lists.clear()
        for partition, segment in sealed:
            path = partition.path(segment)
            if not segment.groups:  # of a damaged list
                if not self._is_readable(path):
                    self._harmed[path] = None
                continue
            harm = segments.harm(partition, segment)
            if harm.groups or harm.footer:
                self._harmed[path] = rescue.intact(partition, segment, harm, self._scratch)

    def _is_readable(self, path: Path) -> bool:
        try:
            rows = f"read_parquet({literal(str(path))})"
            self._con.execute(f"SELECT max(hash({table.NAMES})) FROM {rows}").fetchall()  # noqa: S608
        except _DAMAGED:
            self._connect()
            return False
        return True

    # ------------------------------------------------------------ hot

    def _hot(self) -> Iterator[Written]:
        """Yield what is not sealed yet, in the order it was written."""
        erased = Erased.read(self._folder)
        for path in self._hot_files():
            yield from self._counting(path.name, table.written_in(path.read_bytes()), erased)

    def _hot_in(self, lines: Callable[[mmap.mmap], Iterable[bytes]]) -> Iterator[Written]:
        """Yield what is not sealed yet, of some lines of each file: most is never read."""
        erased = Erased.read(self._folder)
        for path in self._hot_files():
            with path.open("rb") as file:
                if not path.stat().st_size:
                    continue
                with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content:
                    found = list(lines(content))
            parsed = (one for line in found for one in table.written_in(line))
            yield from self._counting(path.name, parsed, erased)

    def _hot_one(self, decision: str) -> Recorded | None:
        found = self._hot_in(lambda content: _lines_with(content, decision.encode()))
        return next((Recorded.of_written(one) for one in found if one.id == decision), None)

    def _hot_files(self) -> list[Path]:
        return sorted((self._folder / hot.FOLDER).glob(f"*{hot.LOG}"))

    def _counting(self, source: str, found: Iterable[object], erased: Erased) -> Iterator[Written]:
        """Yield those that are decisions, not erased, and not in a segment already."""
        sealed: dict[tuple[str, str], bool] = {}
        for one in found:
            if not isinstance(one, Written) or erased.has(one):
                continue
            place = (one.route, time_of(one.id).date().isoformat())
            if place not in sealed:
                listed = self._listed(Partition.of(self._folder, *place))
                sealed[place] = any(source in segment.sources for segment in listed)
            if not sealed[place]:
                yield one


_DAMAGED = (duckdb.Error, UnicodeDecodeError)
"""What reading a damaged file raises: the text of a column may be no text any more."""

_END = moment_of(datetime(9999, 12, 31, tzinfo=UTC))


def _moments(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    first = 0 if since is None else moment_of(since)
    return first, _LAST if until is None else moment_of(until) - 1


def _lines_with(content: mmap.mmap, needle: bytes) -> Iterator[bytes]:
    """Yield the records in which some bytes stand."""
    at = content.find(needle)
    while at >= 0:
        start = max(content.rfind(b"\x1e", 0, at), 0)
        yield _record(content, start)
        at = content.find(needle, start + len(_record(content, start)))


def _lines_between(content: mmap.mmap, first: int, last: int, limit: int) -> Iterator[bytes]:
    """Yield the latest records of a time."""
    found = ((int(one[1], 16), one.start()) for one in _IDENTITY.finditer(content))
    fitting = sorted((one for one in found if first <= one[0] <= last), reverse=True)
    return (_record(content, start) for _, start in fitting[:limit])


def _record(content: mmap.mmap, start: int) -> bytes:
    end = content.find(b"\n", start)
    return content[start : end + 1 if end >= 0 else len(content)]


def _check(partition: Partition, segment: Segment, row: int, decision: str) -> None:
    """Return if the bytes that a row was read from are as they were written."""
    if not segment.groups:
        return
    group = segment.group_of(row)
    path = partition.path(segment)
    with path.open("rb") as file:
        if segments.checksum(file, group.start, group.end) == group.check:
            return
    raise _damaged(decision, path)


def _damaged(decision: str, path: Path) -> Unavailable:
    return Unavailable(
        f"expected decision `{decision}` as it was written, found that bytes changed since",
        code="decisions/damaged",
        where=str(path),
        hint="restore the file from a backup",
    )
