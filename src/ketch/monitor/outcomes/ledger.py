"""Outcomes recorded, each once, and read back."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ketch.errors import Finding, KetchError, Unavailable
from ketch.files import explained
from ketch.monitor.decisions.keyed import keyed
from ketch.monitor.outcomes import table
from ketch.monitor.outcomes.checking import checked, refusal
from ketch.monitor.outcomes.outcome import Entry, Outcome, Recorded, microseconds
from ketch.monitor.outcomes.rows import (
    SELECT,
    Row,
    conflicts,
    entry_of,
    kind_of,
    known_kind,
    put,
    row_of,
)

if TYPE_CHECKING:
    from ketch.monitor.outcomes.columns import Columns

PATIENCE_S = 30.0
_AT_ONCE = 500  # values of one statement

_EXPIRE = """
DELETE FROM outcomes WHERE seq IN
    (SELECT seq FROM outcomes WHERE kind = ? AND at < ? ORDER BY at LIMIT 10000)
"""


class Outcomes:
    """The outcomes beside a decision log; threads and processes may share them.

    The file is made when the first outcome is recorded; until then there are none.

    Args:
        folder: Of the decision log, ``decisions`` in the ketch home.
        patience_s: How long it waits for another writer.
        clock: The time, in UTC.
    """

    def __init__(
        self,
        folder: Path,
        *,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder = folder
        self._path = folder / table.FILE
        self._patience_s = patience_s
        self._clock = clock
        self._con: sqlite3.Connection | None = None
        self._turn = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; it is opened again when it is needed."""
        with self._turn:
            if self._con is not None:
                self._con.close()
                self._con = None

    def record(self, many: Iterable[Outcome]) -> Recorded:
        """Write outcomes, all of them or none; they are on the disk when it returns.

        One that is there already counts once, and is not written again.

        Raises:
            UsageError: ``outcomes/…``: they are no outcomes; all that is wrong is told.
            Refused: ``outcomes/conflict``: a key is there with another content.
            Unavailable: ``outcomes/…``, ``disk/…``: nothing was written.
        """
        [done] = self.record_each([many])
        if isinstance(done, KetchError):
            raise done
        return done

    def record_each(self, groups: Sequence[Iterable[Outcome]]) -> list[Recorded | KetchError]:
        """Write groups of outcomes at the price of one; each group is written whole or not.

        Returns:
            What became of each group: what was recorded, or why nothing of it was.

        Raises:
            Unavailable: ``outcomes/…``, ``disk/…``: nothing of any was written.
        """
        return self.write_each([self._rows(group) for group in groups])

    def conflicts(self, many: Iterable[Outcome]) -> tuple[Finding, ...]:
        """Return which of these outcomes would be refused: their keys have another content."""
        rows = self._rows(many)
        if isinstance(rows, KetchError):
            return rows.findings
        if not self._path.exists():
            return ()
        with self._turn, table.translated(self._path):
            con = self._opened()
            kinds = {pair: known_kind(con, *pair) for pair in {(r.route, r.name) for r in rows}}
            return tuple(conflicts(con, rows, [kinds[row.route, row.name] for row in rows]))

    def after(self, seq: int, limit: int = 10_000) -> list[Entry]:
        """Return the outcomes that were recorded after one, in order; 0 for the first."""
        return self._select("WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)

    def last(self) -> int:
        """Return the number of the outcome that was recorded last; 0 if there is none."""
        found = self._fetch("SELECT coalesce(max(seq), 0) FROM outcomes", ())
        return int(str(found[0][0])) if found else 0

    def of_decision(self, decision: str, unit: str | None = None) -> list[Entry]:
        """Return the outcomes of a decision, the earliest first.

        Args:
            decision: Its identity.
            unit: The keyed hash of its unit, where those are wanted, too, that were told of
                the unit and of no decision.
        """
        found = self._select("WHERE decision = ? ORDER BY at, seq", bytes.fromhex(decision))
        if unit is not None:
            found += self._select("WHERE unit = ? ORDER BY at, seq", bytes.fromhex(unit))
        return sorted(found, key=lambda one: (one.at, one.seq))

    def of_route(
        self,
        route: str,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        name: str | None = None,
    ) -> Columns:
        """Return the outcomes of a route as columns, in the order of time, name and key.

        Args:
            route: The route.
            since: When the first of them happened.
            until: When the first happened that is no longer one of them.
            name: Only those of this name.
        """
        from ketch.monitor.outcomes import columns  # numpy, which a gateway does without

        asked: list[object] = [route]
        where = "WHERE route = ?"
        for condition, value in (
            ("name = ?", name),
            ("at >= ?", None if since is None else microseconds(since)),
            ("at < ?", None if until is None else microseconds(until)),
        ):
            if value is not None:
                where += f" AND {condition}"
                asked.append(value)
        return columns.columns(self._fetch(columns.SELECT.format(where), asked))

    def names(self) -> dict[str, set[str]]:
        """Return the names of the outcomes that were recorded, by route."""
        named: dict[str, set[str]] = {}
        for route, name in self._fetch("SELECT route, name FROM kinds", ()):
            named.setdefault(str(route), set()).add(str(name))
        return named

    def erase(self, unit: str, decisions: Iterable[str] = ()) -> int:
        """Remove the outcomes of a unit, and of these decisions; return how many there were.

        They are gone from the disk when it returns.

        Args:
            unit: The unit.
            decisions: Identities of what it was answered: outcomes may name only those.

        Raises:
            Unavailable: ``outcomes/…``, ``disk/…``.
        """
        if not self._path.exists():
            return 0
        gone = [bytes.fromhex(one) for one in decisions]
        hashed = bytes.fromhex(keyed(self._folder).unit(unit))
        with self._turn, self._writing() as con:
            before = con.total_changes
            con.execute("DELETE FROM outcomes WHERE unit = ?", (hashed,))
            con.executemany("DELETE FROM outcomes WHERE decision = ?", ((one,) for one in gone))
            count = con.total_changes - before
        self._settle()
        return count

    def expire(self, before: datetime) -> int:
        """Remove what happened before a time; return how many there were.

        Some at a time, so that nobody who tells of outcomes has to wait.

        Raises:
            Unavailable: ``outcomes/…``, ``disk/…``.
        """
        gone = 0
        for (kind,) in self._fetch("SELECT id FROM kinds", ()):
            while count := self._expired(int(str(kind)), microseconds(before)):
                gone += count
        if gone:
            self._settle()
        return gone

    def _expired(self, kind: int, before: int) -> int:
        with self._turn, self._writing() as con:
            return con.execute(_EXPIRE, (kind, before)).rowcount

    def write_each(
        self, groups: Sequence[Sequence[Row] | KetchError]
    ) -> list[Recorded | KetchError]:
        """Write rows that were made of outcomes; see :meth:`record_each`."""
        if not any(not isinstance(group, KetchError) and group for group in groups):
            return [one if isinstance(one, KetchError) else Recorded(0, 0) for one in groups]
        told = microseconds(self._clock())
        with self._turn, self._writing() as con:
            return [_written(con, group, told) for group in groups]

    def _rows(self, group: Iterable[Outcome]) -> Sequence[Row] | KetchError:
        now = self._clock()
        outcomes = tuple(group)
        if findings := checked(outcomes, now):
            return refusal(findings)
        if not outcomes:
            return ()
        with explained(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        hashed = keyed(self._folder).unit
        return [row_of(one, hashed) for one in outcomes]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        con = self._opened()
        with table.writing(con, self._path):
            yield con

    def _opened(self) -> sqlite3.Connection:
        if self._con is None:
            self._con = table.connect(self._path, self._patience_s)
        return self._con

    def _select(self, where: str, *values: object) -> list[Entry]:
        return [entry_of(one) for one in self._fetch(f"{SELECT} {where}", values)]

    def _fetch(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        if not self._path.exists():
            return []
        with self._turn, table.translated(self._path):
            return self._opened().execute(sql, values).fetchall()

    def _settle(self) -> None:
        """Bring all that was written into the file itself, and empty the log beside it."""
        with self._turn, table.translated(self._path):
            busy = self._opened().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise Unavailable(
                "expected to empty the log of the outcomes, found it read by another process",
                code="outcomes/busy",
                where=str(self._path),
                hint="what was erased may still be in it: run the same again",
            )


def _written(
    con: sqlite3.Connection, group: Sequence[Row] | KetchError, told: int
) -> Recorded | KetchError:
    """Write a group inside of a transaction; what refuses it is returned."""
    if isinstance(group, KetchError):
        return group
    try:
        known = {pair: kind_of(con, *pair) for pair in {(row.route, row.name) for row in group}}
        new = put(con, group, [known[row.route, row.name] for row in group], told)
    except KetchError as error:
        return error
    return Recorded(new, len(group) - new)
