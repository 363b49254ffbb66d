"""How many answers each package gave, by stretches of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from ketch.monitor.metrics.attribution import Attribution

_HOURLY = timedelta(days=2)
"""Periods up to this are told by the hour, longer ones by the day."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stretches:
    """How a period is divided: into hours or days of UTC.

    Attributes:
        since: When it begins.
        step: How long a stretch is.
    """

    since: datetime
    step: timedelta

    @classmethod
    def of(cls, since: datetime, until: datetime) -> Stretches:
        """Divide a period."""
        return cls(since, timedelta(hours=1) if until - since <= _HOURLY else timedelta(days=1))

    def time(self, index: int | None) -> datetime:
        """Return when a stretch begins; None for the whole period."""
        return self.since if index is None else _EPOCH + index * self.step

    @property
    def sql(self) -> str:
        """The index of the stretch of a decision."""
        return f"((moment >> 16)::BIGINT // {self.step // timedelta(milliseconds=1):d})"


class Answerer(NamedTuple):
    """A package, and whether it answers in shadow."""

    package: str
    digest: str
    is_shadow: bool


class Count(NamedTuple):
    """How many answers there were, and of how many different units."""

    decisions: int = 0
    units: int = 0


Counts: TypeAlias = Mapping[Answerer, Mapping[int | None, Count]]
"""By the index of the stretch; None for the whole period."""


def counts(found: Attribution, stretches: Stretches) -> Counts:
    """Return how many answers each package gave. Units of several logs are different ones."""
    sql = f"""
        SELECT package, digest, is_shadow, {stretches.sql} AS stretch,
               count(*), count(DISTINCT unit)
        FROM answered WHERE {found.within}
        GROUP BY GROUPING SETS ((1, 2, 3, 4), (1, 2, 3)) ORDER BY ALL
    """  # noqa: S608 - whole numbers
    seen: dict[Answerer, dict[int | None, Count]] = {}
    for rows in found.select(sql):
        for package, digest, is_shadow, stretch, decisions, units in rows:
            mine = seen.setdefault(Answerer(package, digest, is_shadow), {})
            before = mine.get(stretch, Count())
            mine[stretch] = Count(before.decisions + decisions, before.units + units)
    return {answerer: seen[answerer] for answerer in sorted(seen)}
