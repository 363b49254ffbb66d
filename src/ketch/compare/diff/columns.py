"""The profiles of two data samples, column by column.

Figures are told where they differ. How far a column moved, 0 for not at all, only orders
what is shown: the largest of how much more or less is missing, how many of the values are
others (total variation distance), and how far mean and quantiles went, in widths of the
middle 90 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from sys import float_info
from typing import Self

from ketch.compare.diff.changes import Change, Kind, kind_of
from ketch.tables import Profile
from ketch.tables.frequent import Plain
from ketch.tables.profile import ColumnProfile

RANKS = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
"""The quantiles that are told, by name."""

_PLACES = ("mean", *RANKS)
_UNREADABLE = (ArithmeticError, LookupError, MemoryError, RuntimeError, ValueError)
"""What the library raises for bytes that are no sketch."""

Figures = dict[str, object]


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column that is not what it was.

    Attributes:
        name: Its name.
        kind: Added, removed or changed.
        figures: What differs, each with its name as path: ``type``, ``missing`` (a share of
            the rows), ``not_finite`` (a share), ``count``, ``distinct``, ``min``, ``max``,
            ``mean``, ``q05`` … ``q95``, and ``named``: how many different values the
            profile names, which it does where they are few.
        values: The share of each value that is not as frequent as it was, of a column with
            few different ones; a value that is only in one of the two is added or removed.
        moved: How far it moved.
    """

    name: str
    kind: Kind
    figures: tuple[Change, ...] = ()
    values: tuple[Change, ...] = ()
    moved: float = 0.0

    def mirrored(self) -> Self:
        """Return the same column, on the way from ``b`` to ``a``."""
        return replace(
            self,
            kind=self.kind.mirrored,
            figures=tuple(change.mirrored() for change in self.figures),
            values=tuple(change.mirrored() for change in self.values),
        )

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object."""
        return {
            "name": self.name,
            "change": str(self.kind),
            "moved": self.moved,
            "figures": [
                {"figure": str(one.path[0]), "a": one.a, "b": one.b} for one in self.figures
            ],
            "values": [
                {"value": one.path[0], "change": str(one.kind), "a": one.a, "b": one.b}
                for one in self.values
            ],
        }


def diff_columns(a: Profile, b: Profile) -> tuple[ColumnChange, ...]:
    """Return the columns that are not the same, those that moved most first."""
    there = {column.name: column for column in a.columns}
    here = {column.name: column for column in b.columns}
    found = [
        _changed(there[name], here[name])
        if name in there and name in here
        else ColumnChange(name, kind_of(in_a=name in there, in_b=name in here))
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name)
    ]
    return tuple(sorted(found, key=lambda one: (one.kind is Kind.CHANGED, -one.moved, one.name)))


def _changed(a: ColumnProfile, b: ColumnProfile) -> ColumnChange:
    was, now = figures(a), figures(b)
    differing = tuple(
        Change((name,), Kind.CHANGED, was[name], now[name])
        for name in was
        if was[name] != now[name]
    )
    shares, others = _shares(a), _shares(b)
    values = tuple(_values(shares, others)) if shares and others else ()
    moved = max(_gap(was, now, "missing"), _gap(was, now, "not_finite"), _distance(values))
    moved = max(moved, _travelled(was, now))
    return ColumnChange(a.name, Kind.CHANGED, differing, values, moved)


def figures(column: ColumnProfile) -> Figures:
    """Return everything that is told of a column, but for its values."""
    rows = column.nulls + column.not_finite + column.count
    return {
        "type": column.type,
        "count": column.count,
        "missing": column.nulls / rows if rows else 0.0,
        "not_finite": column.not_finite / rows if rows else 0.0,
        "distinct": None if column.distinct is None else round(column.distinct),
        "min": column.min,
        "max": column.max,
        "mean": _mean(column),
        **dict(zip(RANKS, _quantiles(column), strict=True)),
        "named": None if column.frequent is None else len(column.frequent.counts),
    }


def _mean(column: ColumnProfile) -> float | None:
    """Return the mean; none that is beyond all floats."""
    try:
        found = column.mean
    except OverflowError:  # of integers
        return None
    return found if found is None or isfinite(found) else None


def _quantiles(column: ColumnProfile) -> tuple[float | None, ...]:
    """Return the quantiles; none of a sketch that nobody can read."""
    try:
        found = column.quantiles(tuple(RANKS.values()))
    except _UNREADABLE:
        found = ()
    return found if found and all(map(isfinite, found)) else (None,) * len(RANKS)


def _shares(column: ColumnProfile) -> dict[Plain, float]:
    counts = column.frequent.counts if column.frequent is not None else {}
    total = sum(counts.values())
    return {value: count / total for value, count in counts.items()} if total else {}


def _values(a: Mapping[Plain, float], b: Mapping[Plain, float]) -> Iterator[Change]:
    """Yield each value whose share is another, those that moved most first."""
    names = a.keys() | b.keys()
    for value in sorted(names, key=lambda one: (-abs(a.get(one, 0) - b.get(one, 0)), str(one))):
        if a.get(value) != b.get(value):
            kind = kind_of(in_a=value in a, in_b=value in b)
            yield Change((_key(value),), kind, a.get(value, 0.0), b.get(value, 0.0))


def _key(value: Plain) -> str | int:
    return value if isinstance(value, str) or type(value) is int else str(value)


def _gap(a: Figures, b: Figures, name: str) -> float:
    return abs(_number(a[name]) - _number(b[name]))


def _distance(values: tuple[Change, ...]) -> float:
    return sum(abs(_number(one.a) - _number(one.b)) for one in values) / 2


def _travelled(a: Figures, b: Figures) -> float:
    """Return how far mean and quantiles went, in widths of the middle 90 % of either."""
    if any(side[name] is None for side in (a, b) for name in _PLACES):
        return 0.0
    width = max(_number(side["q95"]) - _number(side["q05"]) for side in (a, b))
    far = max(_gap(a, b, name) for name in _PLACES)
    moved = far / width if width > 0 else float(far > 0)
    return moved if isfinite(moved) else float_info.max


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
