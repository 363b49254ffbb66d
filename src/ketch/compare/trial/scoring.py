"""What packages come to by a metric, on the rows that all of them answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from ketch.compare.trial import paired
from ketch.compare.trial.measures import Wanted
from ketch.monitor.metrics.answers import Pair, Told, Unread, pairs
from ketch.monitor.metrics.measures import Estimate
from ketch.schema import Row

BETTER, WORSE, UNCLEAR = "better", "worse", "unclear"


@dataclass(frozen=True)
class Scores:
    """What a metric takes of each row that every package answered.

    Attributes:
        wanted: The metric.
        rows: The numbers of these rows, from 0.
        tables: For each package the numbers of these rows, one line each.
        units: Whom each of these rows is about; None where each is about somebody else.
        unread: For each package why it could not be measured on a row → how many.
    """

    wanted: Wanted
    rows: Sequence[int]
    tables: Sequence[paired.Table]
    units: Sequence[str] | None = None
    unread: Sequence[Mapping[str, int]] = field(default_factory=tuple)

    def of(self, at: int) -> Estimate:
        """Return what a package comes to."""
        return paired.alone(self.wanted.metric.measure, self.tables[at], self.units)

    def difference(self, first: int, other: int, *, confidence: float = 0.95) -> Estimate:
        """Return how much more another package has."""
        return paired.difference(
            self.wanted.metric.measure,
            self.tables[first],
            self.tables[other],
            self.units,
            confidence=confidence,
        )

    def among(self, rows: frozenset[int]) -> Scores:
        """Return those of some rows."""
        kept = [at for at, row in enumerate(self.rows) if row in rows]
        units = None if self.units is None else [self.units[at] for at in kept]
        tables = [table[kept] for table in self.tables]
        return Scores(self.wanted, [self.rows[at] for at in kept], tables, units)

    def says(self, difference: Estimate, *, allowed: float = 0.0) -> str:
        """Return whether the other package is better or worse, as far as it can be told.

        Args:
            difference: How much more it has.
            allowed: So much worse does not count.
        """
        if difference.low is None or difference.high is None:
            return UNCLEAR
        gains = sorted(self.wanted.better(end, 0.0) for end in (difference.low, difference.high))
        if gains[0] > 0:
            return BETTER
        return WORSE if gains[1] < -allowed else UNCLEAR


def score(
    wanted: Wanted,
    answers: Sequence[Sequence[Row | None]],
    right: Sequence[Sequence[Told]],
    units: Sequence[str] | None = None,
    out: Collection[int] = (),
) -> Scores:
    """Return what a metric takes of the rows of which it is known what was right.

    Args:
        wanted: The metric.
        answers: For each package the answer to each row; None where none came.
        right: For each row what is known to be right; nothing where it is not known.
        units: Whom each row is about.
        out: Packages, by number, that are not measured, so that rows they fail count as well.
    """
    unread: list[Counter[str]] = [Counter() for _ in answers]
    measured = frozenset(range(len(answers))).difference(out)
    rows: list[int] = []
    found: list[list[Pair]] = [[] for _ in answers]
    for row, told in enumerate(right):
        if not told or any(answers[at][row] is None for at in measured):
            continue
        each = [
            _read(wanted, answer[row], told, why) if at in measured else ()
            for at, (answer, why) in enumerate(zip(answers, unread, strict=True))
        ]
        taken = [one for one in each if one is not None]
        if len(taken) == len(each):
            rows.append(row)
            for into, one in zip(found, taken, strict=True):
                into.append(one)
    tables = [np.array(one, np.float64).reshape(len(rows), -1 if rows else 1) for one in found]
    named = None if units is None else [units[row] for row in rows]
    return Scores(wanted, rows, tables, named, [dict(one) for one in unread])


def _read(
    wanted: Wanted, answer: Row | None, told: Sequence[Told], unread: Counter[str]
) -> Pair | None:
    try:
        found = pairs(wanted.metric, msgspec.json.encode(answer).decode(), told)
    except Unread as problem:
        unread[str(problem)] += 1
        return None
    if not found:
        unread["nothing to compare with"] += 1
    return found[0] if found else None
