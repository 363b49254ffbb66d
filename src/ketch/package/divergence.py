"""Which step moved first: two traces of the same inputs, compared.

The question that matters when an answer changed. Digests are compared first, then the
first values and the summary, as closely as two processors can agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from types import NoneType

from ketch.package.trace import FieldTrace, StepTrace

TOLERANCE = 1e-6
"""Relative difference below which two floats count as the same step result."""

_EXACT = re.compile(r"u?int\d*|bool(ean)?|str|string|object|list|tuple|bytes|date|null")


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
