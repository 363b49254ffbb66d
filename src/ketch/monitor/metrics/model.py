"""Model metrics: what was answered beside what was right, per package and time."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import groupby

import numpy as np

from ketch.monitor.metrics.answers import Told, Unread, pairs
from ketch.monitor.metrics.attribution import Attribution, Row
from ketch.monitor.metrics.counting import Answerer, Counts, Stretches
from ketch.monitor.metrics.measuring import measured
from ketch.monitor.metrics.points import MetricSeries, Point
from ketch.rollout.metric import Metric

_NOTHING = "nothing to compare with"


def model_series(
    found: Attribution, metric: Metric, stretches: Stretches, counts: Counts
) -> Iterator[MetricSeries]:
    """Yield a metric of each package that answered, and of each in shadow.

    Memory grows with the labelled rows of one package: 8 or 16 bytes each.
    """
    rows = groupby(_labelled(found, metric, stretches), lambda row: Answerer(*row[:3]))
    answerer, some = next(rows, (None, ()))
    for mine, seen in counts.items():
        whole = _Gathered()
        gathered: dict[int | None, Point] = {}
        if answerer == mine:
            for index, labelled in groupby(some, lambda row: int(row[3])):
                part = _gathered(metric, labelled)
                gathered[index] = part.point(metric, stretches, index, seen[index].decisions)
                whole.add(part)
            answerer, some = next(rows, (None, ()))
        points = (
            gathered.get(index) or _Gathered().point(metric, stretches, index, count.decisions)
            for index, count in seen.items()
            if index is not None
        )
        yield MetricSeries(
            metric,
            *mine,
            whole.point(metric, stretches, None, seen[None].decisions),
            tuple(sorted(points, key=lambda point: point.time)),
        )


class _Gathered:
    """What a measure takes of the decisions of a package in a time."""

    def __init__(self) -> None:
        self.known = 0
        self.numbers = array("d")
        self.unread: Counter[str] = Counter()

    def add(self, other: _Gathered) -> None:
        """Take what another one has gathered, too."""
        self.known += other.known
        self.numbers += other.numbers
        self.unread += other.unread

    def point(
        self, metric: Metric, stretches: Stretches, index: int | None, decisions: int
    ) -> Point:
        """Return what it comes to."""
        numbers = np.frombuffer(self.numbers, np.float64) if self.numbers else np.empty(0)
        estimate = measured(metric.measure, numbers)
        unread = dict(sorted(self.unread.items()))
        return Point(stretches.time(index), decisions, self.known, estimate, unread)


def _gathered(metric: Metric, rows: Iterable[Row]) -> _Gathered:
    """Return what the decisions of one stretch come to; each may have several outcomes."""
    gathered = _Gathered()
    for _, some in groupby(rows, lambda row: row[4:6]):
        mine = list(some)
        outcomes = [Told(*row[9:12]) for row in mine if row[7] is not None]
        gathered.known += 1
        try:
            read = pairs(metric, mine[0][6], outcomes)
        except Unread as problem:
            gathered.unread[str(problem)] += 1
            continue
        if not read:
            gathered.unread[_NOTHING] += 1
        for one in read:
            gathered.numbers.extend(one)
    return gathered


def _labelled(found: Attribution, metric: Metric, stretches: Stretches) -> Iterator[Row]:
    """Yield the answers of which it is known what was right, sorted, with each outcome."""
    late = metric.window // timedelta(microseconds=1)
    known = "at_us IS NOT NULL"
    if metric.absent is not None:
        known = f"({known} OR us + {late:d} <= {found.now_us:d})"
    sql = f"""
        SELECT answered.package, answered.digest, is_shadow, {stretches.sql}, moment, tail,
               outputs, at_us, key, value, label, by_unit
        FROM answered LEFT JOIN attributed USING (of_moment, of_tail)
        WHERE {found.within} AND {known} ORDER BY 1, 2, 3, 4, 5, 6, 8, 9
    """  # noqa: S608 - whole numbers
    each = found.select(sql, {metric.outcome: metric.window})
    return heapq.merge(*each, key=lambda row: row[:6])
