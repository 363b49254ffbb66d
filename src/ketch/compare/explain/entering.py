"""Where a change enters the pipeline: the first step and field that move, for one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ketch.compare.explain.attribution import Mixture
from ketch.compare.explain.behaviour import Place
from ketch.compare.explain.explanation import Entry
from ketch.compare.explain.study import Study
from ketch.errors import KetchError
from ketch.package import Divergence, StepTrace, first_divergence
from ketch.schema import Row

_ENVIRONMENT = "environment"
_MOST_BESIDE = 1_000
"""Rows that are asked at once."""


def entry_of(study: Study, before: Mixture, after: Mixture) -> Entry | None:
    """Return where the first row that two mixtures answer otherwise first moves.

    The row is asked alone; where that shows nothing, with the rows that it was asked with, and
    then after all that were asked before: rows may remember one another.

    Raises:
        OutOfTime: The time was up before it was found.
    """
    places = study.between(before, after)
    if not places:
        return None
    place = min(places)
    study.progress.step("looking for the first step that moved")
    for asked in _beside(study, place):
        rows = tuple(study.lab.questions[at].rows[row] for at, row in asked)
        moved = _moved(study, before, after, rows)
        if moved is not None:
            at, row = place if moved.row is None else asked[moved.row]
            question = study.lab.questions[at]
            return Entry(replace(moved, row=question.first + row), question.row(row))
    return None


def _beside(study: Study, place: Place) -> Iterator[list[Place]]:
    """Yield the rows to ask at once: one alone, with those it was asked with, with all before."""
    yield [place]
    questions = study.lab.questions[: place[0] + 1]
    listed = [(one, row) for one, asked in enumerate(questions) for row in range(len(asked.rows))]
    together = [one for one in listed if one[0] == place[0]]
    if len(together) > 1:
        yield together
    if len(listed) > len(together):
        yield listed[-_MOST_BESIDE:]


def first_moved(
    before: Sequence[StepTrace], after: Sequence[StepTrace], *, same_environment: bool
) -> Divergence | None:
    """Return the first step and field that differ.

    In the same environment every bit counts: rounding is the same, so that also a column that
    is too far to the right to be traced in full tells that it moved.
    """
    moved = first_divergence(before, after)
    if not same_environment:
        return moved
    for one, other in zip(before, after, strict=False):
        if moved is not None and moved.step == other.step:
            return moved
        theirs = {field.name: field.digest for field in other.fields}
        for field in one.fields:
            digest = theirs.get(field.name)
            if field.digest is not None and digest is not None and field.digest != digest:
                return Divergence(other.step, field.name, None, field.digest, digest, "digest")
    return moved


def _moved(
    study: Study, before: Mixture, after: Mixture, rows: tuple[Row, ...]
) -> Divergence | None:
    def steps(mixture: Mixture) -> tuple[StepTrace, ...]:
        package = study.mixer.package(study.mixer.pieces(mixture))
        return study.lab.steps(package, rows)

    study.check_time()
    try:
        one, other = study.at_once(steps, (before, after))
    except KetchError:  # one of them does not load, so that it has no steps
        return None
    return first_moved(one, other, same_environment=_ENVIRONMENT not in before ^ after)
