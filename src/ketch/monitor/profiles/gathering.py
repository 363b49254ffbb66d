"""Gathers the rows of one package and one time, field by field, in bounded memory.

What a field is, its values say: nothing of a package is opened. Of each block of rows the
numbers, texts, times, truth values and keyed hashes of a field go to what gathers such; in
the end the field is what most of its values are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain
from typing import Any, TypeAlias

from ketch.monitor.profiles.adding import absent, both
from ketch.monitor.profiles.kinds import KEYED, NUMBER, STRUCT, TEXT, by_kind, new_gatherer
from ketch.monitor.profiles.window import FieldProfile, Side
from ketch.tables.frequent import Frequent
from ketch.tables.gather import Gatherer, gatherer_of
from ketch.tables.profile import ColumnProfile

MOST_FIELDS = 512
"""Of inputs, and of outputs: names beyond these are counted, and nothing else."""

Row: TypeAlias = Mapping[str, Any]


class Fields:
    """Gathers the fields of one side, block by block.

    Attributes:
        left_out: How many names there was no room for.
    """

    def __init__(self, side: Side) -> None:
        self._side = side
        self._fields: dict[str, _Field] = {}
        self._rows: dict[str, int] = {}  # or structs, by where they are
        self._left: set[str] = set()
        self.left_out = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Add a block of rows."""
        self._members("", rows)
        self.left_out = max(self.left_out, len(self._left))
        self._left.clear()

    def finish(self) -> tuple[FieldProfile, ...]:
        """Return what was gathered, by name."""
        return tuple(
            field.finish(self._side, self._rows[field.inside])
            for _, field in sorted(self._fields.items())
        )

    def _members(self, inside: str, rows: Sequence[Row]) -> None:
        """Add what is in rows, or in structs."""
        self._rows[inside] = self._rows.get(inside, 0) + len(rows)
        names: set[str] = set().union(*rows)
        for name in sorted(names):
            field = self._field(f"{inside}{name}", inside)
            if field and (structs := field.add([row.get(name) for row in rows])):
                self._members(f"{field.name}.", structs)

    def _field(self, name: str, inside: str) -> _Field | None:
        if name not in self._fields:
            if len(self._fields) >= MOST_FIELDS:
                self._left.add(name)
                return None
            self._fields[name] = _Field(name, inside)
        return self._fields[name]


class _Field:
    """Gathers one field.

    Attributes:
        name: Its name.
        inside: Where it is a member.
    """

    def __init__(self, name: str, inside: str) -> None:
        self.name = name
        self.inside = inside
        self._present = 0
        self._nulls = 0  # among the items of lists
        self._is_list = False
        self._is_whole = True
        self._parts: dict[str, Gatherer] = {}
        self._lengths = gatherer_of(name, "int64")

    def add(self, values: Sequence[Any]) -> Sequence[Row]:
        """Add values; return the structs among them."""
        present = [value for value in values if value is not None]
        self._present += len(present)
        if list in set(map(type, present)):
            present = self._items(present)
        structs: Sequence[Row] = ()
        for kind, some in by_kind(present):
            self._part(kind).add(self._numbers(some) if kind == NUMBER else some)
            if kind == TEXT and not self._is_list:
                self._lengths.add(list(map(len, some)))
            if kind == STRUCT:
                structs = some
        return structs

    def finish(self, side: Side, rows: int) -> FieldProfile:
        """Return what was gathered of so many rows, or structs."""
        missing = rows - self._present
        parts = [self._finished(kind, part, side) for kind, part in sorted(self._parts.items())]
        nothing = absent(FieldProfile(side, self.name, 0, 0, ColumnProfile(self.name, "null")), 0)
        found = reduce(both, parts, nothing)
        column = found.column
        if self._is_list:
            column = replace(column, type=f"list<{column.type}>", nulls=self._nulls)
        else:
            column = replace(column, nulls=missing)
        lengths = self._lengths.finish() if self._lengths.count else None
        return replace(found, rows=rows, missing=missing, column=column, lengths=lengths)

    def _items(self, present: Sequence[Any]) -> list[Any]:
        if not self._is_list:
            self._is_list, self._lengths = True, gatherer_of(self.name, "int64")
        self._lengths.add([len(value) for value in present if type(value) is list])
        items = _flat(present)
        found = [item for item in items if item is not None]
        self._nulls += len(items) - len(found)
        return found

    def _part(self, kind: str) -> Gatherer:
        if kind not in self._parts:
            self._parts[kind] = new_gatherer(self.name, kind)
        return self._parts[kind]

    def _numbers(self, numbers: Sequence[int | float]) -> Sequence[float]:
        if float in set(map(type, numbers)):
            self._is_whole = False
        try:
            return list(map(float, numbers))
        except OverflowError:
            return [_nearest(number) for number in numbers]

    def _finished(self, kind: str, part: Gatherer, side: Side) -> FieldProfile:
        column = replace(part.finish(), nulls=0)
        values = part.values
        if kind == NUMBER and self._is_whole:
            column, values = _whole(column), _whole_values(values)
        return FieldProfile(side, self.name, 0, 0, column, values=values, is_personal=kind == KEYED)


def _flat(values: Sequence[Any]) -> Sequence[Any]:
    """Return the items of lists, also of lists of lists, beside what is no list."""
    while list in (types := set(map(type, values))):
        alone = types == {list}
        lists = values if alone else [one if type(one) is list else [one] for one in values]
        values = list(chain.from_iterable(lists))
    return values


def _nearest(number: float) -> float:
    """Return a number as a double; an infinite one where there is none."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _whole(column: ColumnProfile) -> ColumnProfile:
    """Return a column of integers as such; beyond 2⁵³ they are the nearest double."""
    ends = [None if one is None else int(one) for one in (column.min, column.max, column.total)]
    return replace(
        column,
        type="int64",
        min=ends[0],
        max=ends[1],
        total=ends[2],
        frequent=_whole_values(column.frequent),
    )


def _whole_values(values: Frequent | None) -> Frequent | None:
    if values is None:
        return None
    return Frequent({int(value): count for value, count in values.counts.items()})
