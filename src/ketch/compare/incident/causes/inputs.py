"""What was asked: a field that went missing, other numbers, other categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ketch.compare.incident import words
from ketch.compare.incident.breaking import Found
from ketch.compare.incident.causes.case import Case
from ketch.compare.incident.fields import Followed, marked
from ketch.compare.incident.value import Cause
from ketch.monitor.metrics.attribution import Attribution


def inputs(
    case: Case, found: Attribution, moved: Sequence[tuple[Followed, Found]]
) -> Iterator[Cause]:
    """Yield each field of the inputs that changed before the break.

    Args:
        case: The break.
        found: The decisions, to be asked which of them are concerned.
        moved: What changed, of the inputs.
    """
    best: dict[str, Cause] = {}
    for one, change in moved:
        when = case.changed(change.change)
        if not case.is_near(change.change) or not case.near(when):
            continue
        cause = _cause(case, found, one, change)
        if one.name not in best or cause.score > best[one.name].score:
            best[one.name] = cause
    yield from best.values()


def _cause(case: Case, found: Attribution, one: Followed, change: Found) -> Cause:
    when = case.changed(change.change)
    part, evidence = (None, ()) if one.what == "mean" else _split(case, found, one)
    check = f"ketch drift {case.route} --since {words.stamp(when)}"
    score = case.score(when, part, 0.95)
    return Cause(
        "input", _what(one, change), when, (*evidence, _who(case, change)), check, score, part
    )


def _what(one: Followed, change: Found) -> str:
    kind = one.series.kind
    was, now = (words.level(value, kind) for value in (change.change.before, change.change.after))
    if one.what == "missing":
        verb = "went missing" if change.change.after > change.change.before else "came back"
        return f"input `{one.name}` {verb}: absent from {was} of the rows before, from {now} since"
    if one.what == "mean":
        return f"input `{one.name}` moved from {was} to {now} on average"
    return f"input `{one.name}` became {one.value!r} in {now} of the rows ({was} before)"


def _who(case: Case, change: Found) -> str:
    """Return whether all packages were asked so, which tells the caller from the package."""
    at, size = change.change.index, len(case.period)
    several = [
        name for name, one in change.series.packages.items() if one.within(at, size).weight >= 30
    ]
    if len(several) < 2:
        return "it comes from those who ask"
    return f"in what was asked of {len(several)} packages: it comes from those who ask"


def _split(case: Case, found: Attribution, one: Followed) -> tuple[float | None, tuple[str, ...]]:
    """Return which part of the change goes with the field, and what tells so."""
    true = marked(found, one, case.seen.every)
    names = {True: "with", False: "without", None: "unknown"}
    labels = np.array([names[true.get(one)] for one in case.seen.ids], object)
    sides = case.by_label(labels)
    if sides is None:
        return None, ()
    after, kind = sides[1], case.series.kind
    has, not_ = ("where it is missing", "where it is there")
    if one.what == "category":
        has, not_ = (f"where it is {one.value!r}", "where it is not")
    told = [
        f"{case.series.name} {where}: {words.of(after[name], kind)}"
        for name, where in (("with", has), ("without", not_))
        if name in after
    ]
    return case.part_of(labels), (", ".join(told),) if told else ()
