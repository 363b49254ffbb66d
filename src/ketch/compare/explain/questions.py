"""What both packages are asked: rows that the schemas of both accept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import UsageError
from ketch.package import Package
from ketch.schema import Decoder, Row

BLOCK_ROWS = 100
"""Rows of a file that are asked at once."""


@dataclass(frozen=True, slots=True)
class Question:
    """Rows that are asked at once.

    Attributes:
        name: The scenario, or the file they come from.
        rows: In JSON form; both schemas accept them.
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
    """The questions, and how many rows could not be asked of both."""

    questions: tuple[Question, ...]
    left_out: int = 0

    @property
    def rows(self) -> int:
        """How many rows are asked."""
        return sum(len(question.rows) for question in self.questions)


def ask_scenarios(a: Package, b: Package) -> Asked:
    """Return the scenarios of both packages, each question once.

    Raises:
        UsageError: ``compare/no-inputs``: there is none that both schemas accept.
    """
    decoders = [Decoder(one.manifest.schema.inputs) for one in (a, b)]
    known: dict[str, Question] = {}
    left_out = 0
    for scenario in (*a.scenarios, *b.scenarios):
        key = str(scenario.inputs_digest)
        if key in known or not scenario.inputs:
            continue
        refused = sum(bool(decoder.decode(list(scenario.inputs))[1]) for decoder in decoders)
        if not refused:
            known[key] = Question(f"scenario `{scenario.name}`", scenario.inputs)
        left_out += len(scenario.inputs) if refused == 1 else 0
    return _checked(Asked(tuple(known.values()), left_out), a, b)


def ask_file(path: Path, a: Package, b: Package) -> Asked:
    """Return the rows of a file: JSON, JSON Lines, CSV or Parquet.

    Raises:
        NotFound: There is no such file.
        UsageError: Its rows are not what A declares, or B accepts none of them.
    """
    rows = list(_rows(path, a))
    decoder = Decoder(b.manifest.schema.inputs)
    accepted = [row for row in rows if not decoder.decode([row])[1]]
    blocks = (accepted[at : at + BLOCK_ROWS] for at in range(0, len(accepted), BLOCK_ROWS))
    questions = tuple(
        Question(f"`{path.name}`", tuple(block), at * BLOCK_ROWS) for at, block in enumerate(blocks)
    )
    return _checked(Asked(questions, len(rows) - len(accepted)), a, b)


def _rows(path: Path, a: Package) -> Iterator[Row]:
    from ketch.tables.read import read_rows  # formats that scenarios do without

    with closing(read_rows(path, a.manifest.schema.inputs)) as batches:
        for batch in batches:
            yield from batch.rows


def _checked(asked: Asked, a: Package, b: Package) -> Asked:
    if asked.questions:
        return asked
    raise UsageError(
        f"expected rows that `{a.reference}` and `{b.reference}` both accept, found none"
        + (f" among {asked.left_out}" if asked.left_out else ""),
        code="compare/no-inputs",
        hint="name a file with `--inputs`; `ketch diff` shows where the schemas part",
    )
