"""The decisions of a route in a period, in columns, with the outcomes of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ketch.compare.incident.period import Period
from ketch.compare.incident.series import Amounts, Bools, Series, gathered
from ketch.monitor.metrics.attribution import Attribution
from ketch.monitor.outcomes.outcome import microseconds

MOST = 200_000
"""Decisions that are looked at; of more, an even sample by identity."""

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Decisions, the oldest first; every column is of one length.

    Attributes:
        route: Whose they are.
        period: When they were made.
        us: When each was made, in microseconds since 1970.
        package: Who answered, as ``name:version``.
        error: The code of its error; empty where there was none.
        status: Of the answer.
        duration_us: How long it took.
        unit: The keyed hash of its unit; 0 where nobody was named.
        lags: Outcome → microseconds until the first one came of each decision; -1 for none.
        digests: Package → its digest.
        ids: The identities.
        every: Of how many decisions one is here.
    """

    route: str
    period: Period
    us: Ints
    package: Texts
    error: Texts
    status: Ints
    duration_us: Ints
    unit: NDArray[np.uint64]
    ids: Texts
    digests: Mapping[str, str]
    lags: Mapping[str, Ints] = field(default_factory=dict)
    every: int = 1

    def __len__(self) -> int:
        return len(self.us)

    @property
    def index(self) -> Ints:
        """The stretch that each is in."""
        step = self.period.step.total_seconds() * 1e6
        return (self.us // step).astype(np.int64) - self.period.first

    @property
    def packages(self) -> tuple[str, ...]:
        """Who answered."""
        return tuple(sorted(set(self.package.tolist())))

    def rate(self, name: str, hits: Bools, among: Bools | None = None, **more: Any) -> Series:
        """Return over time which part of the decisions something is true of.

        Args:
            name: What.
            hits: Of which it is true.
            among: Those that count; all by default.
            more: Other attributes of the series.
        """
        kept = np.ones(len(self), np.bool_) if among is None else among
        mine = {one: self._amounts(hits, kept & (self.package == one)) for one in self.packages}
        whole = self._amounts(hits, kept)
        return Series(name, "rate", whole, mine, hits=hits, among=kept, **more)

    def _amounts(self, hits: Bools, kept: Bools) -> Amounts:
        return gathered(self.index[kept], hits[kept].astype(np.float64), len(self.period))


def numbered(found: Attribution, every: int) -> str:
    """Return the SQL of the decisions that are looked at, each with its place."""
    return f"""
    , numbered AS (
        SELECT row_number() OVER (ORDER BY moment, tail) - 1 AS place, *,
               ((moment >> 16) * 1000 + (moment & 4095) * 1000 // 4096)::BIGINT AS us
        FROM part WHERE {found.within} AND why <> 'shadow' AND hash(moment, tail) % {every:d} = 0
    )"""  # noqa: S608 - whole numbers


def sampling(found: Attribution, most: int = MOST) -> int:
    """Return of how many decisions one is looked at."""
    sql = f"SELECT count(*) FROM part WHERE {found.within} AND why <> 'shadow'"  # noqa: S608
    count = sum(int(number) for rows in found.select(sql) for (number,) in rows)
    return max(1, -(-count // most))


def seen(found: Attribution, route: str, period: Period, names: Sequence[str]) -> Seen:
    """Read the decisions of a period, and when the first outcome of each name came of each.

    Args:
        found: The decisions and the outcomes.
        route: Whose.
        period: When.
        names: Of the outcomes.
    """
    every = sampling(found)
    table = numbered(found, every)
    columns = "us, package, coalesce(error, ''), status, duration_us, coalesce(unit, 0)"
    identity = "printf('%016x%016x', moment, tail)"
    sql = f"{table} SELECT {columns}, {identity}, digest FROM numbered ORDER BY place"  # noqa: S608
    logs = [list(rows) for rows in found.select(sql)]
    starts = np.cumsum([0, *map(len, logs)])
    us, package, error, status, took, unit, ids, digest = _columns(
        [row for rows in logs for row in rows]
    )
    lags = {name: np.full(len(us), -1, np.int64) for name in names}
    for start, name, place, lag in _outcomes(found, period, table, names, starts.tolist()):
        lags[name][start + place] = max(lag, 0)
    order = np.argsort(np.array(us, np.int64), kind="stable")
    return Seen(
        route,
        period,
        np.array(us, np.int64)[order],
        np.array(package, object)[order],
        np.array(error, object)[order],
        np.array(status, np.int64)[order],
        np.array(took, np.int64)[order],
        np.array(unit, np.uint64)[order],
        np.array(ids, object)[order],
        dict(zip(package, digest, strict=True)),
        {name: one[order] for name, one in lags.items()},
        every,
    )


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) or [()] * 8


def _outcomes(
    found: Attribution, period: Period, table: str, names: Sequence[str], starts: Sequence[int]
) -> Iterator[tuple[int, str, int, int]]:
    """Yield the place of the log, the outcome, the decision in it, and how much later it was."""
    span = microseconds(period.until) - microseconds(period.since)
    sql = f"""{table}
        SELECT name, place, min(at_us - numbered.us) FROM attributed JOIN numbered
        ON of_moment = moment AND of_tail = tail
        WHERE value > 0 AND at_us - numbered.us < {span:d} GROUP BY 1, 2
    """  # noqa: S608 - whole numbers
    windows = dict.fromkeys(names, period.until - period.since)
    for start, rows in zip(starts, found.select(sql, windows), strict=False):
        for name, place, lag in rows:
            yield start, str(name), int(place), int(lag)
