"""What was asked and what was answered over time, field by field: missing, mean, categories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ketch.compare.incident.period import Period
from ketch.compare.incident.seen import numbered, sampling
from ketch.compare.incident.series import OTHER, Amounts, Series
from ketch.monitor.decisions.keyed import MARK
from ketch.monitor.metrics.attribution import Attribution
from ketch.tables.engine import literal

MOST = 40_000
"""Decisions whose rows are looked at; of more, an even sample."""
_MOST_VALUES = 50
_TOP = 8
"""Of a field with at most 50 values, these many of them, the most frequent, are followed."""
_LONGEST = 80
_ROWS, _CELLS, _VALUES = range(3)

Side = Literal["input", "output"]
What = Literal["missing", "mean", "category"]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """One thing about a field, over time.

    Attributes:
        side: Of what was asked, or of what was answered.
        name: The field, at the top of a row.
        what: Its missing part, its mean (of a list: of its length), or the part of a value.
        value: The value.
        series: Over time.
    """

    side: Side
    name: str
    what: What
    value: str
    series: Series


def followed(found: Attribution, period: Period, side: Side) -> list[Followed]:
    """Return what there is to follow of the fields of a side.

    Values of personal data are hashes, and are not looked at.
    """
    read = _read(found, period, side)
    return [one for name in sorted(read.cells) for one in read.followed(side, name)]


_Key = tuple[str, int]
"""A package and a stretch."""
_NONE = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was counted of a side, by package and stretch.

    Attributes:
        size: How many stretches there are.
        rows: All rows.
        cells: Field → how many are there, how many of those are numbers, and their sum.
        values: Field → value → how often it is there; of fields with few values.
    """

    size: int
    rows: dict[_Key, float] = field(default_factory=lambda: defaultdict(float))
    cells: dict[str, dict[_Key, tuple[float, float, float]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    values: dict[str, dict[str, dict[_Key, float]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def followed(self, side: Side, name: str) -> Iterator[Followed]:
        """Yield what there is to follow of a field."""
        said, cells = f"{side}.{name}", self.cells[name]
        missing = {
            key: (count - cells.get(key, _NONE)[0], count) for key, count in self.rows.items()
        }
        lacks = _series(f"{said}.missing", "rate", missing, self.size)
        yield Followed(side, name, "missing", "", lacks)
        numbers = {key: (total, count) for key, (_, count, total) in cells.items()}
        if any(count for _, count in numbers.values()):
            mean = _series(f"{said}.mean", "mean", numbers, self.size)
            yield Followed(side, name, "mean", "", mean)
        yield from self._categories(side, name, said)

    def _categories(self, side: Side, name: str, said: str) -> Iterator[Followed]:
        values = self.values.get(name, {})
        if any(MARK.fullmatch(value) for value in values):
            return
        there = {key: one[0] for key, one in self.cells[name].items()}
        for value in sorted(values, key=lambda one: -sum(values[one].values()))[:_TOP]:
            part = {key: (values[value].get(key, 0.0), count) for key, count in there.items()}
            series = _series(f"{said}={value}", "rate", part, self.size)
            yield Followed(side, name, "category", value, series)


def _series(
    name: str, kind: Literal["rate", "mean"], parts: dict[_Key, tuple[float, float]], size: int
) -> Series:
    packages: dict[str, Amounts] = defaultdict(lambda: Amounts(np.zeros(size), np.zeros(size)))
    whole = Amounts(np.zeros(size), np.zeros(size))
    for (package, stretch), (total, weight) in parts.items():
        for one in (whole, packages[package]):
            one.sums[stretch] += total
            one.weights[stretch] += weight
    return Series(name, kind, whole, dict(packages), tier=OTHER)


def _read(found: Attribution, period: Period, side: Side) -> _Read:
    read = _Read(len(period))
    sql = f"{numbered(found, sampling(found, MOST))} {_cells(period, side)} {_COUNTED}"
    for told in found.select(sql):
        for what, package, number, name, value, *counted in told:
            key = (package, int(number) - period.first)
            if what == _ROWS:
                read.rows[key] += counted[0]
            elif what == _CELLS:
                there = read.cells[name].get(key, _NONE)
                more = [old + (new or 0.0) for old, new in zip(there, counted, strict=True)]
                read.cells[name][key] = (more[0], more[1], more[2])
            else:
                mine = read.values[name].setdefault(value, {})
                mine[key] = mine.get(key, 0.0) + counted[0]
    return read


def _cells(period: Period, side: Side) -> str:
    """Return the SQL of all fields of all rows."""
    return f"""
    , each AS MATERIALIZED (
        SELECT package, {period.stretches.sql} AS stretch, unnest(
            CASE WHEN json_type({side}s) = 'ARRAY' THEN from_json({side}s, '["JSON"]')
                 ELSE [{side}s::JSON] END) AS line
        FROM numbered WHERE {side}s <> 'null'
    ), cells AS MATERIALIZED (
        SELECT package, stretch, cell.key AS field, json_type(cell.value) AS kind,
               cell.value ->> '$' AS said, json_array_length(cell.value) AS length
        FROM (SELECT package, stretch,
                     unnest(map_entries(from_json(line, '"MAP(VARCHAR, JSON)"'))) AS cell
              FROM each WHERE json_type(line) = 'OBJECT')
        WHERE cell.value IS NOT NULL AND json_type(cell.value) <> 'NULL'
    )"""  # noqa: S608 - names of columns


_COUNTED = f"""
    , numbers AS (
        SELECT *, CASE WHEN kind = 'ARRAY' THEN length::DOUBLE
                       WHEN kind IN ('VARCHAR', 'BOOLEAN') THEN NULL
                       ELSE TRY_CAST(said AS DOUBLE) END AS number FROM cells
    ), frequent AS (
        SELECT field, said FROM (
            SELECT field, said, count(*) AS times, count(*) OVER (PARTITION BY field) AS different
            FROM cells WHERE kind IN ('VARCHAR', 'BOOLEAN') AND length(said) <= {_LONGEST}
            GROUP BY 1, 2
        ) WHERE different <= {_MOST_VALUES}
    )
    SELECT {_ROWS}, package, stretch, NULL, NULL, count(*), 0, 0.0 FROM each GROUP BY ALL
    UNION ALL
    SELECT {_CELLS}, package, stretch, field, NULL, count(*), count(number), sum(number)
    FROM numbers GROUP BY ALL
    UNION ALL
    SELECT {_VALUES}, package, stretch, field, said, count(*), 0, 0.0
    FROM cells SEMI JOIN frequent USING (field, said) GROUP BY ALL
"""  # noqa: S608 - numbers of ours


def marked(found: Attribution, one: Followed, every: int) -> dict[str, bool]:
    """Return of which decisions something about a field is true: a row lacks it, or has a value.

    Args:
        found: The decisions.
        one: What is followed; of a mean nothing is true or not.
        every: Of how many decisions one is looked at.

    Returns:
        By the identity of the decision.
    """
    text = f"{one.side}s"
    said = f"(line ->> {literal(_pointer(one.name))})"
    true = (
        f"{said} IS NULL"
        if one.what == "missing"
        else f"coalesce({said} = {literal(one.value)}, false)"
    )
    sql = f"""{numbered(found, every)}
        SELECT id, bool_or({true}) FROM (
            SELECT printf('%016x%016x', moment, tail) AS id, unnest(
                CASE WHEN json_type({text}) = 'ARRAY' THEN from_json({text}, '["JSON"]')
                     ELSE [{text}::JSON] END) AS line
            FROM numbered WHERE {text} <> 'null'
        ) GROUP BY 1
    """  # noqa: S608 - a name and a value, quoted
    return {str(id_): bool(is_true) for rows in found.select(sql) for id_, is_true in rows}


def _pointer(field: str) -> str:
    return "/" + field.replace("~", "~0").replace("/", "~1")
