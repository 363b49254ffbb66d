"""What live values are held against: the training data of the package, or the window before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ketch.monitor.drift.value import Against
from ketch.monitor.profiles import FieldProfile, Side, Window
from ketch.package import Package
from ketch.tables.frequent import Plain
from ketch.tables.profile import ColumnProfile

Key = tuple[Side, str]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a field was.

    Attributes:
        against: Whence it is known.
        column: Its values.
        rows: How many rows there were.
        missing: How many of them had no value.
        values: Value → how often it came, of a field with few; None of any other.
        lengths: Of texts or lists; None where nobody measured them.
        other_type: Values of another type than most.
        repeats: How many rows count as one.
    """

    against: Against
    column: ColumnProfile
    rows: int
    missing: int
    values: Mapping[Plain, int] | None
    lengths: ColumnProfile | None = None
    other_type: int = 0
    repeats: float = 1.0


def training(package: Package) -> dict[Key, Reference]:
    """Return what each field was in the package's own training data.

    Columns are found by the names of inputs and outputs; where several data references have
    one of that name, the one with most inputs counts.
    """
    schema = package.manifest.schema
    names = {one.name for one in schema.inputs}
    tables = sorted(
        package.profiles.values(),
        key=lambda one: len(names & {column.name for column in one.columns}),
        reverse=True,
    )
    sides: tuple[tuple[Side, tuple[str, ...]], ...] = (
        ("input", tuple(one.name for one in schema.inputs)),
        ("output", tuple(one.name for one in schema.outputs)),
    )
    found: dict[Key, Reference] = {}
    for table in tables:
        columns = {column.name: column for column in table.columns}
        for side, listed in sides:
            for name in listed:
                if name in columns and table.row_count:
                    known = of_column(columns[name], table.row_count)
                    found.setdefault((side, name), known)
    return found


def previous(window: Window, repeats: float) -> dict[Key, Reference]:
    """Return what each field was in the window before."""
    return {
        (one.side, one.name): Reference(
            Against.PREVIOUS,
            one.column,
            one.rows,
            one.missing,
            values_of(one),
            one.lengths,
            one.other_type,
            repeats,
        )
        for one in window.fields
        if one.rows
    }


def values_of(field: FieldProfile) -> Mapping[Plain, int] | None:
    """Return how often each value of a live field came; None where there are too many to tell."""
    known = field.column.frequent
    return None if known is None or not field.column.count else known.counts


def of_column(column: ColumnProfile, rows: int) -> Reference:
    """Return what a field was, from a column of that many rows of training data."""
    known = column.frequent if column.count else None
    # NaN is how frames write that a number is missing; among the items of lists no row is.
    not_numbers = 0 if column.type.startswith("list<") else column.not_finite
    return Reference(
        Against.TRAINING,
        column,
        rows,
        min(rows, column.nulls + not_numbers),
        None if known is None else known.counts,
    )


def kinds(*columns: ColumnProfile) -> Iterator[str]:
    """Yield the kind of each column's values; ``nothing`` where it has none."""
    for column in columns:
        item = column.type
        while item.startswith("list<"):
            item = item[len("list<") : -1]
        if not column.count:
            yield "nothing"
        elif column.quantile_sketch is not None:
            yield "numbers"
        elif item.startswith(("timestamp", "date")):
            yield "times"
        else:
            yield "truth values" if item.startswith("bool") else "texts"
