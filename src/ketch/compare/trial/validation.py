"""Rows of a file with what was right beside them: what packages are asked, and measured by.

Each package is given the columns that it declares, so that packages with different inputs
can be asked the same rows. What no package declares is never shown to one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from ketch.compare.questions import Asked, in_blocks, no_rows
from ketch.errors import Finding, UsageError
from ketch.package import Package
from ketch.schema import Decoder, Field, Row, did_you_mean
from ketch.tables.cell_rows import decode_cells
from ketch.tables.formats import format_of_content, format_of_name
from ketch.tables.read import read_rows

_TOLD = 5
_ENOUGH = 10_000
"""So many rows that are refused, and none accepted: it is another file."""

Decode: TypeAlias = Callable[[list[Row]], tuple[list[Row], Sequence[Finding]]]


@dataclass
class Validation:
    """What a file holds.

    Attributes:
        asked: The rows that every package accepts, in the order of the file.
        columns: Columns that no package is asked → the values of these rows, as they are; of
            CSV they are text, and None where it is empty.
        is_text: Whether the values of columns are text, as in CSV.
    """

    asked: Asked
    columns: Mapping[str, Sequence[object]]
    is_text: bool


def read_validation(path: Path, packages: Sequence[Package], wanted: Sequence[str]) -> Validation:
    """Return the rows of a file that every package accepts.

    Args:
        path: JSON, JSON Lines, CSV or Parquet.
        packages: Who is asked.
        wanted: Columns that are wanted beside the inputs.

    Raises:
        NotFound: There is no such file.
        UsageError: ``compare/column``: a column that is wanted is not there, or what is right
            is an input; ``compare/no-inputs``: no row is accepted by all packages.
    """
    is_text = _is_csv(path)
    taking = _Taking([_Taker.of(one, is_text=is_text) for one in packages])
    _check_apart(wanted, taking.takers)
    rows, columns = taking.rows(path, wanted)
    if not rows:
        raise taking.nothing(path)
    asked = tuple(in_blocks(path, rows))
    notes = tuple(taking.notes(wanted))
    return Validation(Asked(asked, taking.refused, notes, taking.why), columns, is_text)


@dataclass(frozen=True)
class _Taker:
    """What one package takes of a row."""

    package: Package
    names: frozenset[str]
    decode: Decode

    @classmethod
    def of(cls, package: Package, *, is_text: bool) -> _Taker:
        fields: Sequence[Field] = package.manifest.schema.inputs
        decode = decode_cells(fields) if is_text else Decoder(fields).decode
        return cls(package, frozenset(one.name for one in fields), decode)

    def take(self, rows: Sequence[Row]) -> tuple[list[Row], Sequence[Finding]]:
        """Return the columns that are declared, decoded, or what is wrong with them."""
        keep = {*self.names, None}  # None holds the cells of a line that has too many
        return self.decode([{key: row[key] for key in row if key in keep} for row in rows])


@dataclass
class _Taking:
    """Takes rows that every package accepts.

    Attributes:
        takers: Who takes what.
        refused: Rows that one of them refuses.
        findings: Why, of the first.
        seen: Columns of the file.
    """

    takers: Sequence[_Taker]
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)
    seen: dict[str, None] = field(default_factory=dict)

    def rows(
        self, path: Path, wanted: Sequence[str]
    ) -> tuple[list[tuple[int, Row]], Mapping[str, Sequence[object]]]:
        """Return the rows that all accept with their numbers, and what stands beside them."""
        taken: list[tuple[int, Row]] = []
        before = 0
        beside: dict[str, list[object]] = {name: [] for name in wanted}
        with closing(read_rows(path, None)) as batches:
            for batch in batches:
                for row in batch.rows:
                    self.seen.update(dict.fromkeys(name for name in row if name is not None))
                for at, inputs in self._accepted(batch.rows, before):
                    taken.append((before + at, inputs))
                    for name, values in beside.items():
                        values.append(batch.rows[at].get(name))
                before += len(batch.rows)
                if not taken and before >= _ENOUGH:
                    raise self.nothing(path)
        if not before:
            raise no_rows(path)
        self._check(wanted, path)
        return taken, beside

    def nothing(self, path: Path) -> UsageError:
        """Return the error that there is no row to ask."""
        names = " and ".join(dict.fromkeys(f"`{one.package.reference}`" for one in self.takers))
        among = f"the first {self.refused:,}" if self.refused >= _ENOUGH else f"{self.refused:,}"
        return UsageError(
            f"expected rows of `{path.name}` that {names} accept, found none among {among}",
            code="compare/no-inputs",
            where=str(path),
            hint="`ketch diff` shows where the schemas part",
            findings=self.findings[:_TOLD],
        )

    def notes(self, wanted: Sequence[str]) -> Iterator[str]:
        """Yield which columns nobody was asked."""
        known = {*wanted, *(name for one in self.takers for name in one.names)}
        if others := [name for name in self.seen if name not in known]:
            yield f"columns that no package takes: {', '.join(f'`{one}`' for one in others)}"

    @property
    def why(self) -> str:
        """What is wrong with the first row that is refused."""
        return f"{self.findings[0].where}: {self.findings[0].message}" if self.findings else ""

    def _accepted(self, rows: Sequence[Row], before: int) -> Iterator[tuple[int, Row]]:
        """Yield each row that all accept, with its number here, as it is asked."""
        whole = [taker.take(rows) for taker in self.takers]
        if not any(findings for _, findings in whole):
            each = zip(*(taken for taken, _ in whole), strict=True)
            yield from enumerate(map(_joined, each))
            return
        for at, row in enumerate(rows):
            one_by_one = [taker.take([row]) for taker in self.takers]
            wrong = [one for _, findings in one_by_one for one in findings]
            if not wrong:
                yield at, _joined([taken[0] for taken, _ in one_by_one])
                continue
            self.refused += 1
            told = wrong[: max(0, _TOLD - len(self.findings))]
            self.findings += [_placed(one, before + at) for one in told]

    def _check(self, wanted: Sequence[str], path: Path) -> None:
        for name in wanted:
            if name not in self.seen:
                raise UsageError(
                    f"expected a column `{name}`, found none",
                    code="compare/column",
                    where=str(path),
                    hint=did_you_mean(name, self.seen),
                )


def _check_apart(wanted: Sequence[str], takers: Sequence[_Taker]) -> None:
    """Refuse to measure a package by what it is told."""
    for name in wanted:
        if any(name in one.names for one in takers):
            raise UsageError(
                f"expected a column that is no input, found `{name}`",
                code="compare/column",
                hint="a package that is told what is right is not measured by it",
            )


def _placed(finding: Finding, row: int) -> Finding:
    """Return what is wrong with a row that was looked at alone, with its number in the file."""
    place = (finding.where or "rows[0]").replace("rows[0]", f"rows[{row}]", 1)
    return replace(finding, where=place)


def _joined(taken: Sequence[Row]) -> Row:
    """Return all that is asked of a row; of a column in several, what the first made of it."""
    return {name: value for one in reversed(taken) for name, value in one.items()}


def _is_csv(path: Path) -> bool:
    kind = format_of_name(path)
    if kind is None and path.is_file():
        with path.open("rb") as stream:
            kind = format_of_content(stream.read(64), str(path))
    return kind == "csv"
