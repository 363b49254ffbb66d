"""Where a change enters the pipeline: the first step and field that move, for one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ketch.compare.explain.attribution import Mixture
from ketch.compare.explain.explanation import Entry
from ketch.compare.explain.study import Study
from ketch.errors import KetchError
from ketch.package import Divergence, StepTrace, first_divergence
from ketch.schema import Row

_ENVIRONMENT = "environment"


def entry_of(study: Study, before: Mixture, after: Mixture) -> Entry | None:
    """Return where the first row that two mixtures answer otherwise first moves.

    The row is asked alone; where that shows nothing, with the rows that it was asked with.

    Raises:
        OutOfTime: The time was up before it was found.
    """
    places = study.parted(study.behaviours[before], study.behaviours[after])
    if not places:
        return None
    at, row = min(places)
    question = study.lab.questions[at]
    study.progress.step("looking for the first step that moved")
    alone = (question.rows[row],)
    for asked in (alone, question.rows) if len(question.rows) > 1 else (alone,):
        moved = _moved(study, before, after, asked)
        if moved is not None:
            seen = row if len(asked) == 1 or moved.row is None else moved.row
            return Entry(replace(moved, row=question.first + seen), question.row(seen))
    return None


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
