"""Repeating: the same question gets the same answer, alone, in company, and elsewhere.

A package whose answers do not depend on the neighbours of a row may be batched by a
server; that licence is given here, by trying, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.errors import KetchError
from ketch.runtime import Worker
from ketch.schema import Row, compare
from ketch.verify.results import ProbeResult
from ketch.verify.subject import Subject

DETERMINISM = "same answer twice"
SECOND_PROCESS = "same answer from a second process"
BATCH_INVARIANCE = "same answer alone and in a batch"
ORDER_INVARIANCE = "same answer in any order"

MAX_ROWS = 64


def run(subject: Subject, rows: Sequence[Row]) -> Iterator[ProbeResult]:
    """Yield one result a question, for rows that are known to be answered."""
    rows = rows[:MAX_ROWS]
    alone = [_ask(subject.worker, [row], subject)[0] for row in rows]
    again = [_ask(subject.worker, [row], subject)[0] for row in rows]
    yield _result(
        DETERMINISM,
        _difference(subject, alone, again),
        hint="set a seed for every random choice; a decision must be repeatable",
    )
    with subject.start(1) as second:
        elsewhere = [_ask(second, [row], subject)[0] for row in rows]
    yield _result(
        SECOND_PROCESS,
        _difference(subject, alone, elsewhere),
        hint="an order that depends on `set` or `hash` differs between processes; sort it",
    )
    yield _licence(BATCH_INVARIANCE, subject, alone, rows)
    yield _licence(ORDER_INVARIANCE, subject, alone[::-1], rows[::-1])


def _licence(name: str, subject: Subject, alone: Sequence[Row], rows: Sequence[Row]) -> ProbeResult:
    """Together, rows are answered as they were alone."""
    if len(rows) < 2:
        return ProbeResult(name, False, required=False, detail="needs two rows to try")
    try:
        together = _ask(subject.worker, rows, subject)
    except KetchError as problem:
        return ProbeResult(name, False, required=False, detail=problem.message)
    difference = _difference(subject, alone, together)
    detail = difference or f"{len(rows)} rows"
    return ProbeResult(name, not difference, required=False, detail=detail)


def _ask(worker: Worker, rows: Sequence[Row], subject: Subject) -> Sequence[Row]:
    return worker.predict(rows, deadline_s=subject.deadline_s).rows


def _difference(subject: Subject, expected: Sequence[Row], found: Sequence[Row]) -> str:
    differences = compare(subject.schema.outputs, expected, found, subject.functions)
    if not differences:
        return ""
    first = differences[0]
    return f"row {first.row}, `{first.field}`: {first.message}"


def _result(name: str, difference: str, *, hint: str) -> ProbeResult:
    return ProbeResult(name, not difference, detail=difference, hint=hint if difference else None)
