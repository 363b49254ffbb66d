"""Who answers, as a cause: beside whoever went on to answer, and did not move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ketch.compare.incident import words
from ketch.compare.incident.causes.case import Case
from ketch.compare.incident.causes.moves import Moved, moves
from ketch.compare.incident.components import differing
from ketch.compare.incident.contrast import explained, stayed
from ketch.compare.incident.series import Level
from ketch.compare.incident.value import Cause
from ketch.registry import Event
from ketch.runtime import Home

_OF_RULES = 0.3
_NONE = Level(0.0, 0.0)
_Levels = Mapping[str, Level]


def packages(case: Case, events: Sequence[Event], home: Home | None) -> Iterator[Cause]:
    """Yield each change of who answers, before the break.

    Args:
        case: The break.
        events: Those of the route, the oldest first, with the one before the period.
        home: Where the packages are, to say which components differ; None for nowhere.
    """
    for one in moves(events, case.seen):
        if case.near(one.when):
            yield _of_package(case, one, home) if one.package else _of_rules(case, one)


def _of_rules(case: Case, move: Moved) -> Cause:
    score = case.score(move.when, None, _OF_RULES)
    check = f"ketch history {case.route}"
    return Cause(move.kind, move.what, move.when, (f"by {move.by}",), check, score)


def _of_package(case: Case, move: Moved, home: Home | None) -> Cause:
    before, after = case.by_package()
    part = explained(_apart(before, move.package), _apart(after, move.package))
    evidence = [*_compared(case, move, before, after), *_differ(case, move, home)]
    if move.by:
        evidence.append(f"by {move.by}")
    return Cause(
        move.kind,
        move.what,
        move.when,
        tuple(evidence),
        _check(case, move),
        case.score(move.when, part),
        part,
        _control(case, move, before, after),
    )


def _apart(levels: _Levels, package: str) -> dict[str, Level]:
    """Return one package, and all others together."""
    others = [one for name, one in levels.items() if name != package]
    rest = Level(sum(one.sum for one in others), sum(one.weight for one in others))
    return {"": rest, package: levels.get(package, _NONE)}


def _control(case: Case, move: Moved, before: _Levels, after: _Levels) -> str:
    """Return who went on to answer and did not move; empty for nobody."""
    mine = after.get(move.package, _NONE)
    others = sorted((before.keys() & after.keys()) - {move.package})
    still = (one for one in others if stayed(before[one], after[one], mine))
    return next(still, "") if case.series.kind == "rate" else ""


def _compared(case: Case, move: Moved, before: _Levels, after: _Levels) -> Iterator[str]:
    """Yield what each package came to, the one that moved first."""
    kind = case.series.kind
    names = sorted(before.keys() | after.keys(), key=lambda one: (one != move.package, one))
    for name in names:
        was, now = before.get(name, _NONE), after.get(name, _NONE)
        if was.weight and now.weight:
            yield f"{name}: {words.of(was, kind)} before, {words.of(now, kind)} after"
        elif was.weight or now.weight:
            side = "after" if now.weight else "before"
            yield f"{name}: {words.of(now if now.weight else was, kind)} {side}"
    if not any(after.get(one, _NONE).weight for one in before if one != move.package):
        yield "nobody else answered since: there is nothing to compare it with"


def _differ(case: Case, move: Moved, home: Home | None) -> Iterator[str]:
    known = case.seen.digests
    if home is not None and move.instead in known and move.package in known:
        pair = ((name, known[name]) for name in (move.instead, move.package))
        yield differing(home, *pair)


def _check(case: Case, move: Moved) -> str:
    if not move.instead:
        return f"ketch history {case.route}"
    since = words.stamp(case.period.since)
    return f"ketch explain {move.instead} {move.package} --route {case.route} --since {since}"
