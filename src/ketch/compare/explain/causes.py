"""From a guilty component to the changes inside it, and to the step where they show."""

from __future__ import annotations

from dataclasses import replace

from ketch.compare.explain.attribution import Mixture
from ketch.compare.explain.behaviour import Place
from ketch.compare.explain.explanation import Cause, Entry
from ketch.compare.explain.inside import Inside, inside
from ketch.compare.explain.shrinking import OutOfTime, Shrunk, shrink
from ketch.compare.explain.study import Study, at_once
from ketch.errors import KetchError, UsageError
from ketch.package import Divergence, StepTrace, first_divergence
from ketch.schema import Row


def find_cause(study: Study, component: str, share: float) -> Cause:
    """Return what of a component changes the answers, and where.

    It is looked for where the component changes most: between a mixture without it and the
    same one with it, from A alone where that shows as much as anything.
    """
    found = inside(component, study.mixer.a, study.mixer.b, study.lab.home)
    before = _where_it_shows(study, component)
    if before is None:
        every = tuple(found.changes)
        return Cause(component, share, every, is_smallest=len(every) < 2, of=len(every))
    shrunk = _shrunk(study, component, before, found)
    along = found.along(frozenset(shrunk.changes))
    return Cause(
        component,
        share,
        tuple(found.changes[number] for number in shrunk.changes),
        tuple(found.changes[number] for number in sorted(along)),
        shrunk.is_smallest,
        len(found.changes),
        _entry(study, before, before | {component}),
    )


def _where_it_shows(study: Study, component: str) -> Mixture | None:
    """Return the mixture in which the component changes most rows; the smallest of equals."""
    steps = [one for one in study.behaviours if component not in one]
    steps = [one for one in steps if one | {component} in study.behaviours]
    ordered = sorted(steps, key=lambda one: (-len(_parted_by(study, one, component)), len(one)))
    return ordered[0] if ordered and _parted_by(study, ordered[0], component) else None


def _parted_by(study: Study, before: Mixture, component: str) -> frozenset[Place]:
    return study.parted(study.behaviours[before], study.behaviours[before | {component}])


def _shrunk(study: Study, component: str, before: Mixture, found: Inside) -> Shrunk[int]:
    """Return a smallest set of changes with which the mixture answers as with all of them."""
    goal = study.behaviours[before | {component}]
    pieces = study.mixer.pieces(before)
    total = len(found.changes)

    def makes_it(some: frozenset[int]) -> bool:
        study.check_time()
        made = len(some | found.along(some))
        study.progress.step(f"{component}: trying {made} of {total} changes")
        try:
            answered = study.run({**pieces, component: found.files(some)})
        except UsageError:
            raise
        except KetchError:  # it cannot be made, or not be installed: it shows nothing
            return False
        return not study.parted(goal, answered)

    return shrink(range(total), makes_it)


def _entry(study: Study, before: Mixture, after: Mixture) -> Entry | None:
    """Return where the first row that is answered otherwise first moves."""
    one, other = study.behaviours[before], study.behaviours[after]
    places = sorted(study.parted(one, other))
    for at, row in places[:1]:
        question = study.lab.questions[at]
        study.progress.step("looking for the first step that moved")
        rows: tuple[tuple[Row, ...], ...] = ((question.rows[row],), question.rows)
        for asked in rows if len(question.rows) > 1 else rows[1:]:
            moved = _moved(study, before, after, asked)
            if moved is not None:
                seen = row if len(asked) == 1 or moved.row is None else moved.row
                said = question.first + seen
                return Entry(replace(moved, row=said), question.row(seen), said)
    return None


def _moved(
    study: Study, before: Mixture, after: Mixture, rows: tuple[Row, ...]
) -> Divergence | None:
    def steps(mixture: Mixture) -> tuple[StepTrace, ...]:
        package = study.mixer.package(study.mixer.pieces(mixture))
        return study.lab.steps(package, rows)

    try:
        study.check_time()
        pair = list(at_once(steps, (before, after)))
    except (KetchError, OutOfTime):
        return None
    return first_divergence(pair[0], pair[1])
