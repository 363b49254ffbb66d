"""Errors that appeared, or became more: by their code, with the packages that have them."""

from __future__ import annotations

from collections.abc import Iterator

from ketch.compare.incident import words
from ketch.compare.incident.breaking import Found
from ketch.compare.incident.causes.case import Case
from ketch.compare.incident.seen import Seen
from ketch.compare.incident.series import OTHER, Series
from ketch.compare.incident.symptoms import REFUSED
from ketch.compare.incident.value import Cause
from ketch.rollout.terms import ERRORS
from ketch.tables.engine import literal

_MACHINE = ("serve/", "worker/", "request/")
_OF_ITSELF = 0.55
"""Where errors are what broke, an error says how, and seldom why."""


def kinds(seen: Seen) -> list[Series]:
    """Return each error over time."""
    codes = sorted(set(seen.error.tolist()) - {""})
    return [seen.rate(code, seen.error == code, worse="higher", tier=OTHER) for code in codes]


def errors(case: Case, moved: list[Found]) -> Iterator[Cause]:
    """Yield the errors that became more before the break."""
    for one in moved:
        when = case.changed(one.change)
        if one.change.after > one.change.before and case.is_near(one.change) and case.near(when):
            yield _cause(case, one)


def _cause(case: Case, one: Found) -> Cause:
    code, when = one.series.name, case.changed(one.change)
    is_itself = case.series.name in (ERRORS, REFUSED)
    part = case.part_of((case.seen.error == code).astype(str).astype(object))
    score = case.score(when, part, _OF_ITSELF if is_itself else 0.85)
    verb = "appeared" if not one.change.before else "became more"
    share = words.level(one.change.after, "rate")
    where = f"route = {literal(case.route)} AND error = {literal(code)}"
    return Cause(
        "error",
        f"`{code}` {verb}",
        when,
        (f"{share} of the answers since", *_evidence(case, code)),
        f'ketch decisions --sql "SELECT * FROM decisions WHERE {where} LIMIT 10"',  # noqa: S608 - for people to type
        score,
        None if is_itself else part,
    )


def _evidence(case: Case, code: str) -> Iterator[str]:
    seen = case.seen
    mine = seen.error == code
    who = sorted(set(seen.package[mine].tolist()))
    others = sorted(set(seen.package[seen.index >= case.change.index].tolist()) - set(who))
    yield f"{int(mine.sum()):,} of {', '.join(who)}" + (
        f", none of {', '.join(others)}" if others else ""
    )
    yield f"the first: `ketch trace {seen.ids[mine.argmax()]}`"
    if code.startswith(_MACHINE):
        yield "it tells of the machine, not of what the package computes"
