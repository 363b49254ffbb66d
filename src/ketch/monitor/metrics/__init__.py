"""How good the answers of a route are, and what comes of them, without any rollout.

Promises model metrics per package over time from what was told to be right, each with the
part of the decisions that it is known of, and business metrics per package; from the
decision log and the outcomes alone, the same for whatever order they came in, in memory that
grows with the outcomes and not with the decisions.

They describe; they do not compare. Packages answer different units at different times, so a
difference between two of them may come from those: a rollout is what decides.
"""

from ketch.monitor.metrics.points import (
    BusinessPoint,
    BusinessSeries,
    Happened,
    MetricSeries,
    Point,
    RouteMetrics,
)
from ketch.monitor.metrics.watching import metrics_of, recent

__all__ = [
    "BusinessPoint",
    "BusinessSeries",
    "Happened",
    "MetricSeries",
    "Point",
    "RouteMetrics",
    "metrics_of",
    "recent",
]
