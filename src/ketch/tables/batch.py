"""Some rows of a file, and where each of them stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ketch.errors import Finding
from ketch.schema import Row

_PLACE = re.compile(r"rows\[(\d+)\]\.?")


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows in JSON form, and their places.

    Attributes:
        rows: The rows; as many as the reader was asked for, or fewer.
        source: The file, as it was named; ``stdin`` for standard input.
        places: The line of each row, or its number when the format has no lines; from 1.
        lines: Whether ``places`` are lines.
        single: Whether the file is one object: the answer then is one object, too.
    """

    rows: list[Row]
    source: str
    places: Sequence[int]
    lines: bool
    single: bool = False

    def where(self, index: int) -> str:
        """Return the place of a row of this batch, such as ``rows.csv:17``."""
        place = self.places[index]
        return f"{self.source}:{place}" if self.lines else f"{self.source}: row {place}"

    def locate(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return a decoder's findings about these rows, at their places in the file.

        ``rows[3].hour`` becomes ``rows.csv:17: hour``.
        """
        return tuple(self._locate(finding) for finding in findings)

    def _locate(self, finding: Finding) -> Finding:
        index = row_of(finding)
        if index is None:
            return finding
        field = _PLACE.sub("", finding.where or "", count=1)
        where = self.where(index)
        return replace(finding, where=f"{where}: {field}" if field else where)


def row_of(finding: Finding) -> int | None:
    """Return the index of the row that a decoder's finding is about."""
    found = _PLACE.match(finding.where or "")
    return int(found[1]) if found else None
