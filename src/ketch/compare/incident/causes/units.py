"""Who asked: one unit that began to make a large part of all requests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ketch.compare.incident import words
from ketch.compare.incident.causes.case import Case
from ketch.compare.incident.value import Cause

_LARGE = 0.05
_TIMES = 3.0
_FEW = 20
"""Where all have stopped, the last one who asked makes a large part of little."""


def units(case: Case) -> Iterator[Cause]:
    """Yield the unit with most requests since the break, where it had far fewer before."""
    seen = case.seen
    is_after = seen.index >= case.change.index
    known = seen.unit > 0
    names, many = np.unique(seen.unit[is_after & known], return_counts=True)
    if not len(names) or many.max() < _FEW:
        return
    top = names[many.argmax()]
    mine = seen.unit == top
    now, was = (
        float(mine[is_after].mean()),
        float(mine[~is_after].mean()) if (~is_after).any() else 0.0,
    )
    if now < _LARGE or now < _TIMES * was:
        return
    part = case.part_of(mine.astype(str).astype(object))
    first = case.period.time(int(seen.index[mine].min()))
    when = max(first, case.broke.interval[0]) if was else first
    yield Cause(
        "traffic",
        f"one unit began to make {words.level(now, 'rate')} of the requests",
        when,
        (f"{words.level(was, 'rate')} before; its hash is {int(top):016x}",),
        f"ketch trace {seen.ids[(mine & is_after).argmax()]}",
        case.score(when, part, 0.9),
        part,
    )
