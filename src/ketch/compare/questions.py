"""What packages are asked: rows that the schemas of all of them accept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import UsageError
from ketch.package import Package, Scenario
from ketch.schema import Decoder, Row

BLOCK_ROWS = 100
"""Rows of a file that are asked at once."""


@dataclass(frozen=True, slots=True)
class Question:
    """Rows that are asked at once.

    Attributes:
        name: The scenario, or the file they come from.
        rows: In JSON form; the schemas of all packages accept them.
        first: The number of the first row there, from 0.
    """

    name: str
    rows: tuple[Row, ...]
    first: int = 0

    def row(self, index: int) -> str:
        """Return how a person finds a row, such as ``scenario `x`, row 2``."""
        is_one = len(self.rows) == 1 and not self.first
        return self.name if is_one else f"{self.name}, row {self.first + index}"


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions.

    Attributes:
        questions: What is asked.
        left_out: Rows that the schema of a package refuses.
        notes: Where the rows come from, and what was left out for other reasons.
        refused: What is wrong with the first row that is left out; empty where nobody says.
    """

    questions: tuple[Question, ...]
    left_out: int = 0
    notes: tuple[str, ...] = ()
    refused: str = ""

    @property
    def rows(self) -> int:
        """How many rows are asked."""
        return sum(len(question.rows) for question in self.questions)


def ask_scenarios(*packages: Package) -> Asked:
    """Return the scenarios of all packages, each question once.

    A question that every schema refuses is a promise about wrong input: it counts nowhere.

    Raises:
        UsageError: ``compare/no-inputs``: there is none that all schemas accept.
    """
    decoders = _decoders(packages)
    each: dict[str, Scenario] = {}
    for one in (one for package in packages for one in package.scenarios if one.inputs):
        each.setdefault(str(one.inputs_digest), one)
    asked: list[Question] = []
    left_out = 0
    for one in each.values():
        refused = sum(bool(decoder.decode(list(one.inputs))[1]) for decoder in decoders)
        if not refused:
            asked.append(Question(f"scenario `{one.name}`", one.inputs))
        elif refused < len(packages):
            left_out += len(one.inputs)
    return checked(Asked(tuple(asked), left_out), packages)


def ask_file(path: Path, *packages: Package) -> Asked:
    """Return the rows of a file: JSON, JSON Lines, CSV or Parquet.

    Raises:
        NotFound: There is no such file.
        UsageError: Its rows are not what the first package declares, or another one accepts
            none of them.
    """
    others = _decoders(packages[1:])
    rows = list(_rows(path, packages[0]))
    if not rows:
        raise no_rows(path)
    accepted = [
        (at, row) for at, row in enumerate(rows) if not any(one.decode([row])[1] for one in others)
    ]
    questions = tuple(in_blocks(path, accepted))
    return checked(Asked(questions, len(rows) - len(accepted)), packages)


def in_blocks(path: Path, rows: Iterable[tuple[int, Row]]) -> Iterator[Question]:
    """Yield rows of a file as questions; a row keeps the number that it has in the file.

    Args:
        path: The file.
        rows: Each with its number, from 0, in order; those left out end a question.
    """
    first, block = 0, list[Row]()
    for at, row in rows:
        if block and (at > first + len(block) or len(block) == BLOCK_ROWS):
            yield Question(f"`{path.name}`", tuple(block), first)
            block = []
        if not block:
            first = at
        block.append(row)
    if block:
        yield Question(f"`{path.name}`", tuple(block), first)


def checked(asked: Asked, packages: Sequence[Package]) -> Asked:
    """Return the questions, when there are any.

    Raises:
        UsageError: ``compare/no-inputs``: there is none.
    """
    if asked.questions:
        return asked
    names = " and ".join(f"`{package.reference}`" for package in packages)
    verb = ("accepts", "both accept", "all accept")[min(len(packages), 3) - 1]
    raise UsageError(
        f"expected rows that {names} {verb}, found none"
        + (f" among {asked.left_out}" if asked.left_out else ""),
        code="compare/no-inputs",
        hint="name a file with `--inputs`; `ketch diff` shows where the schemas part",
    )


def no_rows(path: Path) -> UsageError:
    """Return the error that a file is empty."""
    return UsageError("expected rows, found none", code="compare/no-inputs", where=str(path))


def _rows(path: Path, package: Package) -> Iterator[Row]:
    from ketch.tables.read import read_rows  # formats that scenarios do without

    with closing(read_rows(path, package.manifest.schema.inputs)) as batches:
        try:
            for batch in batches:
                yield from batch.rows
        except UsageError as wrong:
            if wrong.code == "schema/unknown-field" and not wrong.hint:
                wrong.hint = "columns that are no input, such as what was right, are left out here"
            raise


def _decoders(packages: Sequence[Package]) -> list[Decoder]:
    return [Decoder(package.manifest.schema.inputs) for package in packages]
