"""How outcomes were told: later than before, or not at all any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import expm1

from ketch.compare.incident import words
from ketch.compare.incident.causes.case import Case
from ketch.compare.incident.period import Period
from ketch.compare.incident.telling import Telling
from ketch.compare.incident.value import Cause
from ketch.tables.engine import literal

_ALONE, _SAME, _OTHER = 0.9, 0.5, 0.2
"""Where nothing broke, late outcomes are what people saw; where something else did, hardly."""


def outcomes(
    route: str, period: Period, told: Sequence[Telling], case: Case | None
) -> Iterator[Cause]:
    """Yield the outcomes that came late or stopped.

    Args:
        route: The route.
        period: When.
        told: How each outcome was told.
        case: The break; None where there is none.
    """
    for one in told:
        if one.is_silent and one.latest is not None:
            yield _silent(route, one, case)
        elif one.late is not None:
            yield _late(route, period, one, case)


def _score(case: Case | None, when: datetime, name: str) -> float:
    if case is None:
        return _ALONE
    return _SAME if case.series.name == name else _OTHER * case.near(when)


def _silent(route: str, one: Telling, case: Case | None) -> Cause:
    assert one.latest is not None  # noqa: S101 - the caller looked
    evidence = (
        f"{one.expected:.0f} were to be expected since",
        "either none happened, or whoever tells them stopped: the answers after it are not counted",
    )
    what = f"no `{one.name}` was told any more"
    score = _score(case, one.latest, one.name)
    return Cause("outcomes", what, one.latest, evidence, _check(route, one), score)


def _late(route: str, period: Period, one: Telling, case: Case | None) -> Cause:
    assert one.late is not None  # noqa: S101 - the caller looked
    was, now = (
        words.span(timedelta(seconds=expm1(level))) for level in (one.late.before, one.late.after)
    )
    told = f"told {now} after they happened, {was} before"
    until = words.clock(one.complete_until, period.step)
    counted = f"answers from {until} on are not counted: what came of them is still on its way"
    if one.is_complete(period):
        counted = "all of them are there by now, and are counted"
    what = f"`{one.name}` outcomes came late"
    when = period.time(one.late.index)
    return Cause(
        "outcomes",
        what,
        when,
        (told, counted),
        _check(route, one),
        _score(case, when, one.name),
    )


def _check(route: str, one: Telling) -> str:
    which = f"route = {literal(route)} AND name = {literal(one.name)}"
    sql = f"SELECT time, told FROM outcomes WHERE {which} ORDER BY told DESC"  # noqa: S608 - a hint
    return f'ketch decisions --sql "{sql} LIMIT 20"'
