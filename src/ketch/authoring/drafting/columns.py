"""From the columns a model was trained on to the fields of a request.

What the model says of a column and what example rows hold are both only evidence; where
they leave something open, a finding says what was assumed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ketch.authoring.drafting.examples import Examples
from ketch.authoring.drafting.said import Said, SaidColumn
from ketch.errors import Finding
from ketch.schema import Bool, Field, Float, Int, String, Tensor, Timestamp
from ketch.schema.types import NAME

WIDE = 64
"""From so many columns without names on, one tensor says more than a field each."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The inputs of a model that takes a table.

    Attributes:
        names: Each input → what the model called its column, in the order of training.
        fields: The inputs' declarations, in the same order.
        codes: Categories to turn into numbers, by input.
        floats: Inputs that are whole numbers with gaps, which training saw as floats.
        is_tensor: Whether all columns are one input, ``features``.
        findings: What was assumed.
    """

    names: Mapping[str, str]
    fields: tuple[Field, ...]
    codes: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    floats: tuple[str, ...] = ()
    is_tensor: bool = False
    findings: tuple[Finding, ...] = ()


def columns_of(said: Said, examples: Examples) -> Columns:
    """Return the inputs of a model that takes a table, and everything that was assumed."""
    if said.columns is not None:
        return _named(said.columns, examples, ())
    width = said.width or len(examples.columns)
    if width and len(examples.columns) == width:
        columns = tuple(SaidColumn(name) for name in examples.columns)
        return _named(columns, examples, (_by_place(examples.where),))
    if width == 0 or width > WIDE:
        one = Field("features", Tensor(Float(64), (width or -1,)))
        return Columns({}, (one,), is_tensor=True, findings=(_no_names(width),))
    columns = tuple(SaidColumn(f"x{index}") for index in range(width))
    return _named(columns, Examples(), (_no_names(width),))


def field_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the name of a field for each column: its own where the grammar allows it.

    >>> field_names(["age", "price (eur)", "price [eur]", "2nd"])
    {'age': 'age', 'price (eur)': 'price_eur', 'price [eur]': 'price_eur_2', '2nd': 'x_2nd'}
    """
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        name = _plain(column)
        count = 2
        while name in taken:
            name, count = f"{_plain(column)[:120]}_{count}", count + 1
        taken.add(name)
        chosen[column] = name
    return chosen


def _plain(column: str) -> str:
    if NAME.fullmatch(column) and not column.endswith((" ", ".")):
        return column
    ascii_only = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode()
    name = re.sub(r"(?:[^A-Za-z0-9.-]|_)+", "_", ascii_only).strip("_.-")[:120]
    return name if re.match(r"[A-Za-z_]", name) else f"x_{name}".rstrip("_")


def _named(
    columns: Sequence[SaidColumn], examples: Examples, findings: Sequence[Finding]
) -> Columns:
    names = field_names(column.name for column in columns)
    known, unsure = examples.fields(names)
    fields = [_field(column, names[column.name], known.get(column.name)) for column in columns]
    gaps = tuple(one.name for one in fields if isinstance(one.type, Int) and one.nullable)
    codes = {names[one.name]: tuple(one.values) for one in columns if one.coded and one.values}
    found = _findings(columns, fields, names, known, examples)
    return Columns(
        names={names[column.name]: column.name for column in columns},
        fields=tuple(fields),
        codes=codes,
        floats=gaps,
        findings=(*findings, *unsure, *found),
    )


def _field(column: SaidColumn, name: str, known: Field | None) -> Field:
    base = known or Field(name, column.type or Float(64))
    if known is not None and column.values and isinstance(column.type, String):
        base = replace(base, type=String())
    if column.closed and column.values and isinstance(base.type, (String, Int)):
        labels = tuple(one for one in column.values if isinstance(one, (str, int)))
        return replace(base, values=labels)
    return base


def _findings(
    columns: Sequence[SaidColumn],
    fields: Sequence[Field],
    names: Mapping[str, str],
    known: Mapping[str, Field],
    examples: Examples,
) -> Iterator[Finding]:
    where = "ketch.toml: inputs"
    renamed = [column for column, name in names.items() if column != name]
    if renamed:
        message = f"{_listed(renamed)} cannot be a field's name and got another"
        yield _advice("init/renamed", message, where, "pipeline.py maps the names: COLUMNS")
    missing = [column.name for column in columns if examples.rows and column.name not in known]
    if missing:
        message = f"the model wants {_listed(missing)}, which the example rows do not have"
        yield _advice("init/not-in-example", message, examples.where)
    spare = [name for name in examples.columns if name not in names]
    if spare and examples.rows:
        message = f"the model does not use {_listed(spare)}"
        yield _advice("init/not-an-input", message, examples.where)
    if not examples.rows and any(column.type is None for column in columns):
        message = "the model does not say which types its columns had; declared `float64`"
        yield _advice("init/types-unknown", message, where, "give example rows: `--example FILE`")
    yield from filter(None, map(_about, columns, fields))
    lost = [names[one.name] for one in columns if one.coded and not one.values]
    if lost:
        message = f"the file does not hold the categories of {_listed(lost)}, only their numbers"
        hint = (
            "turn categories into the numbers of training in `preprocess`, and declare their type"
        )
        yield Finding("init/categories-unknown", message, where, hint)


def _about(column: SaidColumn, one: Field) -> Finding | None:
    """Return what a person should know about the type that was chosen for a field."""
    where = f"ketch.toml: inputs.{one.name}"
    if isinstance(one.type, Int) and one.nullable:
        message = f"`{one.name}` holds whole numbers and gaps; training saw floats and NaN"
        hint = "pipeline.py makes floats of them; declare `float64` if halves are possible"
        return _advice("init/integers-with-gaps", message, where, hint)
    if isinstance(one.type, Int) and one.values is None:
        message = f"`{one.name}` held only whole numbers, so others will be refused"
        return _advice("init/integers", message, where, "declare `float64` if halves are possible")
    if isinstance(one.type, Timestamp) and one.type.zone is None:
        message = f"`{one.name}` holds times without a zone"
        hint = "say which: `timestamp[us, Europe/Berlin]`, or `timestamp[us, UTC]`"
        return _advice("init/naive-timestamp", message, where, hint)
    if isinstance(one.type, String) and one.values is None:
        return _about_categories(column, one.name, where)
    if isinstance(one.type, Bool) and one.nullable:
        return _advice("init/booleans-with-gaps", f"`{one.name}` may be missing", where)
    return None


def _about_categories(column: SaidColumn, name: str, where: str) -> Finding | None:
    if column.tolerant and not column.values:  # it reads words, not categories
        return None
    message = f"the model does not say what it does with a new category of `{name}`"
    if column.tolerant:
        seen = _listed([str(value) for value in column.values])
        message = f"the model takes a new category of `{name}` as none of {seen}"
    hint = "list the `values` it may have, and others are refused"
    return _advice("init/categories-open", message, where, hint)


def _by_place(where: str) -> Finding:
    message = "the model does not name its columns; they are those of the example, by place"
    hint = "check the order, or train on a DataFrame, which keeps the names"
    return _advice("init/no-feature-names", message, where, hint)


def _no_names(width: int) -> Finding:
    message = f"the model does not name its {width or ''} columns".replace("  ", " ")
    hint = "name them in ketch.toml and pipeline.py, or give rows in their order: `--example FILE`"
    return _advice("init/no-feature-names", message, "ketch.toml: inputs", hint)


def _advice(code: str, message: str, where: str, hint: str | None = None) -> Finding:
    return Finding(code, message, where, hint, blocks=False)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name[:60]}`" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
