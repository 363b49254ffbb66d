"""Decision logs, and the outcomes beside them, read as one: those of several machines, or copies.

A log may have a key of its own, so that the same unit is another hash in it; a question about
a unit is asked of each log by that log's key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from ketch.errors import KetchError, NotFound
from ketch.monitor.decisions import hot, segments
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.keyed import KEY_FILE, keyed
from ketch.monitor.decisions.querying import Table
from ketch.monitor.decisions.reading import Decisions, table_of
from ketch.monitor.decisions.table import Recorded
from ketch.monitor.outcomes.ledger import Outcomes
from ketch.monitor.outcomes.outcome import Entry, instant
from ketch.tables.engine import literal

FOLDER = "decisions"
"""The log of a ketch home."""

_OUTCOMES = {
    "route": "VARCHAR",
    "name": "VARCHAR",
    "key": "VARCHAR",
    "time": "TIMESTAMP",
    "told": "TIMESTAMP",
    "value": "DOUBLE",
    "label": "VARCHAR",
    "decision": "VARCHAR",
    "unit": "VARCHAR",
}
_START = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)
_BACK = tuple(map(timedelta, (1 / 24, 1, 30)))
"""How far back the latest decisions are looked for, in days, before all are looked at."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which decisions are asked for.

    Attributes:
        route: Of this route.
        unit: Of this unit.
        since, until: Of this time, its end excluded.
    """

    route: str | None = None
    unit: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Logs:
    """The decisions of some logs; a context manager.

    Args:
        folders: Of the logs; see :func:`log_folders`.
        threads: How many processors a query may use.
    """

    def __init__(self, folders: Sequence[Path], threads: int = 2) -> None:
        self._folders = folders
        self._threads = threads

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._logs = [
                undo.enter_context(Decisions(one, self._threads)) for one in self._folders
            ]
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.__exit__(kind, error, traceback)

    def find(self, decision: str) -> tuple[Recorded, Decisions]:
        """Return a decision, and the log that it is in.

        Raises:
            UsageError: ``decisions/id``: it is no identity of a decision.
            NotFound: ``decisions/not-found``.
            Unavailable: ``decisions/damaged``: it is there, and its bytes changed since.
        """
        problems: list[KetchError] = []
        for log in self._logs:
            try:
                return log.find(decision), log
            except KetchError as problem:
                problems.append(problem)
        found = [one for one in problems if not isinstance(one, NotFound)]
        raise (*found, *problems)[0]

    def shadows_of(self, decision: Recorded) -> list[Recorded]:
        """Return the shadow copies of a decision, the newest first."""
        return [one for log in self._logs for one in log.shadows_of(decision)]

    def newest(self, asked: Asked, limit: int) -> list[Recorded]:
        """Return the latest decisions, the newest first.

        Raises:
            NotFound: ``decisions/no-key``: a log lacks the key by which units are found.
        """
        found = [one for log in self._logs for one in _newest(log, asked, limit)]
        return sorted(found, key=lambda one: one.id, reverse=True)[:limit]

    def table(self) -> Table:
        """Return all decisions as a table for SQL."""
        return table_of(self._logs, self._threads)

    def add_outcomes(self, to: Table) -> None:
        """Add the table ``outcomes`` to that of the decisions; times are UTC."""
        each = (Outcomes(log.folder) for log in self._logs)
        to.add("outcomes", _OUTCOMES, (_row(one) for known in each for one in _entries(known)))

    def sql(self, asked: Asked) -> str:
        """Return the query of some decisions, to be asked of :meth:`table`."""
        return f"SELECT * FROM decisions WHERE {' AND '.join(self._terms(asked))}"  # noqa: S608

    def _terms(self, asked: Asked) -> Iterator[str]:
        yield "true"
        if asked.route is not None:
            yield f"route = {literal(asked.route)}"
        if asked.unit is not None:
            there = [log.folder for log in self._logs if log.folder.exists()]
            hashes = {literal(unit_in(folder, asked.unit)) for folder in there}
            yield f"unit IN ({', '.join(sorted(hashes))})" if hashes else "false"
        if asked.since is not None:
            yield f"id >= '{moment_of(asked.since):016x}'"
        if asked.until is not None:
            yield f"id < '{moment_of(asked.until):016x}'"


def _entries(known: Outcomes) -> Iterator[Entry]:
    """Yield all outcomes, some at a time."""
    with known:
        seq = 0
        while entries := known.after(seq):
            yield from entries
            seq = entries[-1].seq


def _row(one: Entry) -> tuple[object, ...]:
    times = (instant(at).replace(tzinfo=None).isoformat() for at in (one.at, one.told))
    return (one.route, one.name, one.key, *times, one.value, one.label, one.decision, one.unit)


def _newest(log: Decisions, asked: Asked, limit: int) -> list[Recorded]:
    route, since, until = asked.route, asked.since, asked.until
    if not log.folder.exists():
        return []  # nothing was ever decided in this home
    if asked.unit is not None:
        unit_in(log.folder, asked.unit)
        return log.of_unit(asked.unit, route=route, since=since, until=until, limit=limit)
    end = until or _END
    if since is None:
        now = min(end, datetime.now(UTC))
        for start in (now - days for days in _BACK):
            found = log.between(start, end, route=route, limit=limit)
            if len(found) == limit:
                return found
    return log.between(since or _START, end, route=route, limit=limit)


def unit_in(folder: Path, unit: str) -> str:
    """Return the keyed hash of a unit in a log.

    Raises:
        NotFound: ``decisions/no-key``: the log, which is a copy, came without its key.
        Unavailable: ``decisions/key``: the key is damaged.
    """
    if not (folder / KEY_FILE).exists():
        raise NotFound(
            "expected the key of the decision log, found none: no unit is found without it",
            code="decisions/no-key",
            where=str(folder / KEY_FILE),
            hint="copy `decisions/key` there from the ketch home that wrote the log",
        )
    return keyed(folder).unit(unit)


def log_folders(home: Path, named: Sequence[str] = ()) -> tuple[Path, ...]:
    """Return the folders of some logs.

    Args:
        home: The ketch home, whose own log is meant where none is named.
        named: Folders of logs, or of homes with one; or buckets that logs were sent to.

    Raises:
        NotFound: ``decisions/no-log``: there is none.
        UsageError, Unavailable, Refused: ``remote/…``: of a bucket.
    """
    if not named:
        return (home / FOLDER,)
    return tuple(log for one in named for log in _named(one, home))


def _named(named: str, home: Path) -> tuple[Path, ...]:
    if "://" not in named:
        return (_folder(named),)
    from ketch.monitor.decisions.mirror import mirrored  # obstore, which is an extra

    return mirrored(named, home)


def _folder(named: str) -> Path:
    path = Path(named)
    for one in (path, path / FOLDER):
        if any((one / part).is_dir() for part in (hot.FOLDER, segments.FOLDER)):
            return one
    raise NotFound(
        f"expected the folder of a decision log, found none at `{named}`",
        code="decisions/no-log",
        where=named,
        hint="it holds `hot/` or `sealed/`; that of a ketch home is `decisions/`",
    )
