from __future__ import annotations

import doctest
import itertools
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from ketch.cli import measured
from ketch.monitor.report import words
from ketch.monitor.report.page import scale
from ketch.monitor.report.page.drawing import LEFT, RIGHT, WIDTH
from ketch.monitor.report.page.intervals import Interval, intervals
from ketch.monitor.report.page.plots import Line, Spot, over_time

START = datetime(2026, 3, 3, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def spots(*values: float | None) -> list[Spot]:
    return [Spot(START + timedelta(days=at), value) for at, value in enumerate(values)]


def percent(value: float) -> str:
    return f"{value:.0%}"


def drawn(*lines: Line) -> ET.Element:
    return ET.fromstring(over_time("rates", lines, says="up", write=percent))


def heights(picture: ET.Element, kind: str) -> list[float]:
    found = (one for one in picture.iter(f"{SVG}text") if one.get("class") == kind)
    return [float(str(one.get("y"))) for one in found]


def test_what_is_more_lies_higher_and_what_is_later_to_the_right() -> None:
    [line] = drawn(Line("a", spots(0.1, 0.3, 0.2))).iter(f"{SVG}polyline")
    points = [tuple(map(float, one.split(","))) for one in str(line.get("points")).split()]
    across, down = zip(*points, strict=True)
    assert across == (LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT)
    assert down[1] < down[2] < down[0]


def test_names_of_lines_that_end_at_one_place_stand_apart_and_on_the_paper() -> None:
    picture = drawn(*(Line(name, spots(0.0, 0.001 * at)) for at, name in enumerate("abc")))
    names = sorted(heights(picture, "value"))
    assert all(b - a >= 30 for a, b in itertools.pairwise(names))
    assert max(names) < float(str(picture.get("viewBox")).split()[3]) - 15


def test_what_was_not_known_at_the_beginning_leaves_room_for_what_is_known_now() -> None:
    early = Spot(START, 0.5, -1.0, None)
    late = Spot(START + timedelta(days=9), 0.01, -0.05, 0.07)
    between = Spot(START + timedelta(days=5), 0.02, -9.0, 9.0)
    picture = drawn(Line("lift", [early, between, late], has_band=True))
    said = {one.text for one in picture.iter(f"{SVG}text")}
    assert "900%" not in said
    assert "0%" in said


def test_nothing_is_drawn_of_one_value() -> None:
    assert over_time("rates", [Line("a", spots(0.1, None))], says="", write=percent) == ""
    assert intervals("lifts", [Interval("a", None, -1, None)], says="", write=percent) == ""


def test_an_interval_without_an_end_has_no_mark_where_it_would_end() -> None:
    open_, closed = Interval("a", 0.1, None, 0.2), Interval("b", 0.1, 0.0, 0.2)
    marks = []
    for one in (open_, closed):
        text = intervals("lifts", [one], says="", write=percent)
        picture = ET.fromstring(text)
        marks.append(sum(line.get("class") == "whisker" for line in picture.iter(f"{SVG}line")))
    assert marks == [2, 3]


@pytest.mark.parametrize("module", [scale, words, measured])
def test_examples_in_docstrings_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
