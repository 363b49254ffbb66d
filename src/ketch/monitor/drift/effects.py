"""By how much what drifted moves the answers: the package, asked again without the drift.

Only the package itself can say that. It is asked rows that it was asked; then the same rows
with one field given back its reference distribution, for each field that drifted. What
changes in the answers is the effect of that field: a field may drift far and move nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean, pstdev

from ketch.errors import KetchError
from ketch.monitor.drift.measures.spread import Spread, spreads
from ketch.monitor.drift.reference import Key, Reference
from ketch.monitor.drift.restoring import restored_numbers, restored_values
from ketch.monitor.drift.value import Effect, FieldDrift
from ketch.package import Package
from ketch.progress import Progress
from ketch.runtime import Home, Predictor
from ketch.schema import Decoder, Field, Row
from ketch.schema.types import Bool, Float, Int, String
from ketch.tables.frequent import Plain

_SEED = 7
_DEADLINE_S = 120.0

Asked = Sequence[Sequence[Row]]
"""Rows, those of one decision together."""


@dataclass(frozen=True, slots=True)
class Running:
    """The package, and how it is run.

    Attributes:
        package: It.
        home: Where its environment is, or is made.
        offline: Whether only what lies on this machine may be used.
        progress: Told what is being done.
    """

    package: Package
    home: Home
    offline: bool
    progress: Progress


def with_effects(
    fields: Sequence[FieldDrift],
    references: Mapping[Key, Reference],
    asked: Asked,
    running: Running,
) -> list[FieldDrift]:
    """Return the fields, those inputs that drifted with their effects, or why they have none."""
    if not asked:
        why = "no row of that time can be asked again: inputs were not kept, or are personal"
        return [_without(one, why) for one in fields]
    running.progress.step(f"asking {running.package.reference} without the drift")
    try:
        with Predictor(
            running.package, running.home, offline=running.offline, workers=1
        ) as predictor:
            laboratory = _Laboratory(predictor, asked)
            return [laboratory.judged(one, references) for one in fields]
    except KetchError as problem:  # what drifted is known, and worth telling, without it
        return [_without(one, problem.message.splitlines()[0]) for one in fields]


class _Laboratory:
    """A package, and what it answers to rows as they were."""

    def __init__(self, predictor: Predictor, asked: Asked) -> None:
        self._predictor = predictor
        self._asked = asked
        schema = predictor.package.manifest.schema
        self._inputs = {one.name: one for one in schema.inputs}
        self._outputs = schema.outputs
        self._decoder = Decoder(schema.inputs)
        self._rows = [row for rows in asked for row in rows]
        self._answers = self._answered(self._rows)

    def judged(self, drift: FieldDrift, references: Mapping[Key, Reference]) -> FieldDrift:
        """Return a field with its effects."""
        if not drift.drifted or drift.side == "output":
            return drift
        field = self._inputs.get(drift.name)
        if field is None or not isinstance(field.type, Int | Float | Bool | String):
            return _without(drift, "lists and structs are not given back what they were")
        before = [row.get(drift.name) for row in self._rows]
        column = _restored(before, field, references[drift.side, drift.name])
        if column is None:
            return _without(drift, "of its reference no values are known")
        rows = [
            self._with(row, drift.name, one) for row, one in zip(self._rows, column, strict=True)
        ]
        try:
            answers = self._answered(rows)
        except KetchError as problem:
            return _without(drift, f"without its drift: {problem.message.splitlines()[0]}")
        effects = sorted(self._effects(answers), key=lambda one: (-one.weight, one.output))
        return replace(drift, effects=tuple(effects))

    def _with(self, row: Row, name: str, value: object) -> Row:
        """Return a row with another value; the row itself, where the schema refuses that."""
        changed = {**row, name: value}
        return row if self._decoder.decode([changed])[1] else changed

    def _answered(self, rows: Sequence[Row]) -> list[Row]:
        """Return the answers to all rows, asked together with those they were asked with."""
        if not self._predictor.depends_on_batch:
            return self._predictor.answer(rows, deadline_s=_DEADLINE_S)
        batches = _as_asked(rows, self._asked)
        found = self._predictor.answers(batches, _DEADLINE_S)
        return [row for answers in found for row in answers]

    def _effects(self, answers: Sequence[Row]) -> Iterator[Effect]:
        for output in self._outputs:
            pairs = [
                (one.get(output.name), other.get(output.name))
                for one, other in zip(self._answers, answers, strict=True)
            ]
            yield _effect(output, pairs)


def _effect(output: Field, pairs: Sequence[tuple[object, object]]) -> Effect:
    share = fmean(live != restored for live, restored in pairs)
    numbers = [
        (float(live), float(restored))
        for live, restored in pairs
        if isinstance(live, int | float) and isinstance(restored, int | float)
    ]
    if not numbers or not isinstance(output.type, Int | Float):
        return Effect(output.name, None, None, share, share)
    change = fmean(abs(live - restored) for live, restored in numbers)
    shift = fmean(live - restored for live, restored in numbers)
    width = pstdev(live for live, _ in numbers)
    return Effect(output.name, change, shift, share, change / width if width else share)


def _as_asked(rows: Sequence[Row], asked: Asked) -> Iterator[Sequence[Row]]:
    at = 0
    for one in asked:
        yield rows[at : at + len(one)]
        at += len(one)


def _restored(
    values: Sequence[object], field: Field, reference: Reference
) -> Sequence[object] | None:
    """Return values that lie as the reference's do; None where those are not known."""
    chance = Random(_SEED)  # noqa: S311 - the same rows each time
    missing = reference.missing / reference.rows if field.nullable else 0.0
    match field.type:
        case Int() | Float():
            return _numbers(values, field, reference, missing, chance)
        case Bool() | String() if reference.values:
            total = sum(reference.values.values()) / (1 - missing or 1)
            shares: dict[Plain | None, float] = {
                bool(value) if isinstance(field.type, Bool) else value: count / total
                for value, count in reference.values.items()
            }
            plain = [one if isinstance(one, str | bool) else None for one in values]
            return restored_values(plain, {**shares, None: missing}, chance)
    return None


def _numbers(
    values: Sequence[object], field: Field, reference: Reference, missing: float, chance: Random
) -> Sequence[object] | None:
    known: tuple[Spread, ...] = spreads([reference.column])
    if not known:
        return None
    plain = [float(one) if isinstance(one, int | float) else None for one in values]
    found = restored_numbers(plain, known[0], missing, chance)
    if isinstance(field.type, Int):
        return [None if one is None else round(one) for one in found]
    return found


def _without(field: FieldDrift, why: str) -> FieldDrift:
    is_asked = field.drifted and field.side == "input"
    return replace(field, why_no_effect=why) if is_asked else field
