"""What a loaded package tells of itself: its signature, its documentation, its line."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Iterator, Sequence

from ketch.package import Package
from ketch.schema import Field

_SHOWN = 8
"""How many fields the one line names."""

_LIMITS = ("min", "max", "values", "max_items", "max_length")


class _Declared(str):
    """The text of a type, shown in a signature as it is declared, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def signature(inputs: Sequence[Field], outputs: Sequence[Field]) -> inspect.Signature:
    """Return the signature of a call with named values: one row in, one row out."""
    names = [field.name for field in inputs]
    answer = _Declared("{" + ", ".join(f"{one.name}: {type_text(one)}" for one in outputs) + "}")
    if not all(name.isidentifier() and not keyword.iskeyword(name) for name in names):
        rows = inspect.Parameter("inputs", inspect.Parameter.POSITIONAL_ONLY)
        return inspect.Signature([rows], return_annotation=answer)
    return inspect.Signature(
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=_Declared(type_text(field)),
                default=None if field.optional else inspect.Parameter.empty,
            )
            for field in inputs
        ],
        return_annotation=answer,
    )


def documentation(package: Package) -> str:
    """Return what ``help()`` says about a loaded package."""
    manifest = package.manifest
    schema = manifest.schema
    one = next((field.name for field in schema.inputs), "")
    return "\n".join(
        [
            f"{package.reference}: {manifest.description or 'a package without description'}",
            "",
            f"One row: `model({one}=…)` or `model({{{one!r}: …}})`. Many: `model([{{…}}, {{…}}])`",
            "or `model(frame)`, a DataFrame of pandas or polars. Answers are dictionaries in JSON",
            "form: `pandas.DataFrame(model(frame))` makes columns of them.",
            "",
            "Inputs",
            *_listed(schema.inputs),
            "",
            "Outputs",
            *_listed(schema.outputs),
            "",
            f"Owner {manifest.owner}, {package.digest}",
        ]
    )


def line(package: Package) -> str:
    """Return a loaded package in one line."""
    schema = package.manifest.schema
    return f"<{package.reference} ({_named(schema.inputs)}) → ({_named(schema.outputs)})>"


def type_text(field: Field) -> str:
    """Return a field's type, with ``?`` when it may be null."""
    return f"{field.type}{'?' if field.nullable else ''}"


def _named(fields: Sequence[Field]) -> str:
    more = f", and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
    return ", ".join(f"{field.name}: {type_text(field)}" for field in fields[:_SHOWN]) + more


def _listed(fields: Sequence[Field]) -> Iterator[str]:
    names = max((len(field.name) for field in fields), default=0)
    types = max((len(type_text(field)) for field in fields), default=0)
    for field in fields:
        text = f"    {field.name:<{names}}  {type_text(field):<{types}}  {_told(field)}"
        yield text.rstrip()


def _told(field: Field) -> str:
    said = [
        f"{name.replace('_', ' ')} {' | '.join(map(str, value)) if name == 'values' else value}"
        for name in _LIMITS
        if (value := getattr(field, name)) is not None
    ]
    said += ["may be left out"] if field.optional else []
    said += [field.description] if field.description else []
    return "; ".join(said)
