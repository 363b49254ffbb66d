"""Fields of a window and of training data, profiled as the log and ``ketch pack`` profile them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ketch.monitor.drift.looking import compared
from ketch.monitor.drift.reference import Key, Reference, of_column
from ketch.monitor.drift.value import FieldDrift
from ketch.monitor.profiles import FieldProfile, Window
from ketch.tables.gather import gatherer_of
from ketch.tables.profile import ColumnProfile

Columns = Mapping[str, Sequence[object]]
START = datetime(2026, 3, 2, tzinfo=UTC)
_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string"}


def profile(name: str, values: Sequence[object]) -> ColumnProfile:
    """Return the profile of a column, gathered in blocks."""
    kind = next((type(one) for one in values if one is not None), str)
    gatherer = gatherer_of(name, _TYPES[kind])
    for at in range(0, len(values), 4096):
        gatherer.add(values[at : at + 4096])
    return gatherer.finish()


def trained(columns: Columns) -> dict[Key, Reference]:
    """Return columns as the training data of a package."""
    found = ((name, values) for name, values in columns.items())
    return {("input", name): of_column(profile(name, one), len(one)) for name, one in found}


def live(columns: Columns, more: Mapping[str, int] | None = None) -> Window:
    """Return columns as a window; ``more`` are values of another type, by field."""
    other = more or {}
    found = ((profile(name, values), len(values)) for name, values in columns.items())
    fields = tuple(
        FieldProfile("input", one.name, rows, one.nulls, one, other.get(one.name, 0))
        for one, rows in found
    )
    rows = max(one.rows for one in fields)
    end = START + timedelta(hours=1)
    digest = "sha256:" + "1" * 64
    return Window("loans", "lender:1.0.0", digest, START, end, rows, rows, fields)


def drift(before: Columns, after: Columns, repeats: float = 1.0) -> dict[str, FieldDrift]:
    """Return each field held against what it was."""
    fields, _ = compared(live(after), trained(before), repeats)
    return {one.name: one for one in fields}


def drifted(before: Columns, after: Columns, repeats: float = 1.0) -> set[str]:
    """Return the names of what drifted."""
    return {name for name, one in drift(before, after, repeats).items() if one.drifted}
