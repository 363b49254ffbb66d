"""Windows added up: of hours, of gateways, of what is sealed and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from ketch.monitor.profiles.window import FieldProfile, Window
from ketch.tables.frequent import Frequent
from ketch.tables.merge import merge_columns
from ketch.tables.profile import ColumnProfile

_WIDER = {
    frozenset({"int64", "float64"}): "float64",
    frozenset({"timestamp[us, UTC]", "string"}): "string",
}


def merged(windows: Sequence[Window]) -> Window:
    """Return some windows of one route as one.

    Counts, ranges and values are exact; sums of floats are rounded once more for each
    window; quantiles and numbers of different values keep their bounds. Of several packages,
    ``digest`` is empty and ``package`` names them all.

    Raises:
        ValueError: There are none.
    """
    if not windows:
        raise ValueError("expected windows to add up, found none")
    return reduce(_both, sorted(windows, key=lambda one: (one.start, one.digest)))


def _both(a: Window, b: Window) -> Window:
    packages = sorted({*a.package.split(" + "), *b.package.split(" + ")})
    return Window(
        route=a.route,
        package=" + ".join(packages),
        digest=a.digest if a.digest == b.digest else "",
        start=min(a.start, b.start),
        end=max(a.end, b.end),
        decisions=a.decisions + b.decisions,
        rows=a.rows + b.rows,
        fields=_fields(a, b),
        left_out=max(a.left_out, b.left_out),
    )


def _fields(a: Window, b: Window) -> tuple[FieldProfile, ...]:
    one, other = ({(field.side, field.name): field for field in w.fields} for w in (a, b))
    return tuple(
        both(
            one.get(key) or absent(other[key], a.rows),
            other.get(key) or absent(one[key], b.rows),
        )
        for key in sorted({*one, *other})
    )


def absent(field: FieldProfile, rows: int) -> FieldProfile:
    """Return a field that none of some rows has; the members of structs were in no struct."""
    rows = rows if "." not in field.name else 0
    none = Frequent({})
    column = ColumnProfile(field.name, "null", nulls=rows, frequent=none)
    return FieldProfile(field.side, field.name, rows, rows, column, values=none)


def both(a: FieldProfile, b: FieldProfile) -> FieldProfile:
    """Return what a field held in two windows; of two kinds of values, the more frequent."""
    kind = _kind(a, b)
    of = max(a, b, key=lambda one: (_weight(one.column), one.column.type))
    other = b if of is a else a
    rows, missing = a.rows + b.rows, a.missing + b.missing
    other_type = a.other_type + b.other_type
    if kind is None:
        other_type += _weight(other.column)
        return replace(of, rows=rows, missing=missing, other_type=other_type)
    values = _values(a.values, b.values)
    return FieldProfile(
        side=a.side,
        name=a.name,
        rows=rows,
        missing=missing,
        other_type=other_type,
        column=_column(a.column, b.column, kind, values),
        lengths=_lengths(a.lengths, b.lengths),
        values=values,
        is_personal=of.is_personal,
    )


def _kind(a: FieldProfile, b: FieldProfile) -> str | None:
    """Return the type that holds what both hold; None where they are different things."""
    is_nothing = "null" in (a.column.type, b.column.type)
    if a.is_personal != b.is_personal and not is_nothing:
        return None
    return _wider(a.column.type, b.column.type)


def _weight(column: ColumnProfile) -> int:
    return column.count + column.not_finite


def _wider(a: str, b: str) -> str | None:
    items = [one.removeprefix("list<").removesuffix(">") for one in (a, b)]
    if items[0] == items[1] or items[1] == "null":
        item = items[0]
    elif items[0] == "null":
        item = items[1]
    else:
        item = _WIDER.get(frozenset(items), "")
    is_list = a.startswith("list<") or b.startswith("list<")
    return (f"list<{item}>" if is_list else item) if item else None


def _column(
    a: ColumnProfile, b: ColumnProfile, kind: str, values: Frequent | None
) -> ColumnProfile:
    if not a.count or not b.count:  # where nothing is, there are no sketches to add
        of = max(a, b, key=lambda one: (one.count, one.type != "null"))
        other = b if of is a else a
        return replace(
            of,
            type=kind,
            nulls=of.nulls + other.nulls,
            not_finite=of.not_finite + other.not_finite,
            frequent=shown(values),
        )
    if a.type != b.type and kind.endswith(("string", "string>")):  # times and texts
        a, b = (replace(one, min=None, max=None) for one in (a, b))
    whole = merge_columns(a, b)
    return replace(whole, type=kind, frequent=shown(values))


def shown(values: Frequent | None) -> Frequent | None:
    """Return the values if they are kinds rather than persons."""
    return values if values is not None and values.repeats else None


def _values(a: Frequent | None, b: Frequent | None) -> Frequent | None:
    return None if a is None or b is None else a.add(b.counts)


def _lengths(a: ColumnProfile | None, b: ColumnProfile | None) -> ColumnProfile | None:
    if a is None or b is None:
        return a or b
    return _column(a, b, a.type, _values(a.frequent, b.frequent))
