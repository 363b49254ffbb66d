"""Shadow copies, model metrics and business metrics on the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from ketch.monitor.metrics import BusinessPoint, BusinessSeries, MetricSeries, RouteMetrics
from ketch.monitor.report import words
from ketch.monitor.report.page.markup import figure, paragraph, section, table
from ketch.monitor.report.page.plots import Line, Spot, over_time
from ketch.monitor.rollouts import RolloutReport
from ketch.monitor.shadow import Example, FieldResult, ShadowReport

_LONGEST = 200


def shadow(found: ShadowReport) -> str:
    """Return how the copies of what stands at staging agree with live answers."""
    if not found.copies:
        return section("Shadow", paragraph(f"{found.package}: {words.no_copies(found)}."))
    heads = ("Field", "Compared", "Rows", "Differ", "Share", "Mean", "Most", "In common")
    return section(
        "Shadow",
        paragraph(f"{found.package}: {words.agreed(found)}."),
        "".join(paragraph(f"{one}.") for one in words.remarks(found)),
        table(
            "Copies beside the answers that they copy: by how much they differ.",
            heads,
            [_field(one) for one in found.fields],
            {2, 3, 4, 5, 6, 7},
        ),
        table(
            "Some that differ.",
            ("Decision", "Field", "Answered", "Copy"),
            [_example(one) for one in found.examples],
        ),
    )


def _field(one: FieldResult) -> tuple[str, ...]:
    return (
        one.name,
        one.rule,
        f"{one.rows:,}",
        f"{one.differ:,}",
        f"{one.differ_share * 100:.3g} %",
        "" if one.mean_off is None else f"{one.mean_off:.3g}",
        "" if one.largest_off is None else f"{one.largest_off:.3g}",
        "" if one.overlap is None else f"{one.overlap * 100:.0f} %",
    )


def _example(one: Example) -> tuple[str, ...]:
    values = (one.expected, one.found)
    if one.expected is one.found is None:
        return one.decision, one.field, "personal data", "personal data"
    told = [json.dumps(value, ensure_ascii=False)[:_LONGEST] for value in values]
    return one.decision, one.field, *told


def metrics(of: RolloutReport, found: RouteMetrics, estimates: str = "") -> Iterator[str]:
    """Yield the sections of what is known of answers without any rollout, estimates within."""
    yield section("Model metrics", *(_metric(name, one) for name, one in _by_name(found.model)))
    yield estimates
    told = [one for one in found.business if one.whole.decisions]
    tables = (_units(found, told), *(_outcome(name, told) for name in words.happened(of, found)))
    if told and any(tables):
        soft = paragraph("Packages answered different units: this compares nothing.", "soft")
        yield section("What came of answers", soft, *tables)


def _by_name(series: Sequence[MetricSeries]) -> Iterator[tuple[str, list[MetricSeries]]]:
    for name in dict.fromkeys(one.metric.name for one in series):
        yield name, [one for one in series if one.metric.name == name]


def _metric(name: str, series: Sequence[MetricSeries]) -> str:
    lines = [
        Line(
            _package(one),
            [
                Spot(point.time, point.estimate.value, point.estimate.low, point.estimate.high)
                for point in one.points
            ],
            has_band=len(series) == 1,
        )
        for one in series
    ]
    rows = [(_package(one), *_whole(one)) for one in series]
    says = "; ".join(f"{row[0]} {row[1]}" for row in rows)
    plot = over_time(f"{name} over time", lines, says=says, write=words.short)
    numbers = table(
        f"{name} over time",
        ("Package", "Time", "Value", "Answers known"),
        [
            (_package(one), words.stamp(point.time), *_value(point.estimate.value, point.known))
            for one in series
            for point in one.points
        ],
        {2, 3},
    )
    heads = ("Package", "Value", "Between", "Known of", "Remark")
    of = series[0].metric
    caption = f"{name}: {of.measure} of {of.output}, held against {of.outcome}."
    return figure(plot, caption, numbers) + table(caption, heads, rows, {1})


def _package(one: MetricSeries) -> str:
    return f"{one.package} (shadow)" if one.is_shadow else one.package


def _whole(one: MetricSeries) -> tuple[str, ...]:
    whole = one.whole
    value, low, high = whole.estimate.value, whole.estimate.low, whole.estimate.high
    coverage = "" if whole.coverage is None else f" ({whole.coverage * 100:.3g} %)"
    return (
        "-" if value is None else words.short(value),
        "" if low is None or high is None else f"{words.short(low)} to {words.short(high)}",
        f"{whole.known:,} answers{coverage}",
        whole.note or "",
    )


def _value(value: float | None, known: int) -> tuple[str, str]:
    return "-" if value is None else words.short(value), f"{known:,}"


def _units(found: RouteMetrics, series: Sequence[BusinessSeries]) -> str:
    each = "day" if found.step_s >= 86_400 else "hour"
    says = f"Units that were answered, each {each}."
    return _business(says, series, lambda point: float(point.units), words.count)


def _outcome(name: str, series: Sequence[BusinessSeries]) -> str:
    def rate(point: BusinessPoint) -> float | None:
        happened = point.outcomes.get(name)
        return (happened.units if happened else 0) / point.units if point.units else None

    return _business(f"Part of the units with {name}.", series, rate, words.part)


def _business(
    says: str,
    series: Sequence[BusinessSeries],
    of: Callable[[BusinessPoint], float | None],
    write: Callable[[float], str],
) -> str:
    lines = [Line(one.package, [Spot(at.time, of(at)) for at in one.points]) for one in series]
    rows = []
    for one in series:
        for point in one.points:
            value = of(point)
            told = "-" if value is None else write(value)
            rows.append((one.package, words.stamp(point.time), told))
    numbers = table(says, ("Package", "Time", "Value"), rows, {2})
    return figure(over_time(says, lines, says="", write=write), says, numbers)
