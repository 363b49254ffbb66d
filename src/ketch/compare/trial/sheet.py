"""The rows that packages are asked, with all that is known of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from ketch.compare.questions import Asked, ask_scenarios
from ketch.compare.trial.measures import Wanted
from ketch.compare.trial.options import Options
from ketch.compare.trial.right import Right, cell, right_of_file
from ketch.compare.trial.slicing import slices_of
from ketch.compare.trial.validation import read_validation
from ketch.errors import UsageError
from ketch.package import Package
from ketch.schema import Row, did_you_mean

_Read: TypeAlias = tuple[Asked, Mapping[str, Right], Mapping[str, Sequence[object]]]
"""What is asked, what was right for each row by metric, and the columns that are no input."""


@dataclass(frozen=True)
class Sheet:
    """The rows that are asked, and what is known of each.

    Attributes:
        asked: As questions.
        rows: All of them, one after the other.
        names: How a person finds each.
        right: Name of a metric → what was right for each row.
        columns: Columns that are no input → the value of each row.
        personal: Inputs that nobody may read.
        unit: The column that says whom a row is about.
        slices: The columns by whose values to tell.
    """

    asked: Asked
    rows: Sequence[Row]
    names: Sequence[str]
    right: Mapping[str, Right] = field(default_factory=dict)
    columns: Mapping[str, Sequence[object]] = field(default_factory=dict)
    personal: frozenset[str] = frozenset()
    unit: str | None = None
    slices: Sequence[str] = ()

    @property
    def units(self) -> list[str] | None:
        """Whom each row is about; one about nobody is about somebody else."""
        if self.unit is None:
            return None
        values = enumerate(self.column(self.unit))
        return [f"\0{row}" if value is None else str(value) for row, value in values]

    def column(self, name: str) -> Sequence[object]:
        """Return what each row has in a column: an input, or one that stands beside them."""
        return self.columns.get(name) or [row.get(name) for row in self.rows]


def sheet_of(chosen: Options, packages: Sequence[Package], wanted: Sequence[Wanted]) -> Sheet:
    """Return the rows to ask, and what is known of each.

    Raises:
        UsageError: ``compare/no-inputs``; ``compare/column``: a column is not there, or holds
            personal data.
    """
    inputs = [one for package in packages for one in package.manifest.schema.inputs]
    personal = frozenset(one.name for one in inputs if one.pii)
    _check_slices(chosen.slices, personal)
    names = {one.name for one in inputs}
    if chosen.inputs is None:
        asked, right, columns = _of_others(chosen, packages, wanted, names)
    else:
        asked, right, columns = _of_file(chosen.inputs, chosen, packages, wanted, names)
    rows = [row for question in asked.questions for row in question.rows]
    places = [one.row(at) for one in asked.questions for at in range(len(one.rows))]
    sheet = Sheet(asked, rows, places, right, columns, personal, chosen.unit, chosen.slices)
    notes = (*asked.notes, *_not_sliced(sheet))
    return replace(sheet, asked=replace(asked, notes=notes))


def _not_sliced(sheet: Sheet) -> Iterator[str]:
    """Yield which columns that were asked for have no slices."""
    for name in sheet.slices:
        if not slices_of(name, sheet.column(name)):
            yield f"no slices of `{name}`: it has one value, lists, or many values not all numbers"


def _named(chosen: Options) -> list[str]:
    """Return the columns that are named beside targets."""
    return [*([chosen.unit] if chosen.unit else []), *chosen.slices]


def _of_file(
    path: Path,
    chosen: Options,
    packages: Sequence[Package],
    wanted: Sequence[Wanted],
    inputs: set[str],
) -> _Read:
    """Return the rows of a file, and the columns that stand beside the inputs."""
    others = [name for name in _named(chosen) if name not in inputs]
    beside = list(dict.fromkeys([*(one.target for one in wanted), *others]))
    found = read_validation(path, packages, beside)
    columns = dict(found.columns)
    for name in found.columns.keys() & set(chosen.slices) if found.is_text else ():
        columns[name] = [cell(value, is_text=False) for value in columns[name]]
    return found.asked, right_of_file(found, wanted, packages[0]), columns


def _of_others(
    chosen: Options, packages: Sequence[Package], wanted: Sequence[Wanted], inputs: set[str]
) -> _Read:
    """Return decisions that are replayed with their outcomes, or scenarios."""
    for name in _named(chosen):
        if name not in inputs:
            raise UsageError(
                f"expected an input of the packages, found `{name}`",
                code="compare/column",
                hint=did_you_mean(name, inputs),
            )
    asked = chosen.asked or ask_scenarios(*packages)
    if not wanted:
        return asked, {}, {}
    if chosen.happened is None:
        raise UsageError(
            f"expected a file with a column `{wanted[0].target}`, found none",
            code="compare/column",
            hint="name the file with `--inputs`; with `--route` it is the name of an outcome",
        )
    return asked, chosen.happened.right(asked, wanted), {}


def _check_slices(slices: Sequence[str], personal: frozenset[str]) -> None:
    for name in slices:
        if name in personal:
            raise UsageError(
                f"expected a column without personal data, found `{name}`",
                code="compare/column",
                hint="its values are not shown; slice by another one",
            )
