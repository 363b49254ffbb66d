"""Answering a file: rows stream through the package, in bounded memory."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ketch.runtime.predictor import Predictor
from ketch.schema import Decoder
from ketch.tables import Batch, Format, RowWriter, read_rows


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
            standard output, once all rows are answered: one object for one object, a
            list otherwise.
        source_format: The format of ``source``, when its name does not say.
        progress: Told how many rows were answered.

    Raises:
        UsageError: A row is wrong; the findings name its line.
        PackageCodeError: The package raised.
        Unavailable: The worker died or took too long, or the disk refused.
    """
    inputs = predictor.contract.schema.inputs
    with closing(read_rows(source, inputs, format=source_format)) as batches:
        if target is not None:
            return Answered(_answer(predictor, batches, target, progress), str(target))
        with tempfile.TemporaryDirectory(prefix="ketch-answers-") as folder:
            whole = Path(folder, "answers.json")
            count = _answer(predictor, batches, whole, progress)
            with whole.open("rb") as answers:
                shutil.copyfileobj(answers, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    return Answered(count, "-")


def _answer(
    predictor: Predictor,
    batches: Iterator[Batch],
    target: Path,
    progress: Callable[[int], None],
) -> int:
    """Answer batches into a file; return how many rows there were."""
    schema = predictor.contract.schema
    decoder = Decoder(schema.inputs)
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
    return count
