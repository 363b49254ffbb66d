"""What a value in JSON form is, and what gathers such values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ketch.monitor.decisions.keyed import MARK
from ketch.tables.gather import Gatherer, gatherer_of
from ketch.tables.profile import ColumnProfile
from ketch.tables.sketch import DistinctSketch
from ketch.tables.times import time_text

NUMBER = "float64"
TEXT = "string"
TIME = "timestamp[us, UTC]"
TRUTH = "bool"
STRUCT = "struct"
KEYED = "keyed"
"""Personal data: the log has a hash in its place."""

_OF_TYPE = {int: NUMBER, float: NUMBER, bool: TRUTH, dict: STRUCT}
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def by_kind(values: Sequence[Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield values that are neither null nor lists, those of each kind together."""
    types = set(map(type, values))
    if str in types:
        texts = [one for one in values if type(one) is str] if len(types) > 1 else values
        yield _kind_of_texts(texts), texts
    for kind in sorted({_OF_TYPE[one] for one in types if one is not str}):
        of = [one for one in types if one is not str and _OF_TYPE[one] == kind]
        yield kind, values if len(of) == len(types) else [v for v in values if type(v) in of]


def new_gatherer(name: str, kind: str) -> Gatherer:
    """Return what gathers the values of a kind."""
    if kind == NUMBER:
        return gatherer_of(name, NUMBER)
    if kind == TIME:
        return _Times(name, TIME, TIME)
    return Gatherer(name, kind, kind) if kind in (STRUCT, KEYED) else gatherer_of(name, kind)


def _kind_of_texts(texts: Sequence[str]) -> str:
    """Return what texts are: times or hashes are all of them, or none."""
    first = texts[0]
    if MARK.fullmatch(first) and all(map(MARK.fullmatch, texts)):
        return KEYED
    if _TIME.fullmatch(first) and all(map(_is_time, dict.fromkeys(texts))):
        return TIME
    return TEXT


def _is_time(text: str) -> bool:
    try:
        return _TIME.fullmatch(text) is not None and _counted(text) is not None
    except (ValueError, OverflowError):
        return False


class _Times(Gatherer):
    """Times in ISO 8601: their range, and how many different texts of them."""

    def __init__(self, name: str, arrow: str, item: str) -> None:
        super().__init__(name, arrow, item)
        self.distinct = DistinctSketch()

    def _take(self, present: list[Any]) -> None:
        self.count += len(present)
        texts = dict.fromkeys(present)
        times = [_counted(one) for one in texts]
        self.smallest = min(times if self.smallest is None else (self.smallest, *times))
        self.largest = max(times if self.largest is None else (self.largest, *times))
        self.distinct.add(texts)

    def finish(self) -> ColumnProfile:
        ends = (self.smallest, self.largest)
        first, last = (None if end is None else time_text(end, TIME) for end in ends)
        return ColumnProfile(
            name=self.name,
            type=TIME,
            count=self.count,
            min=first,
            max=last,
            distinct=self.distinct.estimate,
            distinct_sketch=self.distinct.to_bytes(),
        )


def _counted(text: str) -> int:
    """Return a time as microseconds since 1970; one without zone counts as UTC."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND
