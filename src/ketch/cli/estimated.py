"""Model metrics before outcomes come, on the screen of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.cli.fit import folded
from ketch.cli.measured import bars
from ketch.cli.tables import table
from ketch.cli.text import counted
from ketch.monitor.estimates import EstimateSeries
from ketch.monitor.report import words
from ketch.schema.problems import escaped

_MOST_BARS = 14


def estimates_lines(estimates: Sequence[EstimateSeries]) -> Iterator[str]:
    """Yield what is expected of answers whose outcomes may still come, and what became of it."""
    shown = [one for one in estimates if one.whole is not None or one.checked]
    if not shown:
        return
    yield "\nestimated, of answers whose outcomes may still come"
    heads = ("metric", "package", "estimate", "between", "of", "checked", "over time")
    yield table([heads, *map(_row, shown)], right=(2,), indent=2)
    for one in shown:
        if one.note is not None:
            says = f"{one.metric.name} of {words.answerer(one.package, one.is_shadow)}: {one.note}"
            yield from folded(escaped(f"  {says}"), indent=4)


def _row(one: EstimateSeries) -> tuple[str, ...]:
    whole = one.whole
    return (
        one.metric.name,
        words.answerer(one.package, one.is_shadow),
        "-" if whole is None or whole.value is None else f"{whole.value:.4g}",
        "" if whole is None else words.within(whole.low, whole.high),
        "" if whole is None else counted(whole.answers, "answer"),
        words.held(one),
        bars([point.value for point in one.points[-_MOST_BARS:]]),
    )
