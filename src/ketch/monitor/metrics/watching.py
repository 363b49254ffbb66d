"""All metrics of a route: what ``ketch report`` shows, and ``/metrics``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ketch.monitor.metrics.attribution import DEFAULT_WINDOW, Attribution
from ketch.monitor.metrics.business import business_series
from ketch.monitor.metrics.counting import Stretches, counts
from ketch.monitor.metrics.model import model_series
from ketch.monitor.metrics.points import RouteMetrics
from ketch.registry import Policy
from ketch.rollout.terms import MEASURED

RECENT = timedelta(days=1)


def recent(policy: Policy) -> timedelta:
    """Return how far back to look for metrics of the present.

    A day, and before it the longest window of a metric: of the answers of a day alone only
    the earliest outcomes are known, and of none that it has none.
    """
    return RECENT + max((one.window for one in policy.metrics), default=timedelta(0))


def metrics_of(
    logs: Sequence[Path],
    route: str,
    policy: Policy,
    *,
    since: datetime,
    until: datetime,
    now: datetime | None = None,
) -> RouteMetrics:
    """Return the model metrics and business metrics of a route in a time.

    The same decisions and outcomes give the same numbers, in whatever order, however often
    and however late outcomes came.

    Args:
        logs: Folders of decision logs, with the outcomes beside them.
        route: The route.
        policy: Its metrics; its guardrails say how long outcomes of their name count.
        since: When the time of the decisions begins.
        until: When it ends; the end is excluded.
        now: Outcomes that happened later are not seen; the end by default. For a time that
            is long over, the later this is, the fewer labels are missing.

    Raises:
        ValueError: The time has no length.
        Unavailable: ``outcomes/…``, ``disk/…``: something cannot be read.
    """
    if since >= until:
        raise ValueError(f"expected a time that ends after it begins, found {since} to {until}")
    told = (one for one in policy.guardrails if one.metric not in MEASURED)
    spans = {one.metric: one.measure.window for one in told}
    most = max((*spans.values(), *(one.window for one in policy.metrics), DEFAULT_WINDOW))
    stretches = Stretches.of(since, until)
    with Attribution(logs, route, since, until, now=now or until, most=most) as found:
        seen = counts(found, stretches)
        model = [
            one for metric in policy.metrics for one in model_series(found, metric, stretches, seen)
        ]
        windows = {name: spans.get(name, DEFAULT_WINDOW) for name in sorted(found.names)}
        business = tuple(business_series(found, windows, stretches, seen))
    step_s = stretches.step // timedelta(seconds=1)
    return RouteMetrics(route, since, until, step_s, tuple(model), business)
