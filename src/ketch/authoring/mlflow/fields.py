"""The schema of a package from a model's signature, and from what it took and answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ketch.authoring.drafting.columns import field_names
from ketch.authoring.drafting.plan import tolerances
from ketch.authoring.mlflow.asking import Answered, Table
from ketch.authoring.mlflow.signature import Column, Signature
from ketch.errors import Finding, UsageError
from ketch.schema import Field, Float, List, Tensor, Timestamp, Type

ALONE = "prediction"
"""The output of a model whose answer has no columns."""

WHOLE = "features"
"""The input of a model that takes one array."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a request holds.

    Attributes:
        fields: The declarations.
        names: Each input → what the model calls it.
        form: ``frame``, ``unnamed`` (a frame whose columns have no names), ``array``, or
            ``arrays`` by name.
        findings: What was assumed.
    """

    fields: tuple[Field, ...]
    names: Mapping[str, str]
    form: str
    findings: tuple[Finding, ...] = ()


def inputs_of(signature: Signature, seen: Table | None) -> Inputs:
    """Return the inputs: as the signature says, else as the example shows.

    Raises:
        UsageError: ``import/no-signature``: neither says anything; ``import/type``: ketch
            has no type for what one says.
    """
    columns = signature.inputs
    if columns is None and seen is not None:
        is_array = seen.kind in ("array", "list", "dict")
        columns = tuple(
            Column(one.name or None, one.type, is_tensor=is_array) for one in seen.columns
        )
    if not columns:
        raise UsageError(
            "expected a signature or an example of the input, found neither",
            code="import/no-signature",
            where="MLmodel",
            hint="name a file with rows of inputs: `--example FILE`",
        )
    is_tensor = any(one.is_tensor for one in columns)
    has_names = all(one.name is not None for one in columns)
    alone = is_tensor and len(columns) == 1 and not has_names
    said = [WHOLE if alone else one.name or f"x{at}" for at, one in enumerate(columns)]
    names = field_names(said)
    found = {one.name: one for one in seen.columns} if seen is not None else {}
    values = [found.get(one.name or "") for one in columns]
    if seen is not None and not has_names and len(seen.columns) == len(columns):
        values = list(seen.columns)
    fields = tuple(
        _input(names[name], one, value)
        for name, one, value in zip(said, columns, values, strict=True)
    )
    form = "array" if alone else "arrays" if is_tensor else "frame" if has_names else "unnamed"
    kept = {names[name]: name for name in said}
    return Inputs(fields, kept, form, tuple(_assumed(fields, columns, values)))


def outputs_of(signature: Signature, seen: Table | None) -> tuple[Field, ...]:
    """Return the outputs, one for each column of an answer.

    Raises:
        UsageError: ``import/no-signature``, ``import/type``.
    """
    said = signature.outputs or ()
    if seen is not None:
        names = field_names(one.name or ALONE for one in seen.columns)
        fits = len(said) == len(seen.columns)
        declared = [one.type for one in said] if fits else [None] * len(seen.columns)
        return tuple(
            _output(names[one.name or ALONE], _known(one, kind), nullable=one.has_gaps)
            for one, kind in zip(seen.columns, declared, strict=True)
        )
    if not said:
        raise UsageError(
            "expected a signature with outputs, or an example of the input, found neither",
            code="import/no-signature",
            where="MLmodel",
            hint="name a file with rows of inputs: `--example FILE`",
        )
    names = field_names(one.name or ALONE for one in said)
    return tuple(_output(names[one.name or ALONE], one.type, nullable=False) for one in said)


def rows_of(
    table: Table, names: Mapping[str, str], fields: Sequence[Field]
) -> list[dict[str, object]]:
    """Return rows of a scenario from what a model took or answered.

    Args:
        table: What it was.
        names: Each field → what the model calls it; without it, by place.
        fields: The fields, in the order of the table's columns.
    """
    by_name = {one.name: one for one in table.columns}
    columns = [
        by_name.get(names.get(field.name, ""), one)
        for field, one in zip(fields, table.columns, strict=False)
    ]
    return [
        {field.name: one.values[at] for field, one in zip(fields, columns, strict=False)}
        for at in range(table.rows)
    ]


def _known(seen: Answered, declared: Type | None) -> Type | None:
    """Return the type of an answer: as it came; as it was declared where nothing tells."""
    return seen.type if seen.type is not None else declared


def _input(name: str, column: Column, seen: Answered | None) -> Field:
    if column.type is None:
        raise _no_type(name, "inputs")
    gaps = seen is not None and seen.has_gaps
    field = Field(name, column.type, nullable=gaps or not column.required)
    return field if column.required else replace(field, optional=True)


def _output(name: str, kind: Type | None, *, nullable: bool) -> Field:
    if kind is None:
        raise _no_type(name, "outputs")
    if isinstance(kind, Tensor):  # an answer in lists is what every caller reads
        return _output(name, _lists(kind), nullable=nullable)
    inner: Type = kind
    while isinstance(inner, List):
        inner = inner.item
    rtol, atol = tolerances(inner) if isinstance(inner, Float) else (None, None)
    return Field(name, kind, nullable=nullable, rtol=rtol, atol=atol)


def _lists(tensor: Tensor) -> Type:
    kind: Type = tensor.dtype
    for _ in tensor.shape:
        kind = List(kind)
    return kind


def _no_type(name: str, part: str) -> UsageError:
    return UsageError(
        f"expected a type that ketch has for `{name[:60]}`, found none",
        code="import/type",
        where=f"MLmodel: signature.{part}",
        hint="give rows with plain values: `--example FILE`, or write the package by hand",
    )


def _assumed(
    fields: Sequence[Field], columns: Sequence[Column], seen: Sequence[Answered | None]
) -> Iterator[Finding]:
    for field, column, one in zip(fields, columns, seen, strict=True):
        where = f"ketch.toml: inputs.{field.name}"
        if isinstance(field.type, Timestamp):
            message = f"`{field.name}` holds times without a zone, as MLflow's signatures do"
            hint = "say which: `timestamp[us, Europe/Berlin]`, or `timestamp[us, UTC]`"
            yield Finding("init/naive-timestamp", message, where, hint, blocks=False)
        if one is not None and one.has_gaps and column.required:
            message = f"`{field.name}` is required, and missing in the model's own example"
            yield Finding("import/gaps", message, where, "declared nullable", blocks=False)
        if column.name is not None and column.name != field.name:
            message = f"`{column.name[:60]}` cannot be a field's name and got another"
            hint = "pipeline.py maps the names"
            yield Finding("init/renamed", message, where, hint, blocks=False)
