"""Sealed decisions read back, by a database: of damaged segments, what is left of them.

Small segments become one at any moment, and units are erased: a segment that is gone when
it is read is not damage, and its place is looked up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import duckdb

from ketch.errors import Unavailable
from ketch.monitor.decisions import rescue, segments, table
from ketch.monitor.decisions.ids import moment_of, time_of
from ketch.monitor.decisions.segments import Partition, Segment
from ketch.monitor.decisions.table import Recorded
from ketch.tables.engine import engine, literal

DAMAGED = (duckdb.Error, UnicodeDecodeError)
"""What reading a damaged file raises: the text of a column may be no text any more."""

LAST = (1 << 64) - 1
_END = moment_of(datetime(9999, 12, 31, tzinfo=UTC))
_MANY = 3
"""Segments, from which on it is worth to find out first which of them hold what is asked."""
Listed: TypeAlias = list[tuple[Partition, Segment]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sealed decisions are asked for.

    Attributes:
        where: What they fulfil, in SQL.
        given: The values in it.
        first, last: The first halves of the earliest and the latest identity.
        route: Of which route; None for all.
    """

    where: str
    given: Sequence[object]
    first: int = 0
    last: int = LAST
    route: str | None = None


class Sealed:
    """The segments of a log; to be closed.

    Args:
        folder: Of the log.
        scratch: A folder for copies.
        threads: How many processors a query may use.

    Attributes:
        con: The database.
    """

    def __init__(self, folder: Path, scratch: Path, threads: int) -> None:
        self._folder = folder
        self._scratch = scratch
        self._threads = threads
        self._engine = ExitStack()
        self._lists: dict[Path, tuple[int, tuple[Segment, ...]]] = {}
        self._harmed: dict[Path, str | None] = {}  # what is left of damaged segments, in SQL
        self._connect()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.close()

    def _connect(self) -> None:
        """Open the database anew: damage may have been too much for it."""
        self._engine.close()
        opened = engine(
            self._folder,
            code="decisions/query",
            expected="a query of decisions",
            threads=self._threads,
        )
        self.con: duckdb.DuckDBPyConnection = self._engine.enter_context(opened)
        self.con.execute("SET parquet_metadata_cache = true")

    # ------------------------------------------------------------ which segments there are

    def listed(self, route: str | None = None, first: int = 0, last: int = LAST) -> Listed:
        """Return the segments that may hold decisions of a time."""
        days = [time_of(f"{moment:016x}").date().isoformat() for moment in (first, min(last, _END))]
        one_day = days[0] if days[0] == days[1] else None
        return [
            (partition, segment)
            for partition in segments.partitions(self._folder, route, one_day)
            if days[0] <= partition.day <= days[1]
            for segment in self._segments(partition)
            if segment.first <= last and first <= segment.last
        ]

    def has(self, partition: Partition, source: str) -> bool:
        """Whether a partition has what was in a hot file."""
        return any(source in segment.sources for segment in self._segments(partition))

    def _segments(self, partition: Partition) -> tuple[Segment, ...]:
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
                found = tuple(Segment(one.name, 0, 0, LAST, (), 0, 0) for one in files)
            known = self._lists[partition.folder] = (changed, found)
        return known[1]

    # ------------------------------------------------------------ one decision

    def one(self, decision: str) -> Recorded | None:
        """Return one decision, from bytes whose checksum held.

        Raises:
            Unavailable: ``decisions/damaged``: it is there, and its bytes changed since.
        """
        moment, tail = int(decision[:16], 16), int(decision[16:], 16)
        for partition, segment in self.listed(None, moment, moment):
            path = partition.path(segment)
            sql = (
                f"SELECT {table.NAMES}, file_row_number"  # noqa: S608
                f" FROM read_parquet({literal(str(path))}, file_row_number = true)"
                " WHERE moment = ? AND tail = ?"
            )
            try:
                row = self.con.execute(sql, [moment, tail]).fetchone()
            except DAMAGED:
                return self._rescued(decision, moment, tail, path)
            if row is not None:
                _check(partition, segment, row[-1], decision)
                return Recorded.of_row(row[:-1])
        return None

    def _rescued(self, decision: str, moment: int, tail: int, path: Path) -> Recorded | None:
        """Return a decision of which the place could not be read."""
        left = self.newest(Wanted("moment = ? AND tail = ?", [moment, tail], moment, moment), 1)
        if not left and path in self._harmed:
            raise _damaged(decision, path)
        return left[0] if left else None

    def refuse_damaged(self, decision: str) -> None:
        """Return if nothing is damaged that could hold a decision.

        Raises:
            Unavailable: ``decisions/damaged``.
        """
        moment = int(decision[:16], 16)
        for partition, segment in self.listed(None, moment, moment):
            if segments.harm(partition, segment).groups:
                raise _damaged(decision, partition.path(segment))

    # ------------------------------------------------------------ many decisions

    def newest(self, wanted: Wanted, limit: int) -> list[Recorded]:
        """Return the newest of some decisions; of damaged segments, what is left of them."""
        there = (wanted.route, wanted.first, wanted.last)
        try:
            return self._asked(self.listed(*there), wanted, limit)
        except DAMAGED:
            return self._asked(self.mend(*there), wanted, limit)

    def identities(self, wanted: Wanted) -> set[str]:
        """Return the identities of all of some decisions."""
        there = (wanted.route, wanted.first, wanted.last)
        try:
            return self._identities(self.listed(*there), wanted)
        except DAMAGED:
            return self._identities(self.mend(*there), wanted)

    def mend(self, route: str | None, first: int, last: int) -> Listed:
        """Find out what is damaged, after reading failed; return the segments of a time.

        Where two became one meanwhile, it was nothing but that.
        """
        self._connect()
        self._lists.clear()
        found = self.listed(route, first, last)
        self.examine(found)
        return found

    def sources(self, listed: Listed) -> list[str]:
        """Return what to read segments from, in SQL."""
        paths = [partition.path(segment) for partition, segment in listed]
        sound = [literal(str(path)) for path in paths if path not in self._harmed]
        left = [self._harmed[path] for path in paths if path in self._harmed]
        sources = [f"read_parquet([{', '.join(sound)}])"] if sound else []
        return [*sources, *(one for one in left if one is not None)]

    @property
    def harmed(self) -> frozenset[Path]:
        """The segments that are damaged, as far as that was found out."""
        return frozenset(self._harmed)

    def examine(self, listed: Listed) -> None:
        """Find out which segments are damaged: every byte of them is read."""
        for partition, segment in listed:
            path = partition.path(segment)
            if not segment.groups:  # of a damaged list
                if not self._is_readable(path):
                    self._harmed[path] = None
                continue
            harm = segments.harm(partition, segment)
            if harm.groups or harm.footer:
                self._harmed[path] = rescue.intact(partition, segment, harm, self._scratch)

    def _identities(self, listed: Listed, wanted: Wanted) -> set[str]:
        found: set[str] = set()
        for source in self.sources(listed):
            sql = f"SELECT moment, tail FROM {source} WHERE {wanted.where}"  # noqa: S608
            rows = self.con.execute(sql, wanted.given).fetchall()
            found.update(f"{moment:016x}{tail:016x}" for moment, tail in rows)
        return found

    def _asked(self, listed: Listed, wanted: Wanted, limit: int) -> list[Recorded]:
        holding, least = self._holding(listed, wanted, limit)
        sources = self.sources(holding)
        if not sources:
            return []
        union = " UNION ALL ".join(
            f"SELECT {table.NAMES} FROM {one} WHERE {wanted.where} AND moment >= {least:d}"  # noqa: S608
            for one in sources
        )
        sql = f"SELECT * FROM ({union}) ORDER BY moment DESC, tail DESC LIMIT {limit:d}"  # noqa: S608
        rows = self.con.execute(sql, [*wanted.given] * len(sources)).fetchall()
        return [Recorded.of_row(row) for row in rows]

    def _holding(self, listed: Listed, wanted: Wanted, limit: int) -> tuple[Listed, int]:
        """Return the segments that hold the newest rows, and the moment of the last of these.

        That needs two columns of all segments; to read whole rows of all would take longer.
        """
        paths = {
            str(partition.path(segment)): (partition, segment) for partition, segment in listed
        }
        if len(paths) < _MANY or any(Path(path) in self._harmed for path in paths):
            return listed, 0
        files = ", ".join(map(literal, paths))
        rows = self.con.execute(
            f"SELECT filename, moment FROM read_parquet([{files}], filename = true)"  # noqa: S608
            f" WHERE {wanted.where} ORDER BY moment DESC, tail DESC LIMIT {limit:d}",
            wanted.given,
        ).fetchall()
        return [paths[path] for path in {path for path, _ in rows}], rows[-1][1] if rows else 0

    def _is_readable(self, path: Path) -> bool:
        try:
            rows = f"read_parquet({literal(str(path))})"
            self.con.execute(f"SELECT max(hash({table.NAMES})) FROM {rows}").fetchall()  # noqa: S608
        except DAMAGED:
            self._connect()
            return False
        return True


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
