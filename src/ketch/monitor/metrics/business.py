"""Business metrics: what came of the answers of each package, by time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TypeAlias

from ketch.monitor.metrics.attribution import Attribution
from ketch.monitor.metrics.counting import Counts, Stretches
from ketch.monitor.metrics.points import BusinessPoint, BusinessSeries, Happened

_Seen: TypeAlias = dict[tuple[str, str, int | None], dict[str, Happened]]
_NONE = Happened(0, 0, 0.0)


def business_series(
    found: Attribution,
    windows: Mapping[str, timedelta],
    stretches: Stretches,
    counts: Counts,
) -> Iterator[BusinessSeries]:
    """Yield what came of each package that somebody got answers of; shadows do nothing.

    Args:
        found: The answers, and the outcomes of them.
        windows: Outcome → for how long after an answer it is of that answer.
        stretches: How time is divided.
        counts: The answers of each package.
    """
    happened = _happened(found, windows, stretches)
    for mine, seen in counts.items():
        if mine.is_shadow:
            continue
        points = [
            BusinessPoint(
                stretches.time(index),
                *count,
                happened.get((mine.package, mine.digest, index), {}),
            )
            for index, count in sorted(seen.items(), key=lambda one: (one[0] or 0, one[0] is None))
        ]
        yield BusinessSeries(mine.package, mine.digest, points[0], tuple(points[1:]))


def _happened(found: Attribution, windows: Mapping[str, timedelta], stretches: Stretches) -> _Seen:
    """Return what happened by package, stretch and name."""
    sql = f"""
        SELECT package, digest, {stretches.sql} AS stretch, name,
               count(*) FILTER (value > 0), count(DISTINCT unit) FILTER (value > 0),
               sum(value ORDER BY at_us, key)
        FROM (SELECT *, of_moment AS moment FROM attributed) WHERE {found.within}
        GROUP BY GROUPING SETS ((1, 2, 3, 4), (1, 2, 4)) ORDER BY ALL
    """  # noqa: S608 - whole numbers
    seen: _Seen = {}
    for rows in found.select(sql, windows):
        for package, digest, stretch, name, count, units, amount in rows:
            mine = seen.setdefault((package, digest, stretch), {})
            one = mine.get(name, _NONE)
            mine[name] = Happened(one.count + count, one.units + units, one.amount + amount)
    return seen
