"""Outputs compared field by field, each by the rule of its schema, and by how much they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from ketch.schema import Difference, Field, Row, compare
from ketch.schema.constraints import RANKING
from ketch.schema.equality import canonical
from ketch.schema.types import Float, Int, List, Tensor, Type


@dataclass(frozen=True, slots=True)
class FieldResult:
    """How one output of the copies agrees with that of the live answers.

    Attributes:
        name: Of the field.
        rule: How it was compared, in words.
        rows: How many were compared.
        differ: Rows that differ by more than the schema tolerates.
        mean_off, largest_off: By how much numbers differ, absolutely, over all rows; None
            where there is none to subtract.
        overlap: The mean share that lists have in common, of all that is in either of them.
    """

    name: str
    rule: str
    rows: int
    differ: int
    mean_off: float | None
    largest_off: float | None
    overlap: float | None

    @property
    def differ_share(self) -> float:
        """The share of rows that differ."""
        return self.differ / self.rows if self.rows else 0.0

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {**asdict(self), "differ_share": self.differ_share}


class _Tally:
    """What is known of one field so far."""

    def __init__(self, field: Field) -> None:
        by_rule = field.compare in (None, "set") or RANKING.fullmatch(field.compare or "")
        self.field = field if by_rule else replace(field, compare=None)
        self.rule = _rule(field)
        self.rows = self.differ = self.numbers = self.lists = 0
        self.off = self.largest = self.common = 0.0

    def add(self, live: Sequence[Row], copy: Sequence[Row]) -> Difference | None:
        """Add rows; return the first difference among them."""
        found = compare((self.field,), live, copy)
        self.rows += len(copy)
        self.differ += len({one.row for one in found})
        for one, other in zip(live, copy, strict=True):
            self._measure(one.get(self.field.name), other.get(self.field.name))
        return found[0] if found else None

    def _measure(self, live: object, copy: object) -> None:
        kind = self.field.type
        if isinstance(kind, List) and not isinstance(kind.item, Float | List | Tensor):
            self._overlap(kind.item, live, copy)
            return
        for away in _away(kind, live, copy):
            self.numbers += 1
            self.off += away
            self.largest = max(self.largest, away)

    def _overlap(self, item: Type, live: object, copy: object) -> None:
        if not isinstance(live, list) or not isinstance(copy, list):
            return
        ranking = RANKING.fullmatch(self.field.compare or "")
        first = int(ranking[1]) if ranking else None
        one, other = ({canonical(item, each) for each in side[:first]} for side in (live, copy))
        self.lists += 1
        self.common += len(one & other) / len(one | other) if one or other else 1.0

    def result(self) -> FieldResult:
        some = self.numbers > 0
        return FieldResult(
            self.field.name,
            self.rule,
            self.rows,
            self.differ,
            mean_off=self.off / self.numbers if some else None,
            largest_off=self.largest if some else None,
            overlap=self.common / self.lists if self.lists else None,
        )


class Fields:
    """The outputs of a package at staging, and how they agree with live answers.

    A function of a package that compares is not run: such a field is compared by value. What
    one side never has is named apart, and not compared.

    Args:
        outputs: As the schema of the package at staging has them.
    """

    def __init__(self, outputs: Sequence[Field]) -> None:
        self._tallies = [_Tally(field) for field in outputs]
        self._live: set[str] = set()
        self._copy: set[str] = set()

    def add(self, live: Sequence[Row], copy: Sequence[Row]) -> Difference | None:
        """Add the rows of a pair; return the first difference, None if they are alike.

        Args:
            live: The rows that the caller got.
            copy: As many, of the copy.
        """
        self._live.update(*live)
        self._copy.update(*copy)
        shared = [one for one in self._tallies if any(one.field.name in row for row in live)]
        found = [one.add(live, copy) for one in shared]
        first = next((one for one in found if one is not None), None)
        if first is None or not self._is_personal(first.field):
            return first
        return replace(first, expected=None, found=None)

    def _is_personal(self, path: str) -> bool:
        return any(one.field.pii and path.startswith(one.field.name) for one in self._tallies)

    def results(self) -> tuple[FieldResult, ...]:
        """Return what was found, for the fields that both have."""
        return tuple(one.result() for one in self._tallies if one.rows)

    @property
    def only_live(self) -> tuple[str, ...]:
        """Outputs that no copy has."""
        return tuple(sorted(self._live - {one.field.name for one in self._tallies}))

    @property
    def only_copy(self) -> tuple[str, ...]:
        """Outputs that no live answer has."""
        return tuple(sorted(self._copy - self._live))


def _away(kind: Type, live: object, copy: object) -> Iterator[float]:
    """Yield by how much the numbers in two values differ, where they have the same form."""
    if isinstance(live, list) and isinstance(copy, list) and len(live) == len(copy):
        inner = kind.item if isinstance(kind, List) else kind
        for one, other in zip(live, copy, strict=True):
            yield from _away(inner, one, other)
    elif isinstance(kind, Float | Int | Tensor) and _is_number(live) and _is_number(copy):
        yield abs(float(copy) - float(live))  # type: ignore[arg-type] # both are numbers


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rule(field: Field) -> str:
    how = field.compare
    if how == "set":
        return "as a set"
    if ranking := RANKING.fullmatch(how or ""):
        return f"the first {ranking[1]}, in order"
    told = [f"{name} {value:g}" for name in ("rtol", "atol") if (value := getattr(field, name))]
    return f"within {' and '.join(told)}" if told else "exactly"
