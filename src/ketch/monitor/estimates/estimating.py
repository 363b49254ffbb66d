"""The metrics of a route before outcomes come: what ``ketch report`` shows, and ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.estimates.cbpe import Scores
from ketch.monitor.estimates.checking import broken_since
from ketch.monitor.estimates.dle import Errors
from ketch.monitor.estimates.expected import Span, groups_of
from ketch.monitor.estimates.points import EstimatePoint, EstimateSeries, Realised
from ketch.monitor.estimates.rows import ERRORS, Answers, answers_of
from ketch.monitor.metrics.attribution import Attribution
from ketch.monitor.metrics.counting import Answerer, Stretches, counts
from ketch.monitor.metrics.measuring import measured
from ketch.monitor.metrics.points import FEW, FEW_OF_ONE
from ketch.registry import Policy
from ketch.rollout.metric import RANKED, Metric, Scored
from ketch.rollout.spans import write_span

BACK = timedelta(days=28)
"""How long before the time that is looked at answers are learned from, and their window more."""
LEAST = 100
"""From so many rows is learned, and of a score from :data:`FEW_OF_ONE` of both kinds."""
MOST = 20_000
"""From so many of the latest rows is learned."""

Rows: TypeAlias = "NDArray[np.int64]"
Estimator: TypeAlias = Callable[[Rows], Span | None]


def estimates_of(
    logs: Sequence[Path],
    route: str,
    policy: Policy,
    *,
    since: datetime,
    until: datetime,
    now: datetime | None = None,
) -> tuple[EstimateSeries, ...]:
    """Return what the metrics of a route are expected to be of answers without outcomes.

    What is learned from are answers of the same package whose window was over and of which it
    was known what was right, at the end of the stretch of time that is estimated: as if each
    estimate had been made then.

    Args:
        logs: Folders of decision logs, with the outcomes beside them.
        route: The route.
        policy: Its metrics; those of lists cannot be estimated and are left out.
        since: When the time of the answers begins; earlier ones are learned from.
        until: When it ends; the end is excluded.
        now: Outcomes that happened later are not seen; the end by default.

    Raises:
        ValueError: The time has no length.
        Unavailable: ``outcomes/…``, ``disk/…``: something cannot be read.
    """
    if since >= until:
        raise ValueError(f"expected a time that ends after it begins, found {since} to {until}")
    metrics = [one for one in policy.metrics if one.measure not in RANKED]
    if not metrics:
        return ()
    most = max(one.window for one in metrics)
    stretches, seen_at = Stretches.of(since, until), now or until
    found: list[EstimateSeries] = []
    with Attribution(logs, route, since - most - BACK, until, now=seen_at, most=most) as log:
        seen = counts(log, stretches)
        for metric in metrics:
            for mine, answers in answers_of(log, metric, seen):
                found.append(_Estimating(metric, answers, stretches, seen_at).series(mine))
    return tuple(found)


class _Estimating:
    """One metric of one package."""

    def __init__(
        self, metric: Metric, answers: Answers, stretches: Stretches, now: datetime
    ) -> None:
        self._metric = metric
        self._stretches = stretches
        self._us = np.array(answers.us)
        self._known = np.array(answers.known_us)
        self._scores = np.array(answers.scores)
        self._said, self._right = np.array(answers.said), np.array(answers.right)
        if metric.measure is Scored.ACCURACY:
            self._said, self._right = answers.happened()
        self._groups = groups_of(np.array(answers.units, np.uint64))
        self._columns = answers.columns() if metric.measure in ERRORS else []
        self._now = now.timestamp() * 1e6
        self._window = metric.window / timedelta(microseconds=1)

    def series(self, mine: Answerer) -> EstimateSeries:
        """Return the estimate of now, those of earlier stretches, and whether they held."""
        reference, lacks = self._reference(self._now)
        waiting = np.flatnonzero(self._us + self._window > self._now)
        waiting = waiting[self._us[waiting] >= self._stretches.since.timestamp() * 1e6]
        whole = None
        if len(waiting) and not lacks:
            time = self._stretches.time(None)
            whole = _point(time, waiting, self._learned(reference))
        points = tuple(self._points())
        checked = [one for one in points if one.realised is not None]
        broken = broken_since([one.realised.is_held for one in checked if one.realised])
        return EstimateSeries(
            self._metric,
            *mine,
            len(reference),
            whole,
            points,
            None if broken is None else checked[broken].time,
            lacks if len(waiting) else "",
        )

    def _points(self) -> Iterator[EstimatePoint]:
        """Yield the estimate of each stretch, by what was known at its end."""
        step = self._stretches.step / timedelta(microseconds=1)
        places = (self._us // step).astype(np.int64)
        first = self._stretches.since.timestamp() * 1e6
        for index in np.unique(places[self._us >= first]):
            end = (index + 1) * step
            reference, lacks = self._reference(min(end, self._now))
            if lacks:
                continue
            rows = np.flatnonzero((places == index) & (self._us >= first))
            estimate = self._learned(reference)
            realised = None
            if end + self._window <= self._now:
                realised = self._realised(rows[self._known[rows] <= self._now], estimate)
            yield _point(self._stretches.time(int(index)), rows, estimate, realised)

    def _reference(self, at: float) -> tuple[Rows, str]:
        """Return the latest rows of which it was known at a time what was right, or what lacks."""
        if self._metric.measure is Scored.ACCURACY and self._metric.score is None:
            return np.empty(0, np.int64), "the metric names no `score`, by which it is estimated"
        rows = np.flatnonzero(self._known <= at)[-MOST:]
        window = write_span(self._metric.window)
        if len(rows) < LEAST:
            says = f"{len(rows)} answers older than {window} are known, {LEAST} are needed"
            return rows, says
        if self._metric.measure not in ERRORS and not _has_both(self._right[rows]):
            says = f"of {len(rows)} answers older than {window} nearly all came out the same"
            return rows, says
        return rows, ""

    def _learned(self, rows: Rows) -> Estimator:
        measure, groups = self._metric.measure, self._groups[rows]
        if measure in ERRORS:
            off = self._scores[rows] - self._right[rows]
            errors = Errors.learned(measure, [one[rows] for one in self._columns], off, groups)
            return lambda some: errors.of([one[some] for one in self._columns])
        scores = Scores.learned(measure, self._scores[rows], self._right[rows], groups)
        return lambda some: scores.of(self._scores[some], self._said[some])

    def _realised(self, rows: Rows, estimate: Estimator) -> Realised | None:
        """Return what was realised; None where it is of too few to say anything."""
        if len(rows) < FEW:
            return None
        scores, right, measure = self._scores[rows], self._right[rows], self._metric.measure
        if measure is Scored.AUC and not _has_both(right):
            return None
        if measure is Scored.ACCURACY:
            numbers = np.where(self._said[rows] > 0, right, 1 - right)
        else:
            numbers = np.stack([scores, right], axis=1).ravel()
        value, span = measured(measure, numbers).value, estimate(rows)
        if value is None or span is None or not all(map(isfinite, (value, *span))):
            return None
        return Realised(len(rows), value, *span)


def _has_both(right: NDArray[np.float64]) -> bool:
    ups = int(right.sum())
    return min(ups, len(right) - ups) >= FEW_OF_ONE


def _point(
    time: datetime, rows: Rows, estimate: Estimator, realised: Realised | None = None
) -> EstimatePoint:
    span = estimate(rows)
    # The squares of very large numbers are none.
    is_known = span is not None and all(map(isfinite, span))
    value, low, high = span if span and is_known else (None, None, None)
    return EstimatePoint(time, len(rows), value, low, high, realised)
