"""What is looked at of a route: errors, latency, outcomes, model metrics, outputs, traffic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from ketch.compare.incident.period import Period
from ketch.compare.incident.seen import Seen
from ketch.compare.incident.series import OTHER, WAIT, Amounts, Series
from ketch.compare.incident.telling import Telling
from ketch.monitor.metrics.attribution import Attribution
from ketch.monitor.metrics.counting import counts
from ketch.monitor.metrics.model import model_series
from ketch.monitor.outcomes.outcome import microseconds
from ketch.registry import Policy
from ketch.rollout.metric import LESS_IS_BETTER
from ketch.rollout.terms import ERRORS, SLOW

REFUSED = "refused"
TRAFFIC = "traffic"
_SLOWEST = 0.95


def answers(seen: Seen, policy: Policy) -> Iterator[Series]:
    """Yield what the decisions themselves tell: errors, refused requests, slow answers."""
    yield seen.rate(ERRORS, seen.status >= 500, worse="higher")
    refused = (seen.status >= 400) & (seen.status < 500)
    if refused.any():
        yield seen.rate(REFUSED, refused, worse="higher")
    well = seen.status < 400
    if well.any():
        yield seen.rate(
            SLOW, seen.duration_us > slow_us(seen, policy), well, worse="higher", tier=WAIT
        )


def slow_us(seen: Seen, policy: Policy) -> float:
    """Return what counts as slow: the rule's limit, or what one answer of twenty took."""
    limit = next((one.limit_ms for one in policy.guardrails if one.metric == SLOW), None)
    took = seen.duration_us[seen.status < 400]
    return float(np.quantile(took, _SLOWEST)) if limit is None else limit * 1000


def traffic(seen: Seen) -> Series:
    """Return how many requests came in a second, since the first of all."""
    size = len(seen.period)
    many = np.bincount(seen.index, minlength=size).astype(np.float64) * seen.every
    seconds = np.full(size, seen.period.step.total_seconds())
    seconds[: int(seen.index.min()) if len(seen) else size] = 0.0
    return Series(TRAFFIC, "mean", Amounts(many, seconds), tier=OTHER)


def outcome(seen: Seen, told: Telling, policy: Policy) -> Series:
    """Return which part of the answers had an outcome soon, as far as outcomes are complete."""
    worse = {one.metric: one.worse for one in policy.guardrails}.get(told.name, "lower")
    lags = seen.lags[told.name]
    had = (lags >= 0) & (lags <= told.horizon / timedelta(microseconds=1))
    return seen.rate(told.name, had, seen.us < microseconds(told.complete_until), worse=worse)


def measured(found: Attribution, policy: Policy, period: Period) -> Iterator[Series]:
    """Yield the model metrics of the answers of which it is known what was right."""
    stretches, span = period.stretches, period.until - period.since
    many = counts(found, stretches) if policy.metrics else {}
    for metric in policy.metrics:
        near = replace(metric, window=min(metric.window, span))
        packages: dict[str, Amounts] = {}
        for one in model_series(found, near, stretches, many):
            if not one.is_shadow:
                mine = packages.setdefault(one.package, _nothing(period))
                for point in one.points:
                    _add(mine, period.index(point.time), point.estimate.value, point.estimate.n)
        if packages:
            worse = "higher" if metric.measure in LESS_IS_BETTER else "lower"
            yield Series(metric.name, "mean", _together(list(packages.values())), packages, worse)


def _nothing(period: Period) -> Amounts:
    return Amounts(np.zeros(len(period)), np.zeros(len(period)))


def _add(to: Amounts, index: int, value: float | None, n: int) -> None:
    if value is not None and 0 <= index < len(to.sums):
        to.sums[index] += value * n
        to.weights[index] += n


def _together(all_: Sequence[Amounts]) -> Amounts:
    sums, weights = (
        np.sum([getattr(one, name) for one in all_], axis=0) for name in ("sums", "weights")
    )
    return Amounts(sums, weights)
