"""Drift, looked for as often as a policy says; what is new is put into the history.

What is in the history is told to webhooks. So it is told once that a field drifts, and once
that it does no longer: a look that finds what the last one found is not recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ketch.errors import KetchError, NotFound, Unavailable
from ketch.logs import told, trace_of
from ketch.monitor.guard.change import Change
from ketch.package import Digest, PackageName, Reference
from ketch.registry import Arm, Desk, Event, Kind, Place, Route
from ketch.rollout.terms import Reaction
from ketch.runtime import Home

if TYPE_CHECKING:
    from ketch.monitor.drift import Drift

_BACK = 200
"""So many events of a route are looked through for what was told last."""
_MOST_FIELDS = 20
_SENTENCE = 1_000


class Drifting:
    """Looks for drift on routes whose policy says so.

    Args:
        home: Where packages are, and their environments.
        logs: The folders of the decision logs.
        tell: Told of what is new.
    """

    def __init__(self, home: Home, logs: Sequence[Path], tell: Callable[[Change], None]) -> None:
        self._home = home
        self._logs = logs
        self._tell = tell
        self._due: dict[tuple[str, Digest], float] = {}
        self._drifts: dict[tuple[str, Digest], bool] = {}

    def holds(self, route: Route) -> bool:
        """Whether no share of a route may grow by itself: what prod is asked drifts.

        So it is until the first look, too: a guard that begins anew does not know.
        """
        watch, arm = route.policy.drift, route.at(Place.PROD)
        if watch is None or arm is None or watch.reaction is not Reaction.HOLD:
            return False
        return self._drifts.get((route.name, arm.digest), True)

    def watch(self, route: Route, desk: Desk, now: datetime) -> None:
        """Look at the package in prod, if it is time to; tell what is new."""
        watch, arm = route.policy.drift, route.at(Place.PROD)
        if watch is None or arm is None:
            return
        key, moment = (route.name, arm.digest), time.monotonic()
        if moment < self._due.get(key, 0.0):
            return
        self._due[key] = moment + watch.every.total_seconds()
        try:
            self._drifts[key] = self._look(route.name, arm, desk, (now - watch.window, now))
        except NotFound as nothing:  # nobody asked yet, or nothing is known of before
            self._drifts[key] = False
            told("no look for drift", route=route.name, why=nothing.message)
        except KetchError as problem:  # the package is not here, say, or a log cannot be read
            told("no look for drift", route=route.name, why=problem.message)
        except Exception as problem:  # noqa: BLE001 # the border of a look; see guard.py
            told("no look for drift", route=route.name, why=str(problem), trace=trace_of(problem))

    def _look(self, route: str, arm: Arm, desk: Desk, window: tuple[datetime, datetime]) -> bool:
        """Look, tell what is new, and return whether anything drifts."""
        from ketch.monitor.drift import Asked, look  # sketches, which other guards do without

        name = PackageName(arm.package.partition(":")[0])
        package = self._home.open(Reference(name, arm.digest))
        asked = Asked(*window)
        try:  # an environment that is not here is not built while a guard watches
            found = look(self._logs, route, package, self._home, asked, offline=True)
        except Unavailable:
            found = look(self._logs, route, package, self._home, replace(asked, rows=0))
        fields = sorted(one.name for one in found.drifted)
        if fields != _told_last(desk, route, arm.digest):
            event = desk.note_drift(route, finding(found))
            self._tell(_change(event, route, arm, str(event.body["sentence"])))
        return bool(fields)


def finding(drift: Drift) -> dict[str, object]:
    """Return what the history keeps of a look."""
    from ketch.monitor.drift.words import sentence

    line = "".join(one if one.isprintable() else " " for one in sentence(drift))
    kept = ("field", "side", "measure", "value", "effect", "effect_on", "against", "says")
    fields = [one.to_json() for one in drift.drifted[:_MOST_FIELDS]]
    return {
        "digest": drift.digest,
        "fields": [one.name for one in drift.drifted],
        "sentence": line if len(line) <= _SENTENCE else f"{line[: _SENTENCE - 1]}…",
        "evidence": {
            "since": drift.since.isoformat(),
            "until": drift.until.isoformat(),
            "decisions": drift.decisions,
            "fields": [{name: one[name] for name in kept} for one in fields],
        },
    }


def _told_last(desk: Desk, route: str, digest: Digest) -> list[str]:
    """Return which fields of a package drifted when that was recorded last; none if never."""
    for event in desk.history(subject=f"route:{route}", limit=_BACK):
        if event.kind is Kind.DRIFTED and event.body["digest"] == str(digest):
            fields = event.body["fields"]
            return sorted(map(str, fields)) if isinstance(fields, list) else []
    return []


def _change(event: Event, route: str, arm: Arm, says: str) -> Change:
    return Change(
        event.time.astimezone(UTC),
        route,
        "drifted",
        "",
        arm.package,
        str(arm.digest),
        says,
        event=event.seq,
        revision=event.revision,
    )
