"""Intervals side by side, around a zero that is marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ketch.monitor.report.page.drawing import (
    BOTTOM,
    RIGHT,
    TOP,
    WIDTH,
    Sheet,
    Write,
    covered,
    drawing,
    stroke,
    text,
)
from ketch.monitor.report.page.scale import ticks

ROW = 34.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A best guess, and what it lies between.

    Attributes:
        name: As people read it.
        value: The best guess; None where there is none.
        low, high: What it lies between; None for no end.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None


def intervals(title: str, rows: Sequence[Interval], *, says: str, write: Write) -> str:
    """Return intervals as a picture; nothing where there is no value.

    Args:
        title: What is shown.
        rows: One below the other.
        says: The same in a sentence.
        write: How a value is written.
    """
    values = [row.value for row in rows if row.value is not None]
    if not values:
        return ""
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    left, right = covered([0.0, *values], ends)
    sheet = Sheet(left, right, height=TOP + BOTTOM + ROW * len(rows))
    parts = [part for at in ticks(left, right, 6) for part in _tick(sheet, at, write)]
    for index, row in enumerate(rows):
        parts += _row(sheet, row, TOP + ROW * (index + 0.5))
    return drawing(title, says, sheet.height, parts)


def _tick(sheet: Sheet, at: float, write: Write) -> Iterator[str]:
    x = sheet.x(at)
    yield stroke("zero" if at == 0 else "grid", (x, TOP), (x, sheet.foot))
    yield text((x, sheet.height - 10), write(at), "middle")


def _row(sheet: Sheet, row: Interval, y: float) -> Iterator[str]:
    low = sheet.left if row.low is None else row.low
    high = sheet.right if row.high is None else row.high
    yield stroke("whisker", (sheet.x(low), y), (sheet.x(high), y))
    for end in (row.low, row.high):
        if end is not None and sheet.left <= end <= sheet.right:
            yield stroke("whisker", (sheet.x(end), y - 5), (sheet.x(end), y + 5))
    if row.value is not None:
        yield f'<circle class="dot" cx="{sheet.x(row.value):.1f}" cy="{y:.1f}" r="5"/>'
    yield text((WIDTH - RIGHT + 14, y + 4), row.name, "start", "name")
