"""How the data behind two packages differs, in words: references first, then the columns."""

from __future__ import annotations

from collections.abc import Iterator

from ketch.cli.columns import columns
from ketch.cli.differing_lines import SHOWN, Line, change_lines, line, marked, more, value
from ketch.cli.fit import crop
from ketch.cli.text import percent
from ketch.compare.diff.changes import Change, Kind
from ketch.compare.diff.columns import ColumnChange
from ketch.compare.diff.data import Data, ReferenceChange

_COLUMNS = 12
_TELLING = (
    *("type", "missing", "not_finite", "mean", "q50", "min", "max", "distinct", "named"),
    *("count", "q05", "q25", "q75", "q95"),
)
_SHARES = {"missing", "not_finite"}
_MOST = 3


def data_lines(found: Data) -> Iterator[Line]:
    """Yield what is not the same in each data reference."""
    for change in found.references[:SHOWN]:
        yield marked(change.kind, change.name)
        yield from _reference(change)
    yield from more(len(found.references), SHOWN, "reference")


def _reference(change: ReferenceChange) -> Iterator[Line]:
    extent = [one for one in change.extent if one.path != ("digest",)]
    yield from change_lines([*change.declared, *extent], indent=6)
    if change.extent and not extent:
        yield line("      ~ other rows, as many and of the same time")
    rows = [(f"{_mark(one)} {one.name}", _moved(one)) for one in change.columns[:_COLUMNS]]
    yield from (line(f"      {text}") for text in columns(rows).splitlines())
    yield from more(len(change.columns), _COLUMNS, "column that moved less", indent=6)


def _mark(column: ColumnChange) -> str:
    return {Kind.ADDED: "+", Kind.REMOVED: "-"}.get(column.kind, "~")


def _moved(column: ColumnChange) -> str:
    """Return the most telling of what differs, values that came and went first."""
    known = {str(one.path[0]): one for one in column.figures}
    figures = [_figure(name, known[name]) for name in _TELLING if name in known]
    gone = [one for one in column.values if one.kind is not Kind.CHANGED]
    shares = gone or column.values
    said = [*(_value(one) for one in shares[:_MOST]), *figures[:_MOST]]
    said += [f"{len(shares) - _MOST} more values"] if len(shares) > _MOST else []
    return crop("; ".join(said) or "other values, of which every figure is the same", 78)


def _figure(name: str, change: Change) -> str:
    if name in _SHARES:
        return f"{name} {percent(_share(change.a))} → {percent(_share(change.b))}"
    a, b = (_short(one) for one in (change.a, change.b))
    return f"{name} {a} → {b}"


def _short(found: object) -> str:
    return "none" if found is None else f"{found:.6g}" if isinstance(found, float) else str(found)


def _value(change: Change) -> str:
    name = crop(value(change.path[0]), 24)
    if change.kind is Kind.ADDED:
        return f"new {name} {percent(round(_share(change.b), 4))}"
    if change.kind is Kind.REMOVED:
        return f"gone {name} {percent(round(_share(change.a), 4))}"
    return f"{name} {percent(round(_share(change.a), 4))} → {percent(round(_share(change.b), 4))}"


def _share(found: object) -> float:
    return float(found) if isinstance(found, int | float) else 0.0
