"""Rows of a file in normal form, or everything that is wrong with the file."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ketch.errors import Finding, UsageError
from ketch.schema import Row
from ketch.schema.problems import MOST
from ketch.tables.batch import Batch, row_of

Batches: TypeAlias = Generator[Batch, None, None]
"""Batches in the order of the file; closed, they let go of it."""

Decode: TypeAlias = Callable[[list[Row]], tuple[list[Row], Sequence[Finding]]]
"""Returns rows in normal form and no finding, or all that is wrong at ``rows[0].name``."""


def decoded(batches: Batches, decode: Decode) -> Batches:
    """Yield batches in normal form.

    At the first wrong row this stops. The rest of the file is still read, to say all that
    is wrong with it at once.

    Raises:
        UsageError: Some rows are wrong; up to 100 findings tell where and how.
    """
    seen = 0
    with closing(batches):
        for batch in batches:
            rows, findings = decode(batch.rows)
            if findings or len(rows) != len(batch.rows):  # no row is ever lost in silence
                wrong = _Wrong(batch.source, seen)
                wrong.add(batch, findings)
                wrong.read_on(batches, decode)
                raise wrong.error()
            seen += len(rows)
            yield replace(batch, rows=rows)


@dataclass
class _Wrong:
    """What is wrong with a file, as far as it was read."""

    source: str
    rows_read: int
    rows_wrong: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, batch: Batch, findings: Sequence[Finding]) -> None:
        """Take over the findings about a batch."""
        self.rows_read += len(batch.places)
        self.rows_wrong += len({row_of(one) for one in findings} - {None})
        self.findings += batch.locate(findings)

    def read_on(self, batches: Iterator[Batch], decode: Decode) -> None:
        """Look at what is left of the file, while there is room for findings."""
        try:
            while len(self.findings) < MOST and (batch := next(batches, None)):
                self.add(batch, decode(batch.rows)[1])
        except UsageError as torn:  # it cannot be read to its end
            self.findings.append(Finding(torn.code, torn.message, torn.where, torn.hint))

    def error(self) -> UsageError:
        """Return the error that tells all of it."""
        if len(self.findings) == 1:
            return _error(self.findings[0], self.findings)
        shown = [one for one in self.findings if one.code != "schema/more"][:MOST]
        found = f"{self.rows_wrong:,} of {self.rows_read:,}"
        if len(shown) == MOST:
            found = f"at least {self.rows_wrong:,} of the first {self.rows_read:,}"
            shown.append(Finding("schema/more", "perhaps more: the rest was not looked at"))
        message = f"expected rows as declared, found {found} wrong"
        return _error(Finding(shown[0].code, message, self.source), shown)


def _error(first: Finding, findings: Sequence[Finding]) -> UsageError:
    return UsageError(
        first.message, code=first.code, where=first.where, hint=first.hint, findings=findings
    )
