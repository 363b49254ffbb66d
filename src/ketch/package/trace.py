"""Step traces: what each step of the pipeline returned, small enough to keep.

A trace holds, for every field of every step, an exact digest of its values and a
summary: counts, range and the first values. Two traces of the same inputs answer
the question that matters when an answer changed: *which step moved first?*
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from ketch.errors import ManifestError, UsageError
from ketch.package.digest import Digest
from ketch.schema.parse import canonical_json, parse_json

TOLERANCE = 1e-6
"""Relative difference below which two floats count as the same step result."""


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
    def from_json(cls, body: Mapping[str, object]) -> Self:
        """Read what the worker sent, or what :meth:`to_json` wrote."""
        head = body.get("head")
        return cls(
            name=str(body["name"]),
            dtype=str(body.get("dtype", "")),
            count=_count(body.get("count")),
            nulls=_count(body.get("nulls")),
            digest=None if body.get("digest") is None else str(body["digest"]),
            lowest=_number(body.get("min")),
            highest=_number(body.get("max")),
            mean=_number(body.get("mean")),
            head=tuple(head) if isinstance(head, list) else (),
        )

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
        if not isinstance(body, Mapping) or not isinstance(body.get("fields"), list):
            raise ManifestError("expected a step trace", code="package/trace")
        try:
            return cls(
                step=str(body["step"]),
                rows=_count(body.get("rows")),
                fields=tuple(FieldTrace.from_json(field) for field in body["fields"]),
            )
        except (KeyError, TypeError, AttributeError) as problem:
            raise ManifestError("expected a step trace", code="package/trace") from problem

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
        if not isinstance(body, Mapping) or not isinstance(body.get("steps"), list):
            raise ManifestError("expected a scenario trace", code="package/trace")
        scenario = body.get("scenario")
        if not isinstance(scenario, str):
            raise ManifestError("expected the name of a scenario", code="package/trace")
        return cls(
            scenario=scenario,
            inputs=Digest.parse(str(body.get("inputs"))),
            steps=tuple(StepTrace.from_json(step) for step in body["steps"]),
        )


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where two traces of the same inputs part.

    Attributes:
        step: The step, as ``module:function``.
        field: The field of that step's result.
        row: Which row, counted from 0, when it is among the first values.
        expected, found: What the reference and the present run returned there.
    """

    step: str
    field: str
    row: int | None
    expected: object
    found: object

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        return {
            "step": self.step,
            "field": self.field,
            "row": self.row,
            "expected": self.expected,
            "found": self.found,
        }


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
    two runs of one program on two processors can be.
    """
    for expected, actual in zip(reference, found, strict=False):
        if expected.step != actual.step:
            return Divergence(actual.step, "", None, expected.step, actual.step)
        if divergence := _step_divergence(expected, actual):
            return divergence
    if len(reference) != len(found):
        longer = reference if len(reference) > len(found) else found
        step = longer[min(len(reference), len(found))].step
        return Divergence(step, "", None, len(reference), len(found))
    return None


def _from_line(line: bytes, number: int) -> ScenarioTrace:
    where = f"traces.jsonl:{number}"
    try:
        return ScenarioTrace.from_json(parse_json(line))
    except UsageError as problem:
        raise ManifestError(problem.message, code="package/trace", where=where) from problem
    except ManifestError as problem:
        raise ManifestError(problem.message, code=problem.code, where=where) from problem


def _step_divergence(expected: StepTrace, actual: StepTrace) -> Divergence | None:
    found = {field.name: field for field in actual.fields}
    for field in expected.fields:
        other = found.get(field.name)
        if other is None:
            names = [name for name in found if name not in {f.name for f in expected.fields}]
            return Divergence(expected.step, field.name, None, field.name, names or None)
        if field.digest is not None and field.digest == other.digest:
            continue
        for row, (left, right) in enumerate(zip(field.head, other.head, strict=False)):
            if not _same(left, right):
                return Divergence(expected.step, field.name, row, left, right)
        for left, right in zip(_summary(field), _summary(other), strict=True):
            if not _same(left, right):
                return Divergence(expected.step, field.name, None, left, right)
    return None


def _summary(field: FieldTrace) -> tuple[object, ...]:
    return (field.count, field.nulls, field.lowest, field.highest, field.mean)


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
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value
