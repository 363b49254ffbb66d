"""Cells of text files (CSV) as values in JSON form.

A cell says less than JSON does, so the field's type says what it means, and the cell
must spell a value of that type: ``3`` is an integer, ``3.0`` and ``3,000`` are not.
An empty cell is null in a nullable field, the empty value in any other field of strings or
binary, and a finding elsewhere. Lists, structs and tensors are written as JSON inside the cell.
What comes out still passes the decoder, which checks ranges, days and base64.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

from ketch.errors import Finding, UsageError
from ketch.schema.decode import Row
from ketch.schema.fields import Field
from ketch.schema.nearest import did_you_mean, nearest
from ketch.schema.parse import parse_json
from ketch.schema.problems import MOST, Problem, Wrong, check_items, printable
from ketch.schema.scalars import wrong_type
from ketch.schema.types import Binary, Bool, Float, Int, List, String, Struct, Tensor, Type

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

_Read: TypeAlias = Callable[[object], object]


def read_text_rows(
    fields: Sequence[Field], rows: Sequence[Mapping[str, str]], *, first: int = 0
) -> tuple[list[Row], tuple[Finding, ...]]:
    """Return rows of cells as rows in JSON form, or no rows and every finding.

    Args:
        fields: Give each cell its type; cells of other names stay text.
        rows: Cells by column name, as ``csv.DictReader`` returns them, whose marks for
            rows with too few or too many cells are understood.
        first: The number of the first row in its file, for the findings.
    """
    readers = {field.name: _cell(field) for field in fields}

    def cells(row: object) -> object:
        wrong = Wrong()
        values: Row = {}
        for name, cell in cast("Mapping[str, str]", row).items():
            try:
                values[name] = readers.get(name, _text)(cell)
            except Wrong as inner:
                place = f".{printable(name)}" if name else ""  # cells too many have no name
                wrong.add(place, inner)
        if wrong.problems:
            raise wrong
        return values

    try:
        return cast("list[Row]", check_items(cells, rows, first)), ()
    except Wrong as wrong:
        return [], tuple(wrong.to_findings("rows"))


def check_columns(fields: Sequence[Field], columns: Sequence[str], where: str) -> Iterator[Finding]:
    """Yield what is wrong with the column names of a file, once instead of in every row."""
    known = [field.name for field in fields]
    missing = [f.name for f in fields if f.name not in columns and not f.optional]
    twice = [(name, count) for name, count in Counter(columns).items() if count > 1]
    for name, count in twice[:MOST]:
        message = f"expected each column once, found `{printable(name, 64)}` `{count}` times"
        yield Finding("schema/duplicate-column", message, where)
    unknown = [name for name in dict.fromkeys(columns) if name not in known]
    for name in missing:  # before the unknown ones, as the decoder says it of a row
        message = f"expected a column `{name}`, found none"
        close = nearest(name, unknown)
        there = printable(close, 64) if close else None
        hint = f"`{there}` is there; is it the same under another name?" if there else None
        yield Finding("schema/missing-field", message, where, hint)
    for name in unknown[:MOST]:
        message = f"expected a declared column, found `{printable(name, 64)}`"
        hint = did_you_mean(name, missing or known)
        yield Finding("schema/unknown-field", message, where, hint)
    if more := max(len(unknown) - MOST, 0) + max(len(twice) - MOST, 0):
        yield Finding("schema/more", f"and {more} more", where)


def _cell(field: Field) -> _Read:
    """Return what reads the cells of one field."""
    by_type = _of_type(field.type)

    def read(cell: object) -> object:
        if cell == "" and field.nullable:
            return None
        if cell == "" and not isinstance(field.type, String | Binary):
            raise Wrong(Problem("schema/null", f"`{field.type}`", None, found="an empty cell"))
        try:
            return by_type(cell)
        except Wrong as wrong:
            raise wrong.without_values() if field.pii else wrong from None

    return read


def _of_type(t: Type) -> _Read:
    match t:
        case Bool():
            return _bool
        case Int():
            return lambda cell: _int(t, cell)
        case Float():
            return lambda cell: _float(t, cell)
        case List() | Struct() | Tensor():
            return lambda cell: _json(t, cell)
        case _:
            return _text


def _text(cell: object) -> object:
    if isinstance(cell, str):
        return cell
    found = "fewer" if cell is None else "more"
    raise Wrong(Problem("schema/wrong-cells", "one cell for each column", cell, found=found))


def _bool(cell: object) -> object:
    text = str(_text(cell))
    if text in _BOOLS:
        return _BOOLS[text]
    raise wrong_type(Bool(), cell, "write `true` or `false`")


def _int(t: Int, cell: object) -> object:
    text = str(_text(cell))
    if _INTEGER.fullmatch(text):
        return int(text)
    hint = None
    if _NUMBER.fullmatch(text):
        hint = "write integers without a fraction; in pandas, `astype('Int64')` before `to_csv`"
    raise wrong_type(t, cell, hint)


def _float(t: Float, cell: object) -> object:
    text = str(_text(cell))
    if _INTEGER.fullmatch(text):
        return int(text)  # the decoder knows whether the type can hold it
    if _NUMBER.fullmatch(text):
        return float(text)
    hint = None
    if text.lower().lstrip("+-") in {"nan", "inf", "infinity", "na", "null"}:
        hint = "leave the cell of a missing number empty, in a nullable field"
    raise wrong_type(t, cell, hint)


def _json(t: Type, cell: object) -> object:
    text = str(_text(cell))
    try:
        return parse_json(text.encode("utf-8", "replace"))
    except UsageError as error:
        raise wrong_type(t, cell, f"write it as JSON: {error.message}") from None
