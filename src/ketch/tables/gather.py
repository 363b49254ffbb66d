"""Gathers what a column holds, block by block; one class for each kind of column."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from ketch.tables.frequent import Frequent, Plain
from ketch.tables.profile import ColumnProfile
from ketch.tables.sketch import DistinctSketch, QuantileSketch
from ketch.tables.times import is_time, time_text


def gatherer_of(name: str, arrow: str) -> Gatherer:
    """Return what gathers a column of this type; of lists, what gathers the items."""
    item = arrow
    while item.startswith("list<"):
        item = item[len("list<") : -1]
    if item.startswith(("struct<", "map<")):
        return Gatherer(name, arrow, item)
    if item.startswith(("int", "uint")):
        return _Integers(name, arrow, item)
    if item.startswith(("float", "decimal128(")):
        return _Floats(name, arrow, item)
    return (_Times if is_time(item) else _Values)(name, arrow, item)


class Gatherer:
    """Counts values, and nothing more: of structs and maps.

    ``smallest`` and ``largest`` are in counted form, and ``None`` where there is no order.
    ``values`` are all of them with their counts, ``None`` where they are too many.
    """

    values: Frequent | None = None

    def __init__(self, name: str, arrow: str, item: str) -> None:
        self.name = name
        self.arrow = arrow
        self.item = item
        self.nulls = 0
        self.count = 0
        self.smallest: int | None = None
        self.largest: int | None = None

    def add(self, cells: Sequence[object]) -> None:
        """Add the next cells, in counted form."""
        values = cells if self.item is self.arrow else list(_items(cells))
        present = [value for value in values if value is not None]
        self.nulls += len(values) - len(present)
        if present:
            self._take(present)

    def finish(self) -> ColumnProfile:
        """Return what was gathered."""
        return ColumnProfile(self.name, self.arrow, self.nulls, count=self.count)

    def _take(self, present: list[object]) -> None:
        self.count += len(present)


class _Times(Gatherer):
    """Days and instants: their range, and how many different ones."""

    def __init__(self, name: str, arrow: str, item: str) -> None:
        super().__init__(name, arrow, item)
        self.distinct = DistinctSketch()

    def _take(self, present: list[object]) -> None:
        times = cast("list[int]", present)
        self.count += len(times)
        self.smallest = min(times if self.smallest is None else (self.smallest, *times))
        self.largest = max(times if self.largest is None else (self.largest, *times))
        self.distinct.add(dict.fromkeys(times))

    def finish(self) -> ColumnProfile:
        ends = (self.smallest, self.largest)
        shown = [None if end is None else time_text(end, self.item) for end in ends]
        return ColumnProfile(
            name=self.name,
            type=self.arrow,
            nulls=self.nulls,
            count=self.count,
            min=shown[0],
            max=shown[1],
            distinct=self.distinct.estimate,
            distinct_sketch=self.distinct.to_bytes(),
        )


class _Values(Gatherer):
    """Texts, truth values and the rest: which ones, how often."""

    def __init__(self, name: str, arrow: str, item: str) -> None:
        super().__init__(name, arrow, item)
        self.distinct = DistinctSketch()
        self.values = Frequent({})

    def _take(self, present: list[object]) -> None:
        values = cast("list[Plain]", present)
        self.count += len(values)
        if self.values is None:
            self.distinct.add(values)
            return
        counts = Counter(values)  # in the order they first came, whatever the hash seed
        self.distinct.add(counts)
        self.values = self.values.add(counts)

    @property
    def frequent(self) -> Frequent | None:
        """The values, if they are kinds rather than persons."""
        return self.values if self.values and self.values.repeats else None

    def finish(self) -> ColumnProfile:
        return ColumnProfile(
            name=self.name,
            type=self.arrow,
            nulls=self.nulls,
            count=self.count,
            distinct=self.distinct.estimate,
            distinct_sketch=self.distinct.to_bytes(),
            frequent=self.frequent,
        )


class _Numbers(_Values):
    """Numbers: also their range, sum and quantiles."""

    def __init__(self, name: str, arrow: str, item: str) -> None:
        super().__init__(name, arrow, item)
        self.not_finite = 0
        self.ends: tuple[int | float, ...] = ()
        self.total: int | float = 0
        self.quantiles = QuantileSketch()

    def _take_numbers(self, numbers: list[int] | list[float]) -> None:
        if numbers:
            self.ends = min((*self.ends, min(numbers))), max((*self.ends, max(numbers)))
            self.quantiles.add(numbers)
            super()._take(cast("list[object]", numbers))

    def finish(self) -> ColumnProfile:
        return ColumnProfile(
            name=self.name,
            type=self.arrow,
            nulls=self.nulls,
            not_finite=self.not_finite,
            count=self.count,
            min=self.ends[0] if self.ends else None,
            max=self.ends[1] if self.ends else None,
            total=self.total if math.isfinite(self.total) else None,
            distinct=self.distinct.estimate,
            distinct_sketch=self.distinct.to_bytes(),
            quantile_sketch=self.quantiles.to_bytes(),
            frequent=self.frequent,
        )


class _Integers(_Numbers):
    """Integers, summed exactly."""

    def _take(self, present: list[object]) -> None:
        numbers = cast("list[int]", present)
        self.total += sum(numbers)
        self._take_numbers(numbers)


class _Floats(_Numbers):
    """Floats, and decimals as the nearest float; each block is summed exactly."""

    def _take(self, present: list[object]) -> None:
        numbers = list(map(float, cast("list[float | str]", present)))
        all_finite = all(map(math.isfinite, numbers))
        finite = numbers if all_finite else [one for one in numbers if math.isfinite(one)]
        self.not_finite += len(numbers) - len(finite)
        self.total += _sum(finite)
        self._take_numbers(finite)


def _sum(numbers: Sequence[float]) -> float:
    try:
        return math.fsum(numbers)
    except OverflowError:
        return math.inf  # no total then, and no mean


def _items(cells: Iterable[object]) -> Iterator[object]:
    for cell in cells:
        if isinstance(cell, list):
            yield from _items(cell)
        else:
            yield cell
