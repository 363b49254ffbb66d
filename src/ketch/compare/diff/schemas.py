"""The schemas of two packages: by field, and whether one can stand in for the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from ketch.compare.diff.changes import Change, Kind, changes, kind_of
from ketch.errors import Finding
from ketch.schema import Field, Schema
from ketch.schema.compatible import incompatibilities


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that is not declared as it was.

    Attributes:
        path: Such as ``inputs.age``.
        kind: Added, removed or changed.
        a, b: Its declaration; ``None`` where it is not there.
    """

    path: str
    kind: Kind
    a: Field | None
    b: Field | None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What of the declaration is not the same: type, bounds, tolerances, description."""
        return changes(_declared(self.a), _declared(self.b)) if self.a and self.b else ()

    def mirrored(self) -> Self:
        """Return the same field, on the way from ``b`` to ``a``."""
        return replace(self, kind=self.kind.mirrored, a=self.b, b=self.a)

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object."""
        return {
            "path": self.path,
            "change": str(self.kind),
            "a": None if self.a is None else self.a.to_json(),
            "b": None if self.b is None else self.b.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Schemas:
    """How two schemas differ.

    Attributes:
        fields: The fields that are not the same.
        reordered: ``inputs`` or ``outputs``, where the fields of both stand in another order:
            that is the order of the columns that a package sees.
        b_for_a: What callers of ``a`` would stumble over at ``b``; empty when nothing.
        a_for_b: What callers of ``b`` would stumble over after a roll back to ``a``.
    """

    fields: tuple[FieldChange, ...]
    reordered: tuple[str, ...]
    b_for_a: tuple[Finding, ...]
    a_for_b: tuple[Finding, ...]

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        fields = tuple(change.mirrored() for change in self.fields)
        return replace(self, fields=fields, b_for_a=self.a_for_b, a_for_b=self.b_for_a)

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "compatible": not self.b_for_a,
            "b_for_a": _told(self.b_for_a),
            "a_for_b": _told(self.a_for_b),
            "reordered": list(self.reordered),
            "fields": [change.to_json() for change in self.fields],
        }


def diff_schemas(a: Schema, b: Schema) -> Schemas:
    """Return how two schemas differ, and whether one can stand in for the other."""
    sides = {"inputs": (a.inputs, b.inputs), "outputs": (a.outputs, b.outputs)}
    found = [change for side, fields in sides.items() for change in _fields(side, *fields)]
    reordered = tuple(side for side, fields in sides.items() if _is_reordered(*fields))
    return Schemas(tuple(found), reordered, incompatibilities(a, b), incompatibilities(b, a))


def _fields(side: str, a: Sequence[Field], b: Sequence[Field]) -> Iterable[FieldChange]:
    there, here = _named(a), _named(b)
    for name in sorted(there.keys() | here.keys()):
        one, other = there.get(name), here.get(name)
        if one != other:
            kind = kind_of(in_a=one is not None, in_b=other is not None)
            yield FieldChange(f"{side}.{name}", kind, one, other)


def _is_reordered(a: Sequence[Field], b: Sequence[Field]) -> bool:
    there, here = _named(a), _named(b)
    return [name for name in there if name in here] != [name for name in here if name in there]


def _named(fields: Sequence[Field]) -> dict[str, Field]:
    return {field.name: field for field in fields}


def _declared(field: Field) -> dict[str, object]:
    """Return a declaration; its values are a set, of which no order counts."""
    body = field.to_json()
    if field.values is not None:
        body["values"] = {str(one): True for one in field.values}
    return body


def _told(findings: Iterable[Finding]) -> list[dict[str, object]]:
    return [{"where": one.where, "message": one.message} for one in findings]
