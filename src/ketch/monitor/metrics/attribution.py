"""Which decision an outcome is of: the one it names, or the latest one of its unit.

An outcome of a unit is of the latest answer that the unit got before it, if that is no
longer ago than a window; a shadow answer has the outcomes of the decision that it is a copy
of. A decision that ended in an error is no answer. The database sorts and joins, on the disk
where memory does not hold it. It does not use ``ASOF JOIN``, which took a minute for what
the window below does in a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ketch.files import temporary_folder
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.part import Part
from ketch.monitor.outcomes import Outcomes, microseconds
from ketch.monitor.outcomes.columns import Columns
from ketch.tables.engine import literal

DEFAULT_WINDOW = timedelta(days=7)
_BACK = timedelta(days=1)
"""How much earlier than its decision an outcome may say that it happened, by its clock."""

_TOLD = {
    "name": "VARCHAR",
    "key": "VARCHAR",
    "at_us": "BIGINT",
    "value": "DOUBLE",
    "label": "VARCHAR",
    "moment": "UBIGINT",
    "tail": "UBIGINT",
    "unit": "UBIGINT",
}
_MICROSECOND = timedelta(microseconds=1)

Row = tuple[Any, ...]


class Attribution:
    """The answers of a route in a time, and the outcomes that are of them; a context manager.

    Args:
        logs: Folders of decision logs with their outcomes. A unit is only found in the log
            that its outcome lies beside, for each log has a key of its own.
        route: The route.
        since, until: The time of the answers, its end excluded.
        now: What happened later is not seen.
        most: The longest window that will be asked for.
    """

    def __init__(
        self,
        logs: Sequence[Path],
        route: str,
        since: datetime,
        until: datetime,
        *,
        now: datetime,
        most: timedelta = DEFAULT_WINDOW,
    ) -> None:
        self._logs = logs
        self._route = route
        self._since = since
        self._now = now
        self._end = moment_of(until)
        last = min(until + most, now + _MICROSECOND)  # later answers take later outcomes
        self._parts = [
            Part(log, route, since=since, until=max(until, last), threads=1) for log in logs
        ]

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._scratch = undo.enter_context(temporary_folder("ketch-metrics-"))
            for index, told in enumerate(self._told()):
                with self._spool(index).open("wb") as file:
                    file.writelines(map(_line, told))
            for part in self._parts:
                undo.enter_context(part)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.__exit__(kind, error, traceback)

    def select(
        self, sql: str, windows: Mapping[str, timedelta] | None = None
    ) -> list[Iterator[Row]]:
        """Return the rows of a query, for each log by itself.

        It may ask for ``answered``: all answers, with ``us``, their time in microseconds, and
        the decision whose outcomes they have, ``of_moment`` and ``of_tail``. And for
        ``attributed``: the outcomes, each with its decision, the package and unit of that,
        and ``by_unit``.

        Args:
            sql: What comes after ``WITH … AS (…)``.
            windows: Names of outcomes → for how long after an answer they are of it.
        """
        return [
            part.select(f"{self._tables(index, windows or {})} {sql}")
            for index, part in enumerate(self._parts)
        ]

    @property
    def names(self) -> frozenset[str]:
        """The names of the outcomes that may be of these answers."""
        return frozenset(self._names)

    @property
    def within(self) -> str:
        """What an answer of the time fulfils, in SQL."""
        return f"moment < {self._end:d}"

    @property
    def now_us(self) -> int:
        """Now, in microseconds since 1970."""
        return microseconds(self._now)

    def _tables(self, index: int, windows: Mapping[str, timedelta]) -> str:
        kinds = ", ".join(f"{one}: '{kind}'" for one, kind in _TOLD.items())
        spool = literal(str(self._spool(index)))
        told = f"read_json({spool}, format = 'newline_delimited', columns = {{{kinds}}})"
        cases = [
            f"WHEN {literal(name)} THEN {span // _MICROSECOND:d}" for name, span in windows.items()
        ]
        only = ", ".join(map(literal, windows)) or "NULL"
        window = f"CASE name {' '.join(cases)} END" if cases else "0"
        return _TABLES.format(told=told, only=f"name IN ({only})", window=window)

    def _spool(self, index: int) -> Path:
        return self._scratch / f"told-{index}.jsonl"

    def _told(self) -> Iterator[Iterable[Row]]:
        """Yield the outcomes that may be of the answers in each log."""
        until = self._now + _MICROSECOND
        found: list[Columns] = []
        for log in self._logs:
            with Outcomes(log) as outcomes:
                found.append(outcomes.of_route(self._route, self._since - _BACK, until))
        self._names = {str(name) for one in found for name in one.name.tolist()}
        for index in range(len(found)):
            yield _together(found, index)


def _together(found: Sequence[Columns], mine: int) -> Iterator[Row]:
    """Yield the outcomes beside a log, and those beside others that name a decision."""
    seen: set[tuple[str, str]] = set()
    for index in (mine, *(one for one in range(len(found)) if one != mine)):
        for row in _rows(found[index]):
            name, key, *_, unit = row
            if (index != mine and unit) or (len(found) > 1 and (name, key) in seen):
                continue
            if len(found) > 1:
                seen.add((name, key))
            yield row


def _rows(columns: Columns) -> Iterator[Row]:
    return zip(*(getattr(columns, one.removesuffix("_us")).tolist() for one in _TOLD), strict=True)


def _line(row: Row) -> bytes:
    return msgspec.json.encode(dict(zip(_TOLD, row, strict=True))) + b"\n"


_TABLES = """
, answered AS NOT MATERIALIZED (
    SELECT moment, tail, unit, package, digest, inputs, outputs, why = 'shadow' AS is_shadow,
           CASE WHEN is_shadow THEN ('0x' || shadow_of[:16])::UBIGINT ELSE moment END AS of_moment,
           CASE WHEN is_shadow THEN ('0x' || shadow_of[17:])::UBIGINT ELSE tail END AS of_tail,
           ((moment >> 16) * 1000 + (moment & 4095) * 1000 // 4096)::BIGINT AS us
    FROM part WHERE error IS NULL
), told AS (
    SELECT * FROM {told} WHERE {only}
), named AS (
    SELECT told.* EXCLUDE (moment, tail, unit), false AS by_unit, live.unit,
           live.package, live.digest, live.moment AS of_moment, live.tail AS of_tail
    FROM told JOIN answered AS live ON told.moment = live.moment AND told.tail = live.tail
    WHERE told.moment > 0 AND NOT live.is_shadow
), theirs AS (
    SELECT unit, us, max((moment, tail, package, digest)) AS latest FROM answered
    WHERE NOT is_shadow AND unit IN (SELECT unit FROM told WHERE unit > 0)
    GROUP BY unit, us
), looked AS (
    SELECT *, max(their_us) OVER (
        PARTITION BY unit ORDER BY us, name NULLS FIRST ROWS UNBOUNDED PRECEDING
    ) AS latest_us
    FROM (
        SELECT unit, us, us AS their_us FROM theirs UNION ALL BY NAME
        SELECT name, key, at_us, value, label, unit, at_us AS us FROM told WHERE unit > 0
    )
), latest AS (
    SELECT name, key, at_us, value, label, true AS by_unit, looked.unit,
           latest[3] AS package, latest[4] AS digest, latest[1] AS of_moment, latest[2] AS of_tail
    FROM looked JOIN theirs ON looked.unit = theirs.unit AND latest_us = theirs.us
    WHERE name IS NOT NULL AND at_us < latest_us + {window}
), attributed AS (
    SELECT * FROM named UNION ALL SELECT * FROM latest
)
"""
