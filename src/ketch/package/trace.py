"""Step traces: what each step of the pipeline returned, small enough to keep.

A trace holds, for every field of every step, an exact digest of its values and a
summary: counts, range and the first values. Two traces of the same inputs answer
the question that matters when an answer changed: *which step moved first?*
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from types import NoneType
from typing import Self

from ketch.errors import ManifestError, UsageError
from ketch.package.digest import Digest
from ketch.schema.parse import canonical_json, parse_json

TOLERANCE = 1e-6
"""Relative difference below which two floats count as the same step result."""

_EXACT = re.compile(r"u?int\d*|bool(ean)?|str|string|object|list|tuple|bytes|date|null")


@dataclass(frozen=True, slots=True)
class FieldTrace:
    """What one step returned in one field.

    Attributes:
        name: Column, key, or ``value`` when the step returned one plain thing.
        dtype: How the library names the type; reported, never compared.
        count, nulls: Values in all, and missing ones.
        digest: SHA-256 of every value, floats by their bits; ``None`` if not stable.
        lowest, highest, mean: Of numbers; ``None`` otherwise.
        head: The first values, in JSON form.
    """

    name: str
    dtype: str
    count: int
    nulls: int
    digest: str | None
    lowest: float | None
    highest: float | None
    mean: float | None
    head: tuple[object, ...]

    @classmethod
    def from_json(cls, body: object) -> Self:
        """Read what the worker sent, or what :meth:`to_json` wrote.

        Raises:
            ManifestError: It is no such field.
        """
        match body:
            case {
                "name": str(name),
                "dtype": str(dtype),
                "count": count,
                "nulls": nulls,
                "digest": None | str() as digest,
                "min": lowest,
                "max": highest,
                "mean": mean,
                "head": list(head),
            }:
                numbers = (_number(lowest), _number(highest), _number(mean))
                return cls(name, dtype, _count(count), _count(nulls), digest, *numbers, tuple(head))
        raise _refused("the trace of a field")

    def to_json(self) -> dict[str, object]:
        """Return the form that is stored."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "count": self.count,
            "nulls": self.nulls,
            "digest": self.digest,
            "min": self.lowest,
            "max": self.highest,
            "mean": self.mean,
            "head": list(self.head),
        }


@dataclass(frozen=True, slots=True)
class StepTrace:
    """What one step returned."""

    step: str
    rows: int
    fields: tuple[FieldTrace, ...]

    @classmethod
    def from_json(cls, body: object) -> Self:
        """Read what the worker sent, or what :meth:`to_json` wrote.

        Raises:
            ManifestError: It is no step trace.
        """
        match body:
            case {"step": str(step), "rows": rows, "fields": list(fields)}:
                return cls(step, _count(rows), tuple(map(FieldTrace.from_json, fields)))
        raise _refused("the trace of a step")

    def to_json(self) -> dict[str, object]:
        """Return the form that is stored."""
        return {
            "step": self.step,
            "rows": self.rows,
            "fields": [field.to_json() for field in self.fields],
        }


@dataclass(frozen=True, slots=True)
class ScenarioTrace:
    """The traces of one scenario: its steps, in order."""

    scenario: str
    inputs: Digest
    steps: tuple[StepTrace, ...]

    def to_json(self) -> dict[str, object]:
        """Return the form that is stored."""
        return {
            "scenario": self.scenario,
            "inputs": str(self.inputs),
            "steps": [step.to_json() for step in self.steps],
        }

    @classmethod
    def from_json(cls, body: object) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            ManifestError: It is no scenario trace.
        """
        match body:
            case {"scenario": str(scenario), "inputs": str(inputs), "steps": list(steps)}:
                read = tuple(map(StepTrace.from_json, steps))
                return cls(scenario, Digest.parse(inputs), read)
        raise _refused("the trace of a scenario")


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where two traces of the same inputs part.

    Attributes:
        step: The step, as ``module:function``.
        field: The field of that step's result; empty when the step itself is another.
        row: Which row, counted from 0, when it is among the first values.
        expected, found: What the reference and the present run returned there.
        measure: What of the whole field differs, such as ``mean``, when no row shows it.
    """

    step: str
    field: str
    row: int | None
    expected: object
    found: object
    measure: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        return {
            "step": self.step,
            "field": self.field,
            "row": self.row,
            "expected": self.expected,
            "found": self.found,
            "measure": self.measure,
        }


_NO_STEP = StepTrace("", 0, ())


