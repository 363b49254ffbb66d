"""Step traces: what each step of the pipeline returned, small enough to keep.

A trace holds, for every field of every step, an exact digest of its values and a
summary: counts, range and the first values. Two traces of the same inputs tell which
step moved first: :mod:`ketch.package.divergence`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ketch.errors import ManifestError, UsageError
from ketch.package.digest import Digest
from ketch.schema.parse import canonical_json, parse_json


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


def _from_line(line: bytes, number: int) -> ScenarioTrace:
    where = f"traces.jsonl:{number}"
    try:
        return ScenarioTrace.from_json(parse_json(line))
    except UsageError as problem:
        raise ManifestError(problem.message, code="package/trace", where=where) from problem
    except ManifestError as problem:
        raise ManifestError(problem.message, code=problem.code, where=where) from problem


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
