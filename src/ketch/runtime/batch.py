"""Answering a file: rows stream through the package, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ketch.runtime.predictor import Predictor, refused
from ketch.schema import decode
from ketch.tables import RowWriter, read_rows


@dataclass(frozen=True, slots=True)
class Answered:
    """How many rows were answered, and where the answers are."""

    rows: int
    output: str

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        return {"rows": self.rows, "output": self.output}
