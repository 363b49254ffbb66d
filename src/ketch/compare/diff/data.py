"""The data references of two packages: where data came from, and what it looked like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from ketch.compare.diff.changes import MOST, Change, Kind, changes, kind_of
from ketch.compare.diff.columns import ColumnChange, diff_columns
from ketch.compare.diff.files import Files
from ketch.tables import Profile

_EXTENT = ("row_count", "digest", "time_column", "time_from", "time_to")


@dataclass(frozen=True, slots=True)
class ReferenceChange:
    """A data reference that is not the same.

    Attributes:
        name: Its name.
        kind: Added, removed or changed.
        declared: What ``ketch.toml`` says of it: source, version, sample, …
        extent: Rows, digest of the rows, first and last time, where a sample was profiled.
        columns: The columns that are not the same, of what both have profiled.
    """

    name: str
    kind: Kind
    declared: tuple[Change, ...] = ()
    extent: tuple[Change, ...] = ()
    columns: tuple[ColumnChange, ...] = ()

    def mirrored(self) -> Self:
        """Return the same reference, on the way from ``b`` to ``a``."""
        return replace(
            self,
            kind=self.kind.mirrored,
            declared=tuple(change.mirrored() for change in self.declared),
            extent=tuple(change.mirrored() for change in self.extent),
            columns=tuple(change.mirrored() for change in self.columns),
        )

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object; what is beyond the bound is counted."""
        return {
            "name": self.name,
            "change": str(self.kind),
            "declared": [change.to_json() for change in self.declared],
            "extent": [change.to_json() for change in self.extent],
            "columns": [change.to_json() for change in self.columns[:MOST]],
            "columns_left_out": max(len(self.columns) - MOST, 0),
        }


@dataclass(frozen=True, slots=True)
class Data:
    """How the data of two packages differs: its references, and the samples that are shipped."""

    references: tuple[ReferenceChange, ...]
    samples: Files

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        references = tuple(change.mirrored() for change in self.references)
        return replace(self, references=references, samples=self.samples.mirrored())

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "references": [change.to_json() for change in self.references],
            **self.samples.to_json(),
        }


@dataclass(frozen=True, slots=True)
class References:
    """The data references of one package: its tables by name, and profiles where there are."""

    tables: Mapping[str, Mapping[str, object]]
    profiles: Mapping[str, Profile]


def diff_references(a: References, b: References) -> tuple[ReferenceChange, ...]:
    """Return the data references that are not on both sides as they are, by name."""
    return tuple(
        _change(name, a, b)
        for name in sorted(a.tables.keys() | b.tables.keys())
        if a.tables.get(name) != b.tables.get(name) or a.profiles.get(name) != b.profiles.get(name)
    )


def _change(name: str, a: References, b: References) -> ReferenceChange:
    one, other = a.profiles.get(name), b.profiles.get(name)
    return ReferenceChange(
        name,
        kind_of(in_a=name in a.tables, in_b=name in b.tables),
        changes(a.tables.get(name, {}), b.tables.get(name, {})),
        changes(_extent(one), _extent(other)),
        diff_columns(one, other) if one is not None and other is not None else (),
    )


def _extent(profile: Profile | None) -> dict[str, object]:
    found = {} if profile is None else {name: getattr(profile, name) for name in _EXTENT}
    return {name: value for name, value in found.items() if value is not None}
