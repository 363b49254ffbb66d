"""Behaviour: what a package answers to every question, and where two of them part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from ketch.errors import KetchError
from ketch.package import Package
from ketch.schema import Field, Row, rows_that_differ

Place = tuple[int, int]
"""A row: number of its question, and its number there; both from 0."""


class Failed(msgspec.Struct, frozen=True):
    """That no answer came.

    Attributes:
        code: The code of the error.
        message: Its message.
        where: Where, such as the step that raised.
        loads: Whether the package loaded at all.
    """

    code: str
    message: str
    where: str | None = None
    loads: bool = True

    @classmethod
    def of(cls, problem: KetchError, *, loads: bool = True) -> Failed:
        """Return what an error says."""
        return cls(problem.code, problem.message, problem.where, loads)

    @property
    def kind(self) -> tuple[str, str]:
        """What makes two failures the same: versions of a library word their messages anew."""
        return self.code, self.message.partition(":")[0]


class Reply(msgspec.Struct, frozen=True):
    """What one question was answered: rows, or why there are none."""

    rows: list[Row]
    failed: Failed | None = None


class Behaviour(msgspec.Struct, frozen=True):
    """The replies to all questions, in their order.

    Attributes:
        replies: One for each question.
        unsteady: Rows that were answered otherwise when they were asked once more.
        at_once: Whether they were answered the same when many questions were asked together.
    """

    replies: list[Reply]
    unsteady: list[Place] = []
    at_once: bool = False

    @property
    def failures(self) -> list[Failed]:
        """Why questions were not answered."""
        return [reply.failed for reply in self.replies if reply.failed is not None]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How answers of two packages are compared.

    Attributes:
        fields: The outputs that both declare, with the tolerances of A; personal data where
            one of them says so.
        only_a, only_b: Names of outputs that one of them declares.
    """

    fields: tuple[Field, ...]
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()

    @classmethod
    def of(cls, a: Package, b: Package) -> Yardstick:
        """Return what the answers of two packages have in common.

        Functions of a package that compare values are left out: they would run in an
        environment that may be the very thing that changed. Those fields count by value.
        """
        outputs = [one.manifest.schema.outputs for one in (a, b)]
        names_a, names_b = ([field.name for field in fields] for fields in outputs)
        personal = {field.name for fields in outputs for field in fields if field.pii}
        common = [
            replace(field, pii=field.name in personal)
            for field in outputs[0]
            if field.name in names_b
        ]
        return cls(
            tuple(_by_value(field) for field in common),
            tuple(name for name in names_a if name not in names_b),
            tuple(name for name in names_b if name not in names_a),
        )

    def parted(self, one: Behaviour, other: Behaviour, sizes: Sequence[int]) -> frozenset[Place]:
        """Return the rows that are answered otherwise, without those that are never steady.

        Args:
            one: A behaviour.
            other: Another one, on the same questions.
            sizes: How many rows each question has.
        """
        triples = zip(one.replies, other.replies, sizes, strict=True)
        unsteady = frozenset((*one.unsteady, *other.unsteady))
        return frozenset(
            (at, row) for at, triple in enumerate(triples) for row in self._rows(*triple)
        ).difference(unsteady)

    def _rows(self, one: Reply, other: Reply, size: int) -> Iterable[int]:
        if one.failed is not None or other.failed is not None:
            return range(0 if _alike(one, other) else size)
        return rows_that_differ(self.fields, one.rows, other.rows)

    def moved(self, one: Behaviour, other: Behaviour) -> float | None:
        """Return how far numbers moved: the mean of ``|b - a| / max(|a|, |b|)``, 0 to 1.

        Numbers inside lists count where both lists are as long; None without any number.
        """
        total, count = 0.0, 0
        for left, right in zip(one.replies, other.replies, strict=True):
            for row, counterpart in zip(left.rows, right.rows, strict=False):
                for field in self.fields:
                    for pair in number_pairs(row.get(field.name), counterpart.get(field.name)):
                        total += relative(*pair)
                        count += 1
        return total / count if count else None


def relative(one: float, other: float) -> float:
    """Return how far two numbers are apart, as a share of the larger one, at most 1.

    >>> relative(2.0, 1.0), relative(0.0, 0.0), relative(-1.0, 1.0)
    (0.5, 0.0, 1.0)
    """
    if one == other or (one != one and other != other):  # noqa: PLR0124 # both are NaN
        return 0.0
    largest = max(abs(one), abs(other))
    share = abs(one - other) / largest
    return min(1.0, share) if share == share else 1.0  # noqa: PLR0124


def number_pairs(one: object, other: object) -> Iterator[tuple[float, float]]:
    """Yield the numbers that stand in the same places of two values."""
    match one, other:
        case (bool(), _) | (_, bool()):
            return
        case (int() | float(), int() | float()):
            yield float(one), float(other)
        case (list(), list()) if len(one) == len(other):
            for pair in zip(one, other, strict=True):
                yield from number_pairs(*pair)
        case (dict(), dict()):
            for key in one.keys() & other.keys():
                yield from number_pairs(one[key], other[key])


def _by_value(field: Field) -> Field:
    own = field.compare is not None and ":" in field.compare
    return replace(field, compare=None) if own else field


def _alike(one: Reply, other: Reply) -> bool:
    if one.failed is None or other.failed is None:
        return False
    return one.failed.kind == other.failed.kind
