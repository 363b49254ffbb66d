"""An example that a notebook holds: rows in JSON form, and the fields that they fit.

A DataFrame says the types of its columns; what it leaves open is asked, as a finding that
names the line of ``ketch.toml`` to decide.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ketch.authoring.drafting.columns import field_names
from ketch.authoring.drafting.examples import ROWS_READ, Examples
from ketch.errors import Finding, UsageError
from ketch.schema import Bool, Field, Float, Int, String, Timestamp, Type, infer_fields

FEW = 30
"""So many different texts at most look like categories."""

ALONE = 3
"""So many findings that are alike are told each by itself."""

_NUMBER = re.compile(r"(u?int|float)(8|16|32|64)", re.IGNORECASE)
_MOMENT = re.compile(r"(?:datetime64|timestamp)\[(s|ms|us|ns)(?:, (.+?))?\](?:\[pyarrow\])?")
_PLACE = "ketch.toml: inputs"
_OPEN = "init/categories-open"


@dataclass(frozen=True, slots=True)
class Example:
    """Rows that a pipeline takes.

    Attributes:
        rows: In JSON form, under the names of the fields.
        fields: What they fit.
        takes: What the first step gets: ``dataframe``, ``records`` or ``record``.
        columns: Each field → what the notebook calls it, where that differs.
        findings: What a person has to decide.
    """

    rows: tuple[dict[str, object], ...]
    fields: tuple[Field, ...]
    takes: str
    columns: Mapping[str, str]
    findings: tuple[Finding, ...] = ()


def example_of(value: object) -> Example:
    """Read an example that a notebook holds: a DataFrame, dicts, or a dict of columns.

    Raises:
        UsageError: ``init/no-example``: it is something else, or has no rows.
    """
    rows, dtypes, takes, findings = _read(value)
    if not rows or not rows[0]:
        raise UsageError("expected example rows, found none", code="init/no-example")
    return _typed(rows, dtypes, takes, findings)


def example_of_file(examples: Examples, takes: str) -> Example:
    """Read an example from rows of a file, for a first step that takes them so."""
    rows = [{name: row.get(name) for name in examples.columns} for row in examples.rows]
    return _typed(rows, {}, takes, ())


def _read(
    value: object,
) -> tuple[list[dict[str, Any]], dict[str, str], str, tuple[Finding, ...]]:
    if hasattr(value, "columns") and hasattr(value, "dtypes"):
        return _of_frame(value)
    if isinstance(value, Mapping):
        columns = {str(name): _listed(one) for name, one in value.items()}
        lengths = {len(one) for one in columns.values() if one is not None}
        if columns and None not in columns.values() and len(lengths) == 1:
            cells = [one or [] for one in columns.values()]
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]
            return rows[:ROWS_READ], {}, "dataframe", ()
        return [dict(value)], {}, "record", ()
    if isinstance(value, (list, tuple)) and all(isinstance(one, Mapping) for one in value):
        return [dict(one) for one in value[:ROWS_READ]], {}, "records", ()
    raise UsageError(
        "expected an example as a DataFrame, a list of dicts or a dict of columns, found "
        f"`{type(value).__name__}`",
        code="init/no-example",
        hint="give some rows as the first step gets them",
    )


def _of_frame(
    frame: Any,
) -> tuple[list[dict[str, Any]], dict[str, str], str, tuple[Finding, ...]]:
    names = list(frame.columns)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise UsageError(
            f"expected columns with different names that are text, found {names[:5]!r}",
            code="init/no-example",
            hint="name them: `frame.columns = [...]`",
        )
    some = frame.head(ROWS_READ)
    if hasattr(frame, "iloc"):  # pandas
        dtypes = {name: str(kind) for name, kind in zip(names, frame.dtypes, strict=True)}
        values = [some[name].astype(object).tolist() for name in names]
        findings = tuple(_index(frame.index))
    else:
        dtypes, findings = {}, ()
        values = [some[name].to_list() for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
    return rows, dtypes, "dataframe", findings


def _index(index: Any) -> Iterator[Finding]:
    if type(index).__name__ != "RangeIndex" and (index.name or index.nlevels > 1):
        named = ", ".join(f"`{name}`" for name in index.names)
        yield Finding(
            "init/notebook-index",
            f"the index {named} of the example is no column, and a request does not have it",
            _PLACE,
            "give `example.reset_index()` when the steps need it",
            blocks=False,
        )


def _typed(
    rows: Sequence[Mapping[str, Any]],
    dtypes: Mapping[str, str],
    takes: str,
    findings: Sequence[Finding],
) -> Example:
    names = field_names(dict.fromkeys(name for row in rows for name in row))
    plain = [{names[name]: _plain(value) for name, value in row.items()} for row in rows]
    inferred, unsure = infer_fields(plain, _PLACE)
    known = {field.name: field for field in inferred}
    fields: list[Field] = []
    told = {f"{_PLACE}.{names[name]}" for name, kind in dtypes.items() if _type_of(kind)}
    asked: list[Finding] = [*findings, *(one for one in unsure if one.where not in told)]
    for column, name in names.items():
        values = [row.get(name) for row in plain]
        field = _with_dtype(name, known.get(name), dtypes.get(column, ""), values, takes)
        if field is None:
            continue
        asked.extend(_asked(field, dtypes.get(column, ""), values))
        fields.append(field)
    asked = [*(one for one in asked if one.code != _OPEN), *_together(asked)]
    return Example(
        tuple(dict(row) for row in plain),
        tuple(fields),
        takes,
        {name: column for column, name in names.items() if name != column},
        tuple(replace(one, blocks=one.blocks and one.code != "schema/unsure") for one in asked),
    )


def _with_dtype(
    name: str, known: Field | None, dtype: str, values: Sequence[object], takes: str
) -> Field | None:
    """Return a field in the type of its column, as far as the rows allow."""
    has_gaps = any(value is None for value in values)
    kind = _type_of(dtype)
    if kind is not None:
        return Field(name, kind, nullable=has_gaps)
    if known is None:
        return None
    if takes == "dataframe" and isinstance(known.type, Int) and known.nullable:
        return replace(known, type=Float(64))  # what pandas makes of whole numbers with gaps
    if dtype in ("object", "str") and not isinstance(known.type, String) and _is_text(values):
        return replace(known, type=String())
    return known


def _type_of(dtype: str) -> Type | None:
    if dtype in ("bool", "boolean"):
        return Bool()
    if found := _NUMBER.fullmatch(dtype):
        kind, bits = found[1].lower(), int(found[2])
        if kind == "float":
            return Float(32) if bits == 32 else Float(64)
        return Int(bits, signed=kind == "int")
    if found := _MOMENT.fullmatch(dtype):
        return Timestamp(found[1], found[2])  # type: ignore[arg-type] # one of four
    return None


def _asked(field: Field, dtype: str, values: Sequence[object]) -> Iterator[Finding]:
    """Yield what a person has to decide about a field."""
    where, name = f"{_PLACE}.{field.name}", field.name
    present = [value for value in values if value is not None]
    if not present:
        yield _ask("init/all-missing", f"`{name}` has no value in any row", where, "say its type")
        return
    numbers = [value for value in present if isinstance(value, (int, float))]
    is_whole = all(float(value).is_integer() for value in numbers)
    if len(present) < len(values) and isinstance(field.type, (Float, Int)) and is_whole:
        hint = 'declare `{ type = "int64", nullable = true }` if it counts, and try the steps again'
        hint = hint if isinstance(field.type, Float) else "declare `float64` if halves are possible"
        message = f"`{name}` holds whole numbers and gaps"
        yield _ask("init/integers-with-gaps", message, where, hint)
    if isinstance(field.type, Timestamp) and field.type.zone is None:
        hint = "say which: `timestamp[us, Europe/Berlin]`, or `timestamp[us, UTC]`"
        yield _ask("init/naive-timestamp", f"`{name}` holds times without a zone", where, hint)
    if isinstance(field.type, Bool) and field.nullable:
        yield _ask("init/booleans-with-gaps", f"`{name}` may be missing", where)
    if dtype == "category":
        message = f"`{name}` is a category in the notebook, and text in a request"
        hint = "make it one in the first step, with the categories of training"
        yield _ask("init/notebook-category", message, where, hint)
    elif isinstance(field.type, String) and _repeats(present):
        message = f"nobody says what a new value of `{name}` would mean"
        hint = "list the `values` it may have, and others are refused"
        yield _ask(_OPEN, message, where, hint)


def _together(asked: Sequence[Finding]) -> Iterator[Finding]:
    """Yield what is asked of categories: of many columns at once, as it is the same question."""
    alike = [one for one in asked if one.code == _OPEN]
    if len(alike) <= ALONE:
        yield from alike
        return
    names = [str(one.where).removeprefix(f"{_PLACE}.") for one in alike]
    listed = ", ".join(f"`{name}`" for name in names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    message = f"nobody says what a new value of {listed}{more} would mean"
    yield _ask(_OPEN, message, _PLACE, alike[0].hint)


def _repeats(present: Sequence[object]) -> bool:
    different = len(set(map(str, present)))
    return 1 < different <= FEW and different * 2 <= len(present)


def _ask(code: str, message: str, where: str, hint: str | None = None) -> Finding:
    return Finding(code, message, where, hint, blocks=False)


def _is_text(values: Sequence[object]) -> bool:
    return all(value is None or isinstance(value, str) for value in values)


def _listed(value: Any) -> list[Any] | None:
    if isinstance(value, (list, tuple)):
        return list(value)
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1:
        return list(value.tolist())
    return None


def _plain(value: Any) -> object:
    """Return a value in JSON form, as a request would carry it."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if hasattr(value, "tolist"):  # numpy's, and a column in a cell
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        return [_plain(one) for one in items]
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
