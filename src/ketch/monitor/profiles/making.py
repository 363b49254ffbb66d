"""Profiles made of decisions: of a segment, or of what is not sealed yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import duckdb
import msgspec

from ketch.monitor.profiles.gathering import Fields, Row
from ketch.monitor.profiles.window import Window

HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ANSWERED = "error IS NULL AND shadow_of IS NULL AND why <> 'shadow' AND inputs <> 'null'"
_HOUR = "(moment >> 16) // 3600000"  # the first 48 bits of an identity are milliseconds
_AT_ONCE = 4
"""Packages and hours that are gathered in one reading."""
_ROWS = 500
"""Decisions that are in memory as text."""
_BLOCK_ROWS = 4096
_BLOCK_BYTES = 2 * 2**20
"""Of JSON that is gathered together: as Python's objects it takes ten times as much."""

_Key: TypeAlias = tuple[str, int]
_decode = msgspec.json.Decoder(list[Any]).decode
_UNREADABLE = (ValueError, RecursionError)
"""Such as 1e400, which is JSON, and no double."""


def profiled(con: duckdb.DuckDBPyConnection, source: str, route: str) -> list[Window]:
    """Return the profiles of some decisions of a route, each of one package and one hour.

    Args:
        con: The database.
        source: Where the decisions are, in SQL.
        route: Their route.
    """
    groups = con.execute(
        f"SELECT digest, {_HOUR} AS hour, any_value(package) FROM {source}"  # noqa: S608
        f" WHERE {_ANSWERED} GROUP BY ALL ORDER BY hour, digest"
    ).fetchall()
    found = []
    for at in range(0, len(groups), _AT_ONCE):
        some = groups[at : at + _AT_ONCE]
        gathered = _gathered(con, source, [(digest, hour) for digest, hour, _ in some])
        for digest, hour, package in some:
            found.append(gathered[digest, hour].finish(route, package, digest, hour))
    return found


def _gathered(
    con: duckdb.DuckDBPyConnection, source: str, keys: Sequence[_Key]
) -> dict[_Key, _Gathering]:
    """Gather the decisions of some packages and hours, in one reading."""
    wanted = " OR ".join(f"(digest = ? AND {_HOUR} = {hour:d})" for _, hour in keys)
    con.execute(
        f"SELECT digest, {_HOUR}, inputs, outputs FROM {source}"  # noqa: S608
        f" WHERE {_ANSWERED} AND ({wanted})",
        [digest for digest, _ in keys],
    )
    found = {key: _Gathering() for key in keys}
    while some := con.fetchmany(_ROWS):
        for digest, hour, inputs, outputs in some:
            found[digest, hour].add(inputs, outputs)
    return found


class _Gathering:
    """Gathers the decisions of one package and one hour, in blocks."""

    def __init__(self) -> None:
        self._decisions = self._rows = self._bytes = 0
        self._sides = Fields("input"), Fields("output")
        self._asked: list[str] = []
        self._answered: list[str] = []

    def add(self, inputs: str, outputs: str) -> None:
        """Add a decision, in JSON form."""
        self._asked.append(inputs)
        self._answered.append(outputs)
        self._bytes += len(inputs) + len(outputs)
        if len(self._asked) >= _BLOCK_ROWS or self._bytes >= _BLOCK_BYTES:
            self._gather()

    def finish(self, route: str, package: str, digest: str, hour: int) -> Window:
        """Return what was gathered."""
        self._gather()
        asked, answered = self._sides
        start = _EPOCH + hour * HOUR
        return Window(
            route=route,
            package=package,
            digest=digest,
            start=start,
            end=start + HOUR,
            decisions=self._decisions,
            rows=self._rows,
            fields=(*asked.finish(), *answered.finish()),
            left_out=asked.left_out + answered.left_out,
        )

    def _gather(self) -> None:
        self._decisions += len(self._asked)
        for side, texts in zip(self._sides, (self._asked, self._answered), strict=True):
            rows = _rows(texts)
            side.add(rows)
            self._rows += len(rows) if side is self._sides[0] else 0
        self._asked, self._answered, self._bytes = [], [], 0


def _rows(texts: Sequence[str]) -> Sequence[Row]:
    """Return the rows in JSON texts; where the log has a hash of them, there are none."""
    found = _read(texts)
    if set(map(type, found)) == {dict}:
        return found
    each = (one if isinstance(one, list) else [one] for one in found)
    return [row for rows in each for row in rows if isinstance(row, dict)]


def _read(texts: Sequence[str]) -> list[Any]:
    """Return what JSON texts say; one that nobody can read says nothing."""
    try:
        return _decode(f"[{','.join(texts)}]")  # a tenth of the calls, and of their time
    except _UNREADABLE:
        if len(texts) == 1:
            return []
        return [value for text in texts for value in _read([text])]
