"""Answering a file: rows stream through the package, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ketch.runtime.predictor import Predictor
from ketch.schema import Decoder
from ketch.tables import Format, RowWriter, read_rows


@dataclass(frozen=True, slots=True)
class Answered:
    """How many rows were answered."""

    rows: int
    output: str

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch predict --json``, when the answers are in a file."""
        return {"rows": self.rows, "output": self.output}


def answer_file(
    predictor: Predictor,
    source: Path | None,
    target: Path | None,
    *,
    source_format: Format | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Answered:
    """Answer every row of a file, in order; nothing is left half-written.

    Args:
        predictor: The loaded package.
        source: JSON, JSONL, CSV or Parquet; ``None`` for standard input.
        target: Where the answers go, in the format its name says; ``None`` for JSON on
            standard output: one object for one object, a list otherwise.
        source_format: The format of ``source``, when its name does not say.
        progress: Told how many rows were answered.

    Raises:
        UsageError: A row is wrong; the findings name its line.
        PackageCodeError: The package raised.
        Unavailable: The worker died or took too long, or the disk refused.
    """
    schema = predictor.contract.schema
    decoder = Decoder(schema.inputs)
    batches = read_rows(source, schema.inputs, format=source_format)
    first = next(batches, None)
    single = first is not None and first.single
    count = 0
    with RowWriter(target, schema.outputs, single=single) as writer:
        for batch in chain([first] if first else [], batches):
            rows, findings = decoder.decode(batch.rows)
            if findings:
                raise batch.refuse(findings)
            writer.write(predictor.answer(rows))
            count += len(rows)
            progress(len(rows))
    return Answered(count, "-" if target is None else str(target))
