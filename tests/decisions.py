"""Decisions to put into a log, and how a log is opened that nobody seals meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from ketch.monitor.decisions import Decision, LogSettings, Origin, new_id

ORIGIN = Origin(
    "recommendations", "recommender:1.0", "sha256:" + "ab" * 32, "limited", "limited=100000"
)
HERE = LogSettings(seals=False)

Write = Callable[..., list[str]]


def decision(unit: str | None = "ana", *, origin: Origin = ORIGIN, at: str = "") -> Decision:
    return Decision(
        at or new_id(),
        origin,
        b'{"shopper":"%b","hour":3}' % (unit or "").encode(),
        b'{"score":1e-07}',
        unit=unit,
        batch_rows=4,
        duration_us=900,
    )
