"""From a guilty component to the changes inside it, and to the step where they show."""

from __future__ import annotations

from ketch.compare.explain.attribution import Mixture
from ketch.compare.explain.entering import entry_of
from ketch.compare.explain.explanation import Cause
from ketch.compare.explain.inside import Inside, inside
from ketch.compare.explain.shrinking import OutOfTime, Shrunk, shrink
from ketch.compare.explain.study import Study
from ketch.errors import KetchError, UsageError


def find_cause(study: Study, component: str, share: float) -> Cause:
    """Return what of a component changes the answers, and where.

    It is looked for where the component changes most: between a mixture without it and one
    with it, which has as little else from B as can be.
    """
    found = inside(component, study.mixer.a, study.mixer.b, study.lab.home)
    before, after = _where_it_shows(study, component)
    shrunk = _shrunk(study, component, after, found)
    along = found.along(frozenset(shrunk.changes))
    entry, is_placed = None, True
    try:
        entry = entry_of(study, before, after)
    except OutOfTime:
        is_placed = False
    return Cause(
        component,
        share,
        tuple(found.changes[number] for number in shrunk.changes),
        tuple(found.changes[number] for number in sorted(along)),
        shrunk.is_smallest,
        len(found.changes),
        entry,
        is_placed,
    )


def _where_it_shows(study: Study, component: str) -> tuple[Mixture, Mixture]:
    """Return the mixtures without and with a component that say most about it.

    Those that differ in it alone come first; of them, those with the most rows between them;
    and then those with the fewest components of B.
    """
    pairs = [
        (one, other)
        for one in study.behaviours
        for other in study.behaviours
        if one < other and component in other - one
    ]

    def rank(pair: tuple[Mixture, Mixture]) -> tuple[bool, int, int, int]:
        rows = len(study.between(*pair))
        return not rows, len(pair[1] - pair[0]), -rows, len(pair[0])

    return min(pairs, key=rank)


def _shrunk(study: Study, component: str, after: Mixture, found: Inside) -> Shrunk[int]:
    """Return a smallest set of changes with which the mixture answers as with all of them."""
    goal = study.behaviours[after]
    pieces = study.mixer.pieces(after)
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