def dump_traces(traces: Sequence[ScenarioTrace]) -> bytes:
    """Return one canonical JSON object a line, sorted by scenario."""
    ordered = sorted(traces, key=lambda trace: trace.scenario)
    return b"".join(canonical_json(trace.to_json()) + b"\n" for trace in ordered)


def load_traces(content: bytes) -> tuple[ScenarioTrace, ...]:
    """Read the form that :func:`dump_traces` writes.

    Raises:
        ManifestError: A line is no trace.
    """
    lines = enumerate(io.BytesIO(content), 1)
    return tuple(_from_line(line, number) for number, line in lines if line.strip())


def first_divergence(
    reference: Sequence[StepTrace], found: Sequence[StepTrace]
) -> Divergence | None:
    """Return the first step and field that differ beyond :data:`TOLERANCE`, if any.

    Steps are compared in the order of the pipeline; a field counts as the same when
    its digest is the same, or when its first values and its summary are as close as
    two runs of one program on two processors can be. A step that only has another name
    is told when nothing else moved; one that was added or removed, at once.
    """
    before, now = ({step.step for step in steps} for steps in (reference, found))
    renamed = None
    for expected, actual in zip_longest(reference, found):
        if expected is None or actual is None:
            return _another_step(expected, actual)
        if expected.step != actual.step:
            if expected.step in now or actual.step in before:
                return _another_step(expected, actual)
            renamed = renamed or _another_step(expected, actual)
        if divergence := _step_divergence(expected, actual):
            return divergence
    return renamed


def _from_line(line: bytes, number: int) -> ScenarioTrace:
    where = f"traces.jsonl:{number}"
    try:
        return ScenarioTrace.from_json(parse_json(line))
    except UsageError as problem:
        raise ManifestError(problem.message, code="package/trace", where=where) from problem
    except ManifestError as problem:
        raise ManifestError(problem.message, code=problem.code, where=where) from problem


def _another_step(expected: StepTrace | None, actual: StepTrace | None) -> Divergence:
    """Return the divergence of a step that stands where another one stood, or none."""
    said = [f"step `{one.step}`" if one else "no step" for one in (expected, actual)]
    return Divergence((actual or expected or _NO_STEP).step, "", None, *said)


def _step_divergence(expected: StepTrace, actual: StepTrace) -> Divergence | None:
    found = {field.name: field for field in actual.fields}
    more = [name for name in found if name not in {field.name for field in expected.fields}]
    for field in expected.fields:
        if field.name not in found:
            return Divergence(actual.step, field.name, None, field.name, more or None)
        if divergence := _field_divergence(actual.step, field, found[field.name]):
            return divergence
    if more:
        return Divergence(actual.step, more[0], None, None, list(found[more[0]].head))
    return None


def _field_divergence(step: str, field: FieldTrace, other: FieldTrace) -> Divergence | None:
    if field.digest is not None and field.digest == other.digest:
        return None
    for row, (left, right) in enumerate(zip(field.head, other.head, strict=False)):
        if not _same(left, right):
            return Divergence(step, field.name, row, left, right)
    for measure, left in _summary(field).items():
        right = _summary(other)[measure]
        if not _same(left, right):
            return Divergence(step, field.name, None, left, right, measure)
    if field.digest and other.digest and _is_exact(field) and _is_exact(other):
        return Divergence(step, field.name, None, field.digest, other.digest, "digest")
    return None


def _summary(field: FieldTrace) -> dict[str, object]:
    return {
        "count": field.count,
        "nulls": field.nulls,
        "min": field.lowest,
        "max": field.highest,
        "mean": field.mean,
    }


def _is_exact(field: FieldTrace) -> bool:
    """Whether a field holds no floats, so that every processor gives it the same digest."""
    is_known = all(_EXACT.fullmatch(kind) for kind in field.dtype.lower().split("|"))
    return is_known and all(map(_is_exact_value, field.head))


def _is_exact_value(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, (str, int, NoneType)) for item in value)
    return isinstance(value, (str, int, NoneType))


def _same(left: object, right: object) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return _close(left, right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return left == right


def _close(left: float, right: float) -> bool:
    try:
        return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=1e-12)
    except OverflowError:  # an integer beyond every double
        return left == right


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _refused("a count")


def _number(value: object) -> float | None:
    if value is None or isinstance(value, str):
        return None  # the worker tells of an integer beyond 64 bits as text
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise _refused("a number")


def _refused(expected: str) -> ManifestError:
    return ManifestError(f"expected {expected}, found otherwise", code="package/trace")
