"""Lines over time, with the band that they are sure to be within.

Lines carry their names and differ in their dashes, so that nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ketch.monitor.report.page.drawing import (
    LEFT,
    RIGHT,
    WIDTH,
    Sheet,
    Write,
    covered,
    drawing,
    stroke,
    text,
)
from ketch.monitor.report.page.scale import moments, ticks, told

MOST_LINES = 4
"""More cannot be told apart."""

_NAMES_APART = 34.0
_LONGEST_NAME = 24


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of a line.

    Attributes:
        at: When.
        value: What; None where nothing is known.
        low, high: What it lies between; None for no end.
    """

    at: datetime
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Something over time.

    Attributes:
        name: As people read it.
        spots: In the order of time.
        has_band: Whether its spots lie between two ends.
    """

    name: str
    spots: Sequence[Spot]
    has_band: bool = False


def over_time(title: str, lines: Sequence[Line], *, says: str, write: Write) -> str:
    """Return lines as a picture; nothing where no line has two values.

    Args:
        title: What is shown.
        lines: The first four that have two values.
        says: The same in a sentence.
        write: How a value is written.
    """
    drawn = [one for one in lines if sum(spot.value is not None for spot in one.spots) > 1]
    drawn = drawn[:MOST_LINES]
    if not drawn:
        return ""
    sheet = _sheet(drawn)
    parts = [*_grid(sheet, write), *_axis(sheet)]
    parts += [_band(sheet, one) for one in drawn if one.has_band]
    parts += [_path(sheet, one, place) for place, one in enumerate(drawn)]
    parts += _names(sheet, drawn, write)
    return drawing(title, says, sheet.height, parts)


def _sheet(lines: Sequence[Line]) -> Sheet:
    spots = [spot for line in lines for spot in line.spots]
    times = [spot.at.timestamp() for spot in spots]
    values = [spot.value for spot in spots if spot.value is not None]
    # The ends of the beginning, when little was known, would leave no room for what is known.
    last = [line.spots[-1] for line in lines if line.has_band]
    ends = [end for spot in last for end in (spot.low, spot.high) if end is not None]
    zero = [0.0] if last else []
    return Sheet(min(times), max(times), *covered([*values, *zero], ends))


def _grid(sheet: Sheet, write: Write) -> Iterator[str]:
    for at in ticks(sheet.low, sheet.high):
        y = sheet.y(at)
        yield stroke("zero" if at == 0 else "grid", (LEFT, y), (WIDTH - RIGHT, y))
        yield text((LEFT - 8, y + 4), write(at), "end")


def _axis(sheet: Sheet) -> Iterator[str]:
    low, high = (datetime.fromtimestamp(one, UTC) for one in (sheet.left, sheet.right))
    found = moments(low, high)
    for at in found:
        x = sheet.x(at.timestamp())
        yield stroke("grid", (x, sheet.foot), (x, sheet.foot + 4))
        yield text((x, sheet.height - 8), told(at, found), "middle")


def _band(sheet: Sheet, line: Line) -> str:
    top = [_at(sheet, one, sheet.high if one.high is None else one.high) for one in line.spots]
    foot = [_at(sheet, one, sheet.low if one.low is None else one.low) for one in line.spots]
    return f'<polygon class="band" points="{" ".join([*top, *foot[::-1]])}"/>'


def _path(sheet: Sheet, line: Line, place: int) -> str:
    known = [(spot, spot.value) for spot in line.spots if spot.value is not None]
    points = " ".join(_at(sheet, spot, value) for spot, value in known)
    return f'<polyline class="line line-{place}" points="{points}"/>'


def _at(sheet: Sheet, spot: Spot, value: float) -> str:
    return f"{sheet.x(spot.at.timestamp()):.1f},{sheet.y(value):.1f}"


def _names(sheet: Sheet, lines: Sequence[Line], write: Write) -> Iterator[str]:
    """Yield the names of lines at their ends, far enough apart to be read."""
    ends = []
    for place, line in enumerate(lines):
        known = (spot.value for spot in reversed(line.spots) if spot.value is not None)
        value = next(known)
        ends.append((sheet.y(value), place, write(value)))
    ends.sort()
    x = WIDTH - RIGHT
    for y, (_, place, value_told) in zip(_apart(sheet, ends), ends, strict=True):
        yield stroke(f"line line-{place}", (x + 4, y), (x + 22, y))
        yield text((x + 28, y + 4), value_told, "start", "value")
        yield text((x + 28, y + 19), _short(lines[place].name), "start")


def _apart(sheet: Sheet, ends: Sequence[tuple[float, int, str]]) -> list[float]:
    """Return where names stand that have room below each other, and on the paper."""
    places: list[float] = []
    for at, *_ in ends:
        places.append(max(at, places[-1] + _NAMES_APART) if places else at)
    last = sheet.height - _NAMES_APART / 2
    for index in reversed(range(len(places))):
        last = places[index] = min(places[index], last)
        last -= _NAMES_APART
    return places


def _short(name: str) -> str:
    """Return a name that fits; of a long one both ends, which tell versions apart."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half + 1 :]}"
