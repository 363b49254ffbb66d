"""Answering a file: rows stream through the package, in bounded memory."""

from __future__ import annotations

import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from ketch.errors import KetchError, PackageCodeError, Unavailable, UsageError
from ketch.files import temporary_folder
from ketch.runtime.predictor import DEADLINE_S, Predictor
from ketch.schema import Row
from ketch.tables import Batch, Format, RowWriter, read_rows
from ketch.tables.read import BATCH_ROWS

FRAME_ROWS = 5000
"""Rows of a batch for a package that takes a DataFrame, whose cost is in each call."""

ROW_DEADLINE_S = 1.0
"""What each row adds to the time that a batch may take."""


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
    target_format: Format | None = None,
    batch_rows: int | None = None,
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
        target_format: The format of the answers, whatever the name of ``target`` says.
        batch_rows: Most rows that the package gets at once; by default 1000, and 5000
            when it takes a DataFrame.
        progress: Told how many rows were answered.

    Raises:
        UsageError: Rows are wrong; the findings name line and field of each.
        PackageCodeError: The package raised; the hint names the row.
        Unavailable: The worker died or took too long, or the disk refused.
    """
    if batch_rows is None:
        takes_frame = predictor.contract.pipeline.takes == "dataframe"
        batch_rows = FRAME_ROWS if takes_frame else BATCH_ROWS
    if batch_rows < 1:
        raise UsageError(
            f"expected at least `1` row at a time, found `{batch_rows}`", code="usage/batch-rows"
        )
    schema = predictor.contract.schema
    deadline_s = DEADLINE_S + ROW_DEADLINE_S * batch_rows
    with closing(
        read_rows(source, schema.inputs, format=source_format, batch_rows=batch_rows)
    ) as batches:
        if target is not None:
            into = partial(RowWriter, target, schema.outputs, target_format)
            return Answered(_answer(predictor, batches, into, deadline_s, progress), str(target))
        with temporary_folder("ketch-answers-") as folder:
            into = partial(RowWriter, folder / "whole", schema.outputs, target_format or "json")
            count = _answer(predictor, batches, into, deadline_s, progress)
            with (folder / "whole").open("rb") as answers:
                shutil.copyfileobj(answers, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    return Answered(count, "-")


def _answer(
    predictor: Predictor,
    batches: Iterator[Batch],
    into: Callable[..., RowWriter],
    deadline_s: float,
    progress: Callable[[int], None],
) -> int:
    """Answer batches into what is written; return how many rows there were."""
    count = 0
    try:
        first = next(batches, None)
        found = chain([first] if first else [], batches)
        with into(single=first is not None and first.single) as writer:
            for answers in _answers(predictor, found, deadline_s):
                writer.write(answers)
                count += len(answers)
                progress(len(answers))
    except UsageError as problem:
        if count:
            problem.hint = problem.hint or "no answers were written"
        raise
    return count


def _answers(
    predictor: Predictor, batches: Iterator[Batch], deadline_s: float
) -> Iterator[list[Row]]:
    """Answer batches; what goes wrong says at which rows."""
    asked: deque[Batch] = deque()

    def rows() -> Iterator[list[Row]]:
        for batch in batches:
            asked.append(batch)
            yield batch.rows

    try:
        with closing(predictor.answers(rows(), deadline_s)) as answers:
            for answer in answers:
                asked.popleft()
                yield answer
    except PackageCodeError as problem:
        culprit = _culprit(predictor, asked[0].rows, deadline_s)
        at = _rows(asked[0]) if culprit is None else f"`{asked[0].where(culprit)}`"
        _add_hint(problem, at)
        raise
    except Unavailable as problem:
        if asked:
            _add_hint(problem, _rows(asked[0]))
        raise


def _culprit(predictor: Predictor, rows: Sequence[Row], deadline_s: float) -> int | None:
    """Return the index of a row that the package raises at when it gets no other.

    Halves the rows until one is left, so that it costs about two more calls of the whole.
    """
    low, high = 0, len(rows)
    while high - low > 1:
        middle = (low + high) // 2
        if _raises(predictor, rows[low:middle], deadline_s):
            high = middle
        else:
            low = middle
    return low if _raises(predictor, rows[low:high], deadline_s) else None


def _raises(predictor: Predictor, rows: Sequence[Row], deadline_s: float) -> bool:
    try:
        predictor.answer(rows, deadline_s=deadline_s)
    except KetchError:
        return True
    return False


def _rows(batch: Batch) -> str:
    first, last = batch.where(0), batch.where(-1)
    return f"`{first}`" if first == last else f"`{first}` to `{last}`"


def _add_hint(problem: KetchError, rows: str) -> None:
    """Say which rows were asked, before what the problem itself has to say."""
    asked = f"it was answering {rows}; no answers were written"
    fewer = "a slow package needs fewer rows at a time: `--batch-rows`"
    slow = fewer if problem.code == "worker/deadline" else None
    problem.hint = "\n".join(filter(None, (asked, slow, problem.hint)))
