"""What plots are drawn with: a sheet of paper, strokes and text, as SVG.

Colours come from the page, light or dark; what is drawn has classes, and no styles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ketch.monitor.report.page import markup

WIDTH = 720
LEFT, RIGHT, TOP, BOTTOM = 62, 190, 12, 30

Write = Callable[[float], str]
"""How a value is written."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where numbers lie on the paper.

    Attributes:
        left, right: What the horizontal axis covers.
        low, high: What the vertical one covers.
        height: Of the paper.
    """

    left: float
    right: float
    low: float = 0.0
    high: float = 1.0
    height: float = 250.0

    @property
    def foot(self) -> float:
        """Where the horizontal axis lies."""
        return self.height - BOTTOM

    def x(self, at: float) -> float:
        """Return where a number lies from left to right; outside, the edge."""
        part = (at - self.left) / (self.right - self.left) if self.right > self.left else 0.5
        return LEFT + min(max(part, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return where a number lies from top to bottom; outside, the edge."""
        part = (value - self.low) / (self.high - self.low)
        return self.foot - min(max(part, 0.0), 1.0) * (self.foot - TOP)


def covered(values: Sequence[float], ends: Iterable[float]) -> tuple[float, float]:
    """Return what an axis covers: all values with some room, and zero where it is near.

    Args:
        values: All of them are covered; there is at least one.
        ends: Of intervals around them; those far away are not.
    """
    low, high = min(values), max(values)
    far = 4 * max(high - low, abs(low), abs(high), 1e-9)
    near = [one for one in ends if low - far <= one <= high + far]
    low, high = min([low, *near]), max([high, *near])
    room = max(high - low, abs(high) / 10, 1e-9)
    if low > 0 and low < room * 2:
        low = 0.0
    if high < 0 and -high < room * 2:
        high = 0.0
    edge = 0.06 * max(high - low, room)
    return (low - edge if low else low), (high + edge if high else high)


def stroke(kind: str, first: tuple[float, float], last: tuple[float, float]) -> str:
    """Return a straight line; ``kind`` is what the page calls it."""
    (x1, y1), (x2, y2) = first, last
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text(place: tuple[float, float], says: str, anchor: str, kind: str = "label") -> str:
    """Return a word whose start, middle or end lies at a place."""
    x, y = place
    said = markup.text(says)
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'


def drawing(title: str, says: str, height: float, parts: Iterable[str]) -> str:
    """Return a picture, with its title and a sentence for those who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-label="{markup.text(f"{title}. {says}".strip())}">{"".join(parts)}</svg>'
    )
