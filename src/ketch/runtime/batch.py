"""Answering a file: rows stream through the package, in bounded memory."""

from __future__ import annotations

import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from ketch.errors import KetchError, NotFound, PackageCodeError, Unavailable, UsageError
from ketch.files import check_place, temporary_folder
from ketch.runtime.predictor import DEADLINE_S, Predictor
from ketch.schema import Row
from ketch.tables import Batch, Format
from ketch.tables.formats import known_format
from ketch.tables.read import BATCH_ROWS, read_rows
from ketch.tables.write import RowWriter

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


def check_files(
    source: Path | None,
    target: Path | None,
    *,
    target_format: Format | None = None,
    batch_rows: int | None = None,
) -> None:
    """Refuse what :func:`answer_file` cannot do, before a package is loaded for it.

    Raises:
        UsageError: The answers would replace their inputs, or cannot be written there in
            that format; or fewer than one row is to be asked.
        NotFound: There is no such file.
    """
    if batch_rows is not None and batch_rows < 1:
        raise UsageError(
            f"expected at least `1` row at a time, found `{batch_rows}`", code="usage/batch-rows"
        )
    if source is not None:
        with suppress(PermissionError):  # who reads it says why
            _look(source)
    if target is not None:
        check_place(target)
        if target_format is None:
            known_format(target)
        if _is_same_file(source, target):
            raise UsageError(
                f"expected another file for the answers than `{target}`, which holds the inputs",
                code="usage/same-file",
                where=str(target),
                hint="name another file with `--output`",
            )


def _look(source: Path) -> None:
    try:
        source.stat()
    except FileNotFoundError as error:
        raise NotFound(f"no file `{source}`", code="table/not-found", where=str(source)) from error


def _is_same_file(source: Path | None, target: Path) -> bool:
    """Whether both are one file, by whatever links they are reached."""
    try:
        asked = os.fstat(sys.stdin.fileno()) if source is None else source.stat()
        return os.path.samestat(asked, target.stat())
    except (OSError, ValueError):  # one of them is not there, or no file at all
        return False


def answer_file(
    predictor: Predictor,
    source: Path | None,
    target: Path | None,
    *,
    source_format: Format | None = None,
    target_format: Format | None = None,
    batch_rows: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
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
            when it takes a DataFrame. One whose newest verification found that answers
            depend on the rows beside them gets each row alone.
        progress: Told how many rows were answered.
        notice: Told, once, that each row is asked alone.

    Raises:
        UsageError: Rows are wrong; the findings name line and field of each. Or as
            :func:`check_files` does.
        NotFound: There is no such file.
        PackageCodeError: The package raised; the hint names the row.
        Unavailable: The worker died or took too long, or the disk refused.
    """
    check_files(source, target, target_format=target_format, batch_rows=batch_rows)
    at_once = batch_rows or _default_rows(predictor, notice)
    schema = predictor.contract.schema
    deadline_s = DEADLINE_S + ROW_DEADLINE_S * at_once
    answer = partial(_answer, predictor, deadline_s=deadline_s, progress=progress)
    read_at_once = batch_rows or max(at_once, BATCH_ROWS)
    with closing(
        read_rows(source, schema.inputs, format=source_format, batch_rows=read_at_once)
    ) as batches:
        asked = _pieces(batches, at_once)
        if target is not None:
            into = partial(RowWriter, target, schema.outputs, target_format)
            return Answered(answer(asked, into), str(target))
        with temporary_folder("ketch-answers-") as folder:
            into = partial(RowWriter, folder / "whole", schema.outputs, target_format or "json")
            count = answer(asked, into)
            with (folder / "whole").open("rb") as answers:
                shutil.copyfileobj(answers, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    return Answered(count, "-")


def _default_rows(predictor: Predictor, notice: Callable[[str], None]) -> int:
    """Return how many rows to ask at once when nobody says; tell when it is one."""
    if predictor.depends_on_batch:
        notice(
            f"answers of `{predictor.package.reference}` depend on the rows beside them, as its "
            "newest verification found: each row is asked alone, unless `--batch-rows` is given"
        )
        return 1
    return FRAME_ROWS if predictor.contract.pipeline.takes == "dataframe" else BATCH_ROWS


def _pieces(batches: Iterator[Batch], most: int) -> Iterator[Batch]:
    """Cut batches into smaller ones."""
    for batch in batches:
        if len(batch.rows) <= most:
            yield batch
            continue
        for at in range(0, len(batch.rows), most):
            here = slice(at, at + most)
            yield replace(batch, rows=batch.rows[here], places=batch.places[here])


def _answer(
    predictor: Predictor,
    batches: Iterator[Batch],
    into: Callable[..., RowWriter],
    *,
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
