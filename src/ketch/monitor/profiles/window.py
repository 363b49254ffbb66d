"""What one package was asked and answered in one time, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self, TypeAlias

from ketch.tables.frequent import Frequent
from ketch.tables.profile import ColumnProfile

Side: TypeAlias = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """What one field held.

    Attributes:
        side: Whether it was asked or answered.
        name: Of the field; ``address.city`` of a member of a struct, also of the structs in
            a list.
        rows: How many rows could have had it; of a member, structs.
        missing: How many of them had no value, or null.
        other_type: Values of another kind than most: text among numbers, say. They are in no
            figure of ``column``.
        column: Its values, as the profile of a file has those of a column; of lists, their
            items. Numbers are ``int64`` or ``float64``, text is ``string``, or
            ``timestamp[us, UTC]`` where all of it is ISO 8601. Of personal data, counts.
        lengths: The characters of texts that are no times, or the items of lists.
        values: As ``column.frequent``, but also where the values do not repeat yet: they are
            to be added to those of other hours, and not to be shown.
        is_personal: Whether the log has keyed hashes in place of the values.
    """

    side: Side
    name: str
    rows: int
    missing: int
    column: ColumnProfile
    other_type: int = 0
    lengths: ColumnProfile | None = None
    values: Frequent | None = None
    is_personal: bool = False

    @property
    def missing_share(self) -> float:
        """The share of rows without a value."""
        return self.missing / self.rows if self.rows else 0.0

    def settled(self) -> Self:
        """Return what may be kept for good: values that do not repeat are forgotten."""
        return replace(self, values=self.column.frequent)

    def to_json(self) -> dict[str, object]:
        """Return the field as a JSON object."""
        counts = None if self.values is None else self.values.counts
        return {
            "side": self.side,
            "name": self.name,
            "rows": self.rows,
            "missing": self.missing,
            "other_type": self.other_type,
            "is_personal": self.is_personal,
            "column": self.column.to_json(),
            "lengths": None if self.lengths is None else self.lengths.to_json(),
            "values": None if counts is None else [list(pair) for pair in counts.items()],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is no such field.
        """
        lengths, values = body["lengths"], body["values"]
        return cls(
            side=body["side"],
            name=body["name"],
            rows=body["rows"],
            missing=body["missing"],
            other_type=body["other_type"],
            is_personal=body["is_personal"],
            column=ColumnProfile.from_json(body["column"]),
            lengths=None if lengths is None else ColumnProfile.from_json(lengths),
            values=None if values is None else Frequent(dict(values)),
        )


@dataclass(frozen=True, slots=True)
class Window:
    """What a package was asked on a route in some time, and answered.

    Attributes:
        route: The route.
        package: ``name:version``.
        digest: The package, exactly; empty where several were added up.
        start, end: From when until when, the end not included; UTC.
        decisions: How many it is about: those that were answered, and not by shadows.
        rows: How many rows were asked in them.
        fields: Inputs, then outputs, each by name.
        left_out: How many more fields there were than a profile has room for.

    Law: ``Window.from_json(w.to_json()) == w`` for every window ``w``.
    """

    route: str
    package: str
    digest: str
    start: datetime
    end: datetime
    decisions: int
    rows: int
    fields: tuple[FieldProfile, ...]
    left_out: int = 0

    def field(self, name: str, side: Side = "input") -> FieldProfile:
        """Return a field.

        Raises:
            KeyError: There is none.
        """
        return {(one.side, one.name): one for one in self.fields}[side, name]

    def settled(self) -> Self:
        """Return what may be kept for good, see :meth:`FieldProfile.settled`."""
        return replace(self, fields=tuple(one.settled() for one in self.fields))

    def to_json(self) -> dict[str, object]:
        """Return the window as a JSON object."""
        return {
            "format": FORMAT,
            "route": self.route,
            "package": self.package,
            "digest": self.digest,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "decisions": self.decisions,
            "rows": self.rows,
            "left_out": self.left_out,
            "fields": [one.to_json() for one in self.fields],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is no window of this format.
        """
        if body["format"] != FORMAT:
            raise ValueError(body["format"])
        return cls(
            route=body["route"],
            package=body["package"],
            digest=body["digest"],
            start=datetime.fromisoformat(body["start"]),
            end=datetime.fromisoformat(body["end"]),
            decisions=body["decisions"],
            rows=body["rows"],
            left_out=body["left_out"],
            fields=tuple(FieldProfile.from_json(one) for one in body["fields"]),
        )


FORMAT = "ketch-window/1"
