"""Numbers of a comparison, and its tables, as people read them on the screen and on a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from ketch.compare.explain.sentence import percent
from ketch.compare.trial.differing import Differences
from ketch.compare.trial.slicing import Sliced
from ketch.compare.trial.timing import Latency
from ketch.compare.trial.trial import Measured, Trial
from ketch.monitor.metrics.measures import Estimate

Line: TypeAlias = Sequence[str]

NONE = "-"
_VALUE = 24
_FIELDS = 12


def number(value: float | None) -> str:
    """Return a number in four digits.

    >>> number(0.123456), number(-12345.6), number(None)
    ('0.1235', '-12,346', '-')
    """
    if value is None:
        return NONE
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def signed(value: float | None) -> str:
    """Return a difference: ``signed(2.0) == "+2"``."""
    return f"+{number(value)}" if value is not None and value > 0 else number(value)


def between(one: Estimate) -> str:
    """Return an interval, or that there is none."""
    return NONE if one.low is None else f"{number(one.low)} to {number(one.high)}"


def milliseconds(value: float) -> str:
    """Return a time: ``milliseconds(0.25) == "0.25 ms"``."""
    return f"{value:.2f} ms" if value < 100 else f"{value / 1e3:.2f} s"


def megabytes(count: int) -> str:
    """Return how much memory something holds."""
    return f"{count / 1e6:.1f} MB" if count else NONE


def metrics(found: Trial) -> list[Line]:
    """Return a line for each metric of each package, under their heads."""
    heads = ("metric", "package", "value", "between", f"beside {found.names[0]}", "between", "")
    return [heads, *(line for one in found.metrics for line in _of_metric(found, one))]


def _of_metric(found: Trial, metric: Measured) -> Iterator[Line]:
    for at, name in enumerate(found.names):
        value, apart = metric.values[at], metric.differences[at]
        beside = (signed(apart.value), between(apart), metric.says[at]) if at else ("", "", "")
        yield (metric.wanted.name, name, number(value.value), between(value), *beside)


def costs(found: Trial) -> list[Line]:
    """Return a line for each package: what it answered, how long it took, what it held."""
    batch = f"{max(one.batch_rows for one in found.ran)} rows"
    heads = ("package", "answered", "one row", "p95", "ratio", batch, "ratio", "memory")
    return [
        heads,
        *(
            (
                one.name,
                f"{one.answered:,} of {found.rows:,}",
                *_times(one.row),
                *_times(one.batch)[::2],
                megabytes(one.memory_bytes),
            )
            for one in found.ran
        ),
    ]


def same(apart: Differences) -> str:
    """Return in how many rows answers are the same, where none differs."""
    count = len(apart.compared)
    return f"the same in {_rows(count)}" if count else "there is no row to compare them by"


def outputs(apart: Differences) -> list[Line]:
    """Return a line for each output that differs, those of most rows first."""
    heads = ("output", "rows that differ", "", "mean off", "most off", "at", "")
    compared = len(apart.compared)
    return [
        heads,
        *(
            (
                one.field,
                f"{one.rows:,} of {compared:,}",
                percent(one.rows / compared),
                number(one.mean),
                number(one.most),
                one.at or NONE,
                "" if one.is_personal else f"{_value(one.expected)} → {_value(one.found)}",
            )
            for one in apart.fields[:_FIELDS]
            if one.rows
        ),
    ]


def slices(head: str, found: Sequence[Sliced]) -> list[Line]:
    """Return a line for each slice, under a name for all of them."""
    named = list(found[0].metrics) if found else []
    heads = (head, "rows", "differ", "moved", *(f"{one}, more" for one in named), "")
    return [
        heads,
        *(
            (
                f"{one.slice.field} = {one.slice.says}",
                f"{one.compared:,}",
                percent(one.differing / one.compared),
                percent(one.moved.value or 0.0),
                *(_with_ends(one.metrics[name]) for name in named),
                "few rows" if one.is_small else "",
            )
            for one in found
        ),
    ]


def remarks(found: Trial) -> Iterator[str]:
    """Yield what has to be known of the numbers: rows that are not among them, and why."""
    for metric in found.metrics:
        name, rows = metric.wanted.name, _rows(metric.values[0].n)
        if metric.values[0].n < found.rows:
            known = f"of {metric.known:,} of {found.rows:,} it is known what was right"
            yield f"{name} is of {rows}: {known}"
        for package, unread in zip(found.names, metric.unread, strict=True):
            for why, count in unread.items():
                yield f"! {name} of {package}: {_rows(count)} not read: {why}"
    for one in found.ran:
        for failure in one.failures:
            at = f" (at `{failure.where}`)" if failure.where else ""
            rows = f"{_rows(failure.rows)}, such as {failure.at}"
            yield f"! {one.name} does not answer {rows}: {failure.message}{at}"
        if one.unsteady:
            rows = _rows(one.unsteady)
            yield f"! {one.name} answers {rows} otherwise each time; they are not compared"


def asked(found: Trial) -> str:
    """Return how many rows were asked."""
    said = f"{_rows(found.rows)} asked"
    if found.left_out:
        said += f"; {found.left_out:,} left out, which a schema refuses"
        said += f", such as {found.refused}" if found.refused else ""
    return said


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _times(one: Latency | None) -> tuple[str, str, str]:
    if one is None:
        return "", "", ""
    return milliseconds(one.median_ms), milliseconds(one.p95_ms), f"{one.ratio:.2f}"


def _with_ends(one: Estimate) -> str:
    return NONE if one.value is None else f"{signed(one.value)} ({between(one)})"


def _value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"
