"""Where the answers of two packages part: in which output, how far, and in which rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ketch.compare.explain.behaviour import Yardstick, number_pairs, relative
from ketch.compare.trial.asking import Contestant
from ketch.schema import Field, Row, rows_that_differ


@dataclass(frozen=True, slots=True)
class Apart:
    """How answers differ in one output.

    Attributes:
        field: The output.
        rows: In how many rows it differs.
        mean: The mean of ``|difference|`` over all rows that both answered, of numbers; of a
            list, of all of its numbers. None where nothing in it is a number.
        most: The largest.
        at: The row of the largest, as a person finds it; else the first that differs.
        expected, found: The two values there; None of personal data.
        is_personal: Whether the values may not be shown.
    """

    field: str
    rows: int
    mean: float | None = None
    most: float | None = None
    at: str | None = None
    expected: object = None
    found: object = None
    is_personal: bool = False

    def to_json(self, of: int) -> dict[str, object]:
        """Return it in JSON form, with its share of so many rows."""
        return {
            "field": self.field,
            "rows": self.rows,
            "share": self.rows / of if of else None,
            "mean_abs": self.mean,
            "max_abs": self.most,
            "row": self.at,
            "expected": self.expected,
            "found": self.found,
        }


@dataclass(frozen=True)
class Differences:
    """Where a package answers otherwise than the first.

    Attributes:
        compared: How many rows both answered, each time alike.
        moved: The number of each row that differs → how far, from 0 to 1: over all outputs, the
            mean of ``|difference| / larger`` of numbers, and 1 of anything else that differs.
        fields: By output, that of the most rows first.
        only: Outputs that one of them alone answers.
    """

    compared: Sequence[int]
    moved: Mapping[int, float]
    fields: tuple[Apart, ...]
    only: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Which part of the rows that both answered differs."""
        return len(self.moved) / len(self.compared) if self.compared else 0.0

    @property
    def mean_moved(self) -> float:
        """How far the answers moved, over all rows that both answered."""
        return sum(self.moved.values()) / len(self.compared) if self.compared else 0.0


def differences(first: Contestant, other: Contestant, name: Callable[[int], str]) -> Differences:
    """Return where another package answers otherwise, by the tolerances of the first.

    Args:
        first: Who is answered otherwise than.
        other: Who was asked the same rows.
        name: Returns how a person finds a row.
    """
    yardstick = Yardstick.of(first.package, other.package)
    pairs = list(_both(first, other))
    moved: dict[int, float] = {}
    fields = []
    for field in yardstick.fields:
        differing = _rows(field, pairs)
        for row, one, two in pairs:
            if row in differing:
                part = _part(one.get(field.name), two.get(field.name))
                moved[row] = moved.get(row, 0.0) + part / len(yardstick.fields)
        fields.append(_apart(field, pairs, differing, name))
    fields.sort(key=lambda one: -one.rows)
    compared = [row for row, _, _ in pairs]
    only = (*yardstick.only_a, *yardstick.only_b)
    return Differences(compared, moved, tuple(fields), only)


def _both(first: Contestant, other: Contestant) -> Iterator[tuple[int, Row, Row]]:
    unsteady = first.unsteady | other.unsteady
    for row, pair in enumerate(zip(first.answers, other.answers, strict=True)):
        one, two = pair
        if one is not None and two is not None and row not in unsteady:
            yield row, one, two


def _rows(field: Field, pairs: Sequence[tuple[int, Row, Row]]) -> set[int]:
    ones, others = [one for _, one, _ in pairs], [other for *_, other in pairs]
    return {pairs[at][0] for at in rows_that_differ([field], ones, others)}


def _apart(
    field: Field,
    pairs: Sequence[tuple[int, Row, Row]],
    differing: set[int],
    name: Callable[[int], str],
) -> Apart:
    total, count, most, at = 0.0, 0, 0.0, min(differing, default=None)
    for row, one, other in pairs:
        moved = list(_moved(one.get(field.name), other.get(field.name)))
        total, count = total + sum(moved), count + len(moved)
        if row in differing and moved and max(moved) > most:
            most, at = max(moved), row
    mean = total / count if count else None
    where = next(((one, other) for row, one, other in pairs if row == at), None)
    if where is None or at is None:
        return Apart(field.name, 0, mean, most if count else None)
    expected, found = (None if field.pii else one.get(field.name) for one in where)
    return Apart(
        field.name,
        len(differing),
        mean,
        most if count else None,
        name(at),
        expected,
        found,
        is_personal=field.pii,
    )


def _part(one: object, other: object) -> float:
    """Return how far two values that differ are apart, from 0 to 1."""
    parts = [relative(*pair) for pair in number_pairs(one, other)]
    return sum(parts) / len(parts) if any(parts) else 1.0


def _moved(one: object, other: object) -> Iterator[float]:
    """Yield how far numbers are apart; of lists that are as long, each."""
    for first, second in number_pairs(one, other):
        moved = abs(second - first)
        if math.isfinite(moved):
            yield moved
