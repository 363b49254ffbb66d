"""``GET /metrics``: what the gateway counted, in the text form of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from ketch.serving.doors.measured import measured
from ketch.serving.http.messages import Response
from ketch.serving.metrics import COUNTED, Gauges, Histogram, Metrics, PoolGauge

_OF_POOLS: tuple[tuple[str, str, Callable[[PoolGauge], float]], ...] = (
    ("queue_depth", "Requests that wait for a worker.", lambda pool: pool.depth),
    ("workers", "Workers that can answer.", lambda pool: pool.workers),
    ("workers_rss_bytes", "Memory of the workers of a package.", lambda pool: pool.rss_bytes),
    ("failing", "Whether workers end as soon as they start.", lambda pool: pool.is_failing),
)


def exposition(metrics: Metrics) -> Response:
    """Return everything that was counted."""
    registry = CollectorRegistry()
    registry.register(_Read(metrics))
    return Response(200, generate_latest(registry), CONTENT_TYPE_PLAIN_1_0_0)


class _Read(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        yield from _requests(self._metrics)
        yield from _counts(self._metrics)
        now = self._metrics.gauges()
        yield from _gauges(now)
        yield from measured(now.reports)


def _requests(metrics: Metrics) -> Iterator[Metric]:
    labels = ("route", "package", "arm")
    counted = CounterMetricFamily(
        "ketch_requests", "Requests answered.", labels=(*labels, "status")
    )
    lasted = HistogramMetricFamily(
        "ketch_request_seconds", "From the first byte of a request to its answer.", labels=labels
    )
    for values, series in metrics.requests.items():
        for status, count in series.statuses.items():
            counted.add_metric((*values, str(status)), count)
        lasted.add_metric(values, buckets(series.seconds), series.seconds.sum)
    yield counted
    yield lasted


def _counts(metrics: Metrics) -> Iterator[Metric]:
    for name, (says, labels) in COUNTED.items():
        counter = CounterMetricFamily(f"ketch_{name}", says, labels=labels)
        for values, count in metrics.counts[name].items():
            counter.add_metric(values, count)
        yield counter


def _gauges(now: Gauges) -> Iterator[Metric]:
    for name, says, read in _OF_POOLS:
        gauge = GaugeMetricFamily(f"ketch_{name}", says, labels=("package",))
        for pool in now.pools:
            gauge.add_metric((pool.package,), float(read(pool)))
        yield gauge
    rows = HistogramMetricFamily(
        "ketch_call_rows", "Rows in one call to a worker.", labels=("package",)
    )
    for pool in now.pools:
        rows.add_metric((pool.package,), buckets(pool.batches), pool.batches.sum)
    yield rows
    ready = GaugeMetricFamily(
        "ketch_ready", "Whether a verified worker answers.", labels=("route",)
    )
    for route, is_ready in now.ready.items():
        ready.add_metric((route,), float(is_ready))
    yield ready
    yield GaugeMetricFamily("ketch_connections", "Open connections.", value=now.connections)
    yield CounterMetricFamily(
        "ketch_decisions_dropped", "Decisions that were not logged.", value=now.decisions_dropped
    )
    yield GaugeMetricFamily(
        "ketch_decisions_waiting", "Decisions not yet on disk.", value=now.decisions_waiting
    )
    if now.decisions_shipped is not None:
        yield GaugeMetricFamily(
            "ketch_decisions_shipped_timestamp_seconds",
            "When all sealed decisions were in the bucket; 0 if they never were.",
            value=now.decisions_shipped,
        )


def buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Return the buckets as Prometheus counts them: each holds those below it too."""
    so_far, found = 0, []
    names = (*(f"{float(bound)}" for bound in histogram.bounds), "+Inf")
    for name, count in zip(names, histogram.counts, strict=True):
        so_far += count
        found.append((name, float(so_far)))
    return found
