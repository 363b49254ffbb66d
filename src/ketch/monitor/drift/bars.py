"""Two distributions side by side, bin by bin or value by value."""

from __future__ import annotations

from collections.abc import Iterator

from ketch.monitor.drift.measures.told import percent
from ketch.monitor.drift.value import Bars
from ketch.monitor.report.page.drawing import TOP, WIDTH, drawing, stroke, text

LEFT, ROOM = 190.0, 90.0
ROW = 34.0
THICK = 11.0
LEGEND = 26.0


def side_by_side(title: str, bars: Bars, *, says: str) -> str:
    """Return shares as pairs of bars, each with its number; nothing where there are none.

    Args:
        title: What is shown.
        bars: The shares.
        says: The same in a sentence.
    """
    most = max((*bars.reference, *bars.live), default=0.0)
    if most <= 0:
        return ""
    height = TOP + LEGEND + ROW * len(bars.names) + 6
    parts = [*_legend(), *_axis(height)]
    for row, name in enumerate(bars.names):
        top = TOP + LEGEND + ROW * row
        parts.append(text((LEFT - 10, top + 15), name, "end", "name"))
        parts += _bar("was", top, bars.reference[row], most)
        parts += _bar("now", top + THICK + 2, bars.live[row], most)
    return drawing(title, says, height, parts)


def _legend() -> Iterator[str]:
    for kind, x, name in (("was", LEFT, "reference"), ("now", LEFT + 110, "live")):
        yield _box(kind, x, TOP, 16)
        yield text((x + 22, TOP + 10), name, "start")


def _axis(height: float) -> Iterator[str]:
    yield stroke("zero", (LEFT, TOP + LEGEND - 4), (LEFT, height - 4))


def _bar(kind: str, y: float, share: float, most: float) -> Iterator[str]:
    long = share / most * (WIDTH - LEFT - ROOM)
    yield _box(kind, LEFT, y, long)
    yield text((LEFT + long + 6, y + 9), percent(share), "start")


def _box(kind: str, x: float, y: float, width: float) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{THICK:.0f}"'
    return f'<rect class="{kind}" {place}/>'
