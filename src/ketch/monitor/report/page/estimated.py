"""Model metrics before outcomes come, on the page: beside what was realised, where it is known."""

from __future__ import annotations

from collections.abc import Sequence

from ketch.monitor.estimates import EstimatePoint, EstimateSeries
from ketch.monitor.report import words
from ketch.monitor.report.page.markup import figure, paragraph, section, table
from ketch.monitor.report.page.plots import Line, Spot, over_time

_LEARNED = (
    "Each estimate is made of what was known at the end of its time. It follows answers that "
    "differ from earlier ones; that an answer has come to mean something else shows when outcomes "
    "arrive."
)


def section_of(estimates: Sequence[EstimateSeries]) -> str:
    """Return what is expected of answers whose outcomes may still come; nothing of nothing."""
    shown = [one for one in estimates if one.whole is not None or one.checked]
    if not shown:
        return ""
    heads = ("Metric", "Package", "Estimate", "Between", "Of", "Checked", "Remark")
    caption = "Estimates of answers whose outcomes may still come."
    return section(
        "Estimated",
        paragraph(_LEARNED, "soft"),
        table(caption, heads, [_row(one) for one in shown], {2}),
        *(_over_time(one) for one in shown),
    )


def _row(one: EstimateSeries) -> tuple[str, ...]:
    whole = one.whole
    return (
        one.metric.name,
        words.answerer(one.package, one.is_shadow),
        "-" if whole is None or whole.value is None else words.short(whole.value),
        "" if whole is None else words.within(whole.low, whole.high),
        "" if whole is None else f"{whole.answers:,} answers",
        words.held(one),
        one.note or "",
    )


def _over_time(one: EstimateSeries) -> str:
    title = f"{one.metric.name} of {words.answerer(one.package, one.is_shadow)}"
    expected = [Spot(at.time, at.value, at.low, at.high) for at in one.points]
    known = [Spot(at.time, None if at.realised is None else at.realised.value) for at in one.points]
    lines = [Line("estimated", expected, has_band=True), Line("realised", known)]
    says = f"{title}: estimated, and what was realised."
    heads = ("Time", "Estimated", "Between", "Realised", "Where expected")
    numbers = table(says, heads, [_numbers(at) for at in one.points], {1, 3})
    return figure(over_time(title, lines, says=says, write=words.short), says, numbers)


def _numbers(at: EstimatePoint) -> tuple[str, ...]:
    known = at.realised
    return (
        words.stamp(at.time),
        "-" if at.value is None else words.short(at.value),
        words.within(at.low, at.high),
        "" if known is None else words.short(known.value),
        "" if known is None else "yes" if known.is_held else "no",
    )
