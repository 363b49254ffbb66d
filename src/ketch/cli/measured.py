"""Shadow copies, model metrics and business metrics on the screen of a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ketch.cli.fit import folded
from ketch.cli.tables import table
from ketch.cli.text import counted, percent
from ketch.cli.verification import value_text
from ketch.monitor.metrics import BusinessPoint, BusinessSeries, MetricSeries, RouteMetrics
from ketch.monitor.report import words
from ketch.monitor.rollouts import RolloutReport
from ketch.monitor.shadow import FieldResult, ShadowReport
from ketch.schema.problems import escaped

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 28


def shadow_lines(shadow: ShadowReport) -> Iterator[str]:
    """Yield how the copies of what stands at staging agree with live answers."""
    yield ""
    if not shadow.copies:
        says = f"shadow: {shadow.package} stands at staging, and {words.no_copies(shadow)}"
        yield from folded(escaped(says), indent=2)
        return
    yield from folded(escaped(f"shadow: {shadow.package}, {words.agreed(shadow)}"), indent=2)
    if shadow.fields:
        heads = ("field", "compared", "rows that differ", "mean", "most", "in common")
        yield table([heads, *map(_field, shadow.fields)], right=(2, 3, 4, 5), indent=2)
    for says in words.remarks(shadow):
        yield from folded(f"  {escaped(says)}", indent=4)
    for one in shadow.examples:
        values = f"answered {value_text(one.expected)}, copy {value_text(one.found)}"
        told = "personal data" if one.expected is one.found is None else values
        yield from folded(f"  {one.decision}  {escaped(one.field)}: {told}", indent=4)


def _field(one: FieldResult) -> tuple[str, ...]:
    return (
        one.name,
        one.rule,
        f"{one.differ:,} of {one.rows:,} ({one.differ_share * 100:.3g} %)",
        "" if one.mean_off is None else f"{one.mean_off:.3g}",
        "" if one.largest_off is None else f"{one.largest_off:.3g}",
        "" if one.overlap is None else f"{one.overlap * 100:.0f} %",
    )


def metrics_lines(
    of: RolloutReport, metrics: RouteMetrics, estimates: Iterable[str] = ()
) -> Iterator[str]:
    """Yield what is known of answers without any rollout, and what is expected of others."""
    if metrics.model:
        yield "\nmodel metrics, of answers of which it is known what was right"
        heads = ("metric", "package", "value", "between", "known of", "over time")
        yield table([heads, *map(_metric, metrics.model)], right=(2,), indent=2)
        for one in metrics.model:
            if one.whole.note is not None:
                says = f"{one.metric.name} of {_package(one)}: {one.whole.note}"
                yield from folded(escaped(f"  {says}"), indent=4)
    yield from estimates
    names = words.happened(of, metrics)
    came = [row for name in names for one in metrics.business for row in _business(one, name)]
    if came:
        yield "\nwhat came of answers; packages answered different units, so this compares nothing"
        titles = ("outcome", "package", "units", "with it", "rate", "amount a unit", "over time")
        yield table([titles, *came], right=(2, 3, 4, 5), indent=2)


def _metric(one: MetricSeries) -> tuple[str, ...]:
    whole = one.whole
    value, low, high = whole.estimate.value, whole.estimate.low, whole.estimate.high
    known = counted(whole.known, "answer")
    part = f" ({percent(round(whole.coverage, 3))})" if whole.coverage is not None else ""
    return (
        one.metric.name,
        _package(one),
        "-" if value is None else f"{value:.4g}",
        "" if low is None or high is None else f"{low:.4g} to {high:.4g}",
        f"{known}{part}",
        bars([point.estimate.value for point in one.points]),
    )


def _package(one: MetricSeries) -> str:
    return f"{one.package}{' (shadow)' if one.is_shadow else ''}"


def _business(one: BusinessSeries, name: str) -> Iterator[tuple[str, ...]]:
    units, happened = one.whole.units, one.whole.outcomes.get(name)
    if not units:
        return
    with_it = 0 if happened is None else happened.units
    is_amount = happened is not None and happened.amount != happened.count
    yield (
        name,
        one.package,
        f"{units:,}",
        f"{with_it:,}",
        words.part(with_it / units),
        f"{happened.amount / units:,.4g}" if happened is not None and is_amount else "",
        bars([_rate(point, name) for point in one.points]),
    )


def _rate(point: BusinessPoint, name: str) -> float | None:
    happened = point.outcomes.get(name)
    return (happened.units if happened else 0) / point.units if point.units else None


def bars(values: Sequence[float | None]) -> str:
    """Return how values went, the latest of them, as one row of bars; a gap is a space.

    >>> bars([1, 2, None, 8])
    '▁▂ █'
    """
    known = [one for one in values if one is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    step = (high - low) / (len(_BARS) - 1) or 1.0
    latest = values[-_MOST_BARS:]
    return "".join(" " if one is None else _BARS[round((one - low) / step)] for one in latest)
