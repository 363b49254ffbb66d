"""What a data file looked like, small enough to travel in a package.

A profile answers three questions later: is this the same data (the digest), which time
does it cover (the range), and has the data changed since (the columns' statistics, which
can be compared with, or merged into, those of other data). The same rows give the same
profile, byte for byte, whatever ran it.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from ketch.errors import PackageError
from ketch.tables.frequent import Frequent, Plain

FORMAT = "ketch-profile/1"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What one column holds. Of a list column, everything but ``nulls`` is about the items.

    Attributes:
        name: The column's name.
        type: Arrow's name of its type.
        nulls: Rows (or items) without a value.
        not_finite: Floats that are NaN or infinite; they are in no other figure.
        count: Values that the figures below are about.
        min, max: Smallest and largest, of numbers; of days and instants as ISO 8601 text.
        total: The sum, of numbers; exact for integers, and summed exactly in blocks of
            4,096 rows for floats.
        distinct: About how many different ones there are, within 1.6 %.
        distinct_sketch: HyperLogLog of the values.
        quantile_sketch: t-digest of the values, of numbers.
        frequent: Every value with its count, of a column that takes only a few: at most
            128 different ones, each twice on average. ``None`` of any other column, whose
            values may tell of persons.
    """

    name: str
    type: str
    nulls: int = 0
    not_finite: int = 0
    count: int = 0
    min: int | float | str | None = None
    max: int | float | str | None = None
    total: int | float | None = None
    distinct: float | None = None
    distinct_sketch: bytes | None = None
    quantile_sketch: bytes | None = None
    frequent: Frequent | None = None

    @property
    def mean(self) -> float | None:
        """The mean, of numbers."""
        return None if self.total is None or not self.count else self.total / self.count

    def quantiles(self, ranks: Sequence[float]) -> tuple[float, ...]:
        """Return about the values at these ranks, 0 to 1; none when it holds no numbers.

        Ranks err by up to 1 % in the middle, and 0.2 % at the ends.
        """
        if self.quantile_sketch is None:
            return ()
        from ketch.tables.sketch import QuantileSketch  # numpy: 0.1 s that few verbs need

        return QuantileSketch(self.quantile_sketch).quantiles(ranks)

    def top(self, k: int) -> tuple[tuple[Plain, int], ...]:
        """Return the most frequent values with their counts; none when no values are kept."""
        return () if self.frequent is None else self.frequent.top(k)

    def without_values(self) -> Self:
        """Return what may be told of personal data: how many values, but none of them."""
        return replace(
            self,
            min=None,
            max=None,
            total=None,
            distinct_sketch=None,
            quantile_sketch=None,
            frequent=None,
        )

    def to_json(self) -> dict[str, object]:
        """Return the column as a JSON object."""
        return {
            "name": self.name,
            "type": self.type,
            "nulls": self.nulls,
            "not_finite": self.not_finite,
            "count": self.count,
            "min": self.min,
            "max": self.max,
            "total": self.total,
            "mean": self.mean,
            "distinct": self.distinct,
            "distinct_sketch": _to_text(self.distinct_sketch),
            "quantile_sketch": _to_text(self.quantile_sketch),
            "frequent": None
            if self.frequent is None
            else [list(pair) for pair in self.top(len(self.frequent.counts))],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is no such column.
        """
        return cls(
            name=_text(body["name"]),
            type=_text(body["type"]),
            nulls=_count(body["nulls"]),
            not_finite=_count(body["not_finite"]),
            count=_count(body["count"]),
            min=_end(body["min"]),
            max=_end(body["max"]),
            total=_number(body["total"]),
            distinct=_number(body["distinct"]),
            distinct_sketch=_from_text(body["distinct_sketch"]),
            quantile_sketch=_from_text(body["quantile_sketch"]),
            frequent=_frequent(body["frequent"]),
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """What a data file looked like.

    Attributes:
        row_count: Rows.
        digest: ``sha256:…`` over all rows and columns, see ``rows_digest``; ``None`` for
            several files merged.
        columns: The columns, in order.
        time_column: The column that dates the rows, if one was named.
        time_from, time_to: Its first and last instant, ISO 8601 in UTC; a time without
            zone counts as UTC.

    Law: ``Profile.from_json(p.to_json()) == p`` for every profile ``p``.
    """

    row_count: int
    digest: str | None
    columns: tuple[ColumnProfile, ...]
    time_column: str | None = None
    time_from: str | None = None
    time_to: str | None = None

    def column(self, name: str) -> ColumnProfile:
        """Return the column of this name.

        Raises:
            KeyError: There is none.
        """
        return {column.name: column for column in self.columns}[name]

    def without_values_of(self, names: Collection[str]) -> Self:
        """Return the profile with nothing but numbers of values for these columns."""
        columns = (
            column.without_values() if column.name in names else column for column in self.columns
        )
        return replace(self, columns=tuple(columns))

    def to_json(self) -> dict[str, object]:
        """Return the profile as a JSON object; sketches are base64 text."""
        return {
            "format": FORMAT,
            "row_count": self.row_count,
            "digest": self.digest,
            "time_column": self.time_column,
            "time_from": self.time_from,
            "time_to": self.time_to,
            "columns": [column.to_json() for column in self.columns],
        }

    @classmethod
    def from_json(cls, body: object) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            PackageError: ``package/profile``: it is no profile of this format.
        """
        try:
            return cls._from_object(_object(body))
        except (KeyError, TypeError, ValueError) as error:
            message = f"expected a profile, `{FORMAT}`, found otherwise"
            raise PackageError(message, code="package/profile") from error

    @classmethod
    def _from_object(cls, body: Mapping[str, object]) -> Self:
        if body["format"] != FORMAT:
            raise ValueError(body["format"])
        return cls(
            row_count=_count(body["row_count"]),
            digest=_optional_text(body["digest"]),
            columns=tuple(ColumnProfile.from_json(_object(one)) for one in _list(body["columns"])),
            time_column=_optional_text(body["time_column"]),
            time_from=_optional_text(body["time_from"]),
            time_to=_optional_text(body["time_to"]),
        )


def _to_text(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode("ascii")


def _from_text(value: object) -> bytes | None:
    return None if value is None else base64.b64decode(_text(value), validate=True)


def _of(kind: type[_T], value: object) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}")
    return value


def _object(value: object) -> Mapping[str, object]:
    return _of(dict, value)


def _list(value: object) -> list[object]:
    return _of(list, value)


def _frequent(value: object) -> Frequent | None:
    if value is None:
        return None
    pairs = [tuple(_list(pair)) for pair in _list(value)]
    return Frequent({_value(item): _count(count) for item, count in pairs})


def _text(value: object) -> str:
    return _of(str, value)


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _count(value: object) -> int:
    if type(value) is int and value >= 0:
        return value
    raise TypeError("expected a count")


def _number(value: object) -> int | float | None:
    return value if value is None or type(value) is int else _of(float, value)


def _end(value: object) -> int | float | str | None:
    return value if isinstance(value, str) else _number(value)


def _value(value: object) -> Plain:
    return value if isinstance(value, (str, int)) else _of(float, value)
