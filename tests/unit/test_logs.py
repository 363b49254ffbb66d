"""The log of what serves others."""

from __future__ import annotations

import json
import logging

from ketch.errors import Unavailable
from ketch.logs import LONGEST, LONGEST_TRACE, Lines, told, trace_of


def line(record: logging.LogRecord) -> dict[str, object]:
    said = json.loads(Lines().format(record))
    assert isinstance(said, dict)
    return said


class Caught(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(line(record))


def said(*, trace: str = "", **facts: object) -> dict[str, object]:
    caught, log = Caught(), logging.getLogger("ketch")
    log.addHandler(caught)
    try:
        told("it happened", level=logging.ERROR, trace=trace, **facts)
    finally:
        log.removeHandler(caught)
    return caught.lines[0]


def test_facts_are_short_and_of_a_traceback_the_end_is_kept_where_the_error_stands() -> None:
    found = said(trace="begin" + "x" * 9_000 + "ValueError: the end", why="y" * 9_000)

    assert found["why"] == "y" * LONGEST
    assert str(found["traceback"]).endswith("ValueError: the end")
    assert len(str(found["traceback"])) == LONGEST_TRACE


def test_only_a_fault_of_ours_has_a_traceback() -> None:
    assert "nothing to divide by" in trace_of(ZeroDivisionError("nothing to divide by"))
    assert trace_of(Unavailable("away", code="registry/unavailable")) == ""
    assert trace_of(OSError(28, "No space left on device")) == ""
    assert "traceback" not in said(why="well")
