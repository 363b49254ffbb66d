"""Gateways: those that began to answer, and decisions that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ketch.compare.incident.causes.case import Case
from ketch.compare.incident.value import Cause
from ketch.monitor.decisions.ids import microseconds_of, time_of
from ketch.monitor.decisions.losses import Loss, losses
from ketch.monitor.outcomes.outcome import instant

_MOST = 50
"""Each gateway ends its identities in digits of its own; more kinds of them tell nothing."""


def gateways(case: Case, logs: Sequence[Path]) -> Iterator[Cause]:
    """Yield gateways that began to answer before the break, and losses of the decision log."""
    seen = case.seen
    tails = np.array([one[16:] for one in seen.ids], object)
    names, first = np.unique(tails, return_index=True)
    for name, place in zip(names, first, strict=True) if len(names) <= _MOST else ():
        when = instant(int(seen.us[place]))
        if seen.index[place] > seen.index.min() and case.near(when):
            part = case.part_of((tails == name).astype(str).astype(object))
            evidence = (
                "its decisions end in digits of their own: it was started, or its clock jumped",
                f"it made {int((tails == name).sum()):,} of {len(seen):,} decisions",
            )
            check = f"ketch decisions --route {case.route} --since {when:%Y-%m-%dT%H:%M:%S}"
            score = case.score(when, part, 0.7)
            yield Cause("gateway", "a gateway began to answer", when, evidence, check, score, part)
    for log in logs:
        yield from (one for loss in losses(log) for one in _lost(case, loss))


def _lost(case: Case, loss: Loss) -> Iterator[Cause]:
    """Yield a loss whose time is known."""
    when = time_of(loss.first) if loss.first else instant(microseconds_of(loss.noticed))
    if case.period.since <= when and case.near(when):
        what = f"{loss.lost:,} decisions were lost"
        evidence = ("they are not in the log, so nothing of them is counted",)
        yield Cause(
            "gateway", what, when, evidence, "ketch decisions --check", case.score(when, None, 0.4)
        )
