"""Repeating: the same question gets the same answer, alone, in company, and elsewhere.

A package whose answers do not depend on the neighbours of a row may be batched by a
server; that licence is given here, by trying, or not at all. A refusal is an answer: what
is refused once must be refused again, in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ketch.errors import PackageCodeError
from ketch.runtime.licence import BATCH_INVARIANCE, NOT_TRIED, ORDER_INVARIANCE
from ketch.schema import Row
from ketch.verify.results import ProbeResult
from ketch.verify.subject import FAILED, Predict, Subject

DETERMINISM = "same answer twice"
SECOND_PROCESS = "same answer from a second process"

MAX_ROWS = 32
"""Rows that are asked alone and together."""

MAX_REPEATED = 16
"""Rows that are asked alone again, here and elsewhere: a seed or an order shows in a few."""

Said = Row | str
"""An answer, or the words of a refusal."""


def run(subject: Subject, rows: Sequence[Row]) -> Iterator[ProbeResult]:
    """Yield one result a question, for rows that are known to be answered."""
    rows, repeated = rows[:MAX_ROWS], rows[:MAX_REPEATED]

    def here(asked: Sequence[Row]) -> Sequence[Row]:
        return subject.predict(asked).rows

    try:
        alone = _one_by_one(here, rows)
    except FAILED as problem:  # then there is nothing to compare with
        yield ProbeResult(DETERMINISM, passed=False, detail=subject.told(problem))
        return

    def again() -> str:
        return _difference(subject, alone[:MAX_REPEATED], _one_by_one(here, repeated))

    def elsewhere() -> str:
        with subject.elsewhere() as ask:
            return _difference(subject, alone[:MAX_REPEATED], _one_by_one(ask, repeated))

    yield _must_agree(
        subject,
        DETERMINISM,
        again,
        hint="set a seed for every random choice, ask no clock, keep nothing between two calls",
    )
    yield _must_agree(
        subject,
        SECOND_PROCESS,
        elsewhere,
        hint="an order that depends on `set`, `hash` or `id` differs between processes; sort it",
    )
    yield _licence(subject, BATCH_INVARIANCE, rows, alone)
    yield _licence(subject, ORDER_INVARIANCE, rows[::-1], alone[::-1])


def _must_agree(subject: Subject, name: str, ask: Callable[[], str], *, hint: str) -> ProbeResult:
    try:
        difference = ask()
    except FAILED as problem:
        return ProbeResult(name, passed=False, detail=subject.told(problem))
    return ProbeResult(name, not difference, detail=difference, hint=hint if difference else None)


def _licence(
    subject: Subject, name: str, rows: Sequence[Row], alone: Sequence[Said]
) -> ProbeResult:
    """Together, rows are answered as they were alone; a crash breaks the contract.

    One row beside itself licenses nothing, but shows an answer that counts its neighbours.
    """
    if len(rows) < 2:
        twice = _licence(subject, name, [*rows, *rows], [*alone, *alone])
        return replace(twice, passed=False, detail=NOT_TRIED) if twice.passed else twice
    try:
        difference = _difference(subject, alone, subject.predict(rows).rows)
    except FAILED as problem:
        refused = isinstance(problem, PackageCodeError) and problem.is_refusal
        detail = f"{len(rows)} rows: {subject.told(problem)}"
        return ProbeResult(name, passed=False, required=not refused, detail=detail)
    detail = difference or f"{len(rows)} rows"
    return ProbeResult(name, not difference, required=False, detail=detail)


def _one_by_one(ask: Predict, rows: Sequence[Row]) -> list[Said]:
    said: list[Said] = []
    for row in rows:
        try:
            said += ask([row])
        except PackageCodeError as problem:
            if not problem.is_refusal:
                raise
            said.append(problem.message)
    return said


def _difference(subject: Subject, expected: Sequence[Said], found: Sequence[Said]) -> str:
    """Return the first difference in words; nothing when there is none."""
    for at, (one, other) in enumerate(zip(expected, found, strict=True)):
        if isinstance(one, str) or isinstance(other, str):
            if one != other:
                return f"row {at}: {_told(one)} first, {_told(other)} then"
        elif different := subject.differences([one], [other]):
            return f"row {at}, `{different[0].field}`: {different[0].message}"
    return ""


def _told(said: Said) -> str:
    return f"refused ({said})" if isinstance(said, str) else "answered"
