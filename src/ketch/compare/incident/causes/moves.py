"""Who answers, as the history tells it, and as the decisions do: what changed, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, cast

from ketch.compare.incident import words
from ketch.compare.incident.seen import Seen
from ketch.registry import Event, Kind

_AFTER = 2
"""A package that answers first so many stretches after the first answer of all is new."""

_Arms: TypeAlias = Mapping[str, tuple[str, float]]
"""Stage → package and share."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A change of who answers.

    Attributes:
        kind: Of the cause.
        what: What happened, in words.
        when: When.
        package: Who has more of the answers since, as ``name:version``; empty for nobody.
        instead: Who had them before; empty where nobody is known.
        by: Who did it, and why; empty where nobody said.
    """

    kind: str
    what: str
    when: datetime
    package: str = ""
    instead: str = ""
    by: str = ""


def moves(events: Sequence[Event], seen: Seen) -> list[Moved]:
    """Return each change of who answered in a period.

    Args:
        events: Those of the route, the oldest first, with the one before the period.
        seen: The decisions, which may show packages of which the history says nothing.
    """
    pairs = zip([None, *events], events, strict=False)
    told = [one for older, newer in pairs for one in _told(older, newer)]
    inside = [one for one in told if one.when >= seen.period.since]
    return [*inside, *_unannounced(seen, {one.package for one in inside})]


def _told(older: Event | None, newer: Event) -> Iterator[Moved]:
    """Yield what an event changed."""
    before, after = _arms(older), _arms(newer)
    by = f"{newer.actor}: {newer.body['reason']}" if newer.body.get("reason") else newer.actor
    was, now = dict(before.values()), dict(after.values())
    grown = [one for one, share in now.items() if share > was.get(one, 0.0)]
    lost = [one for one, share in was.items() if share > now.get(one, 0.0)]
    if not grown:
        if newer.kind is Kind.POLICY_SET:
            yield Moved("policy", "the rules of the route were set", newer.time, by=by)
        return
    mine = max(grown, key=lambda one: (one == newer.body.get("package"), now[one]))
    instead = max(lost, key=lambda one: was[one] - now.get(one, 0.0), default="")
    stage = next(stage for stage, (package, _) in after.items() if package == mine)
    kind, what = _said(newer, mine, stage, was.get(mine, 0.0), now[mine])
    yield Moved(kind, what, newer.time, mine, instead, by)


def _said(event: Event, package: str, stage: str, was: float, now: float) -> tuple[str, str]:
    """Return the kind of a change, and what happened."""
    share = words.level(now, "rate")
    if event.kind is Kind.ROLLED_BACK:
        return "rollback", f"{event.body.get('from')} was rolled back to {package}"
    if was and not (event.kind is Kind.PROMOTED and stage == "prod"):
        return "share", f"the share of {package} went from {words.level(was, 'rate')} to {share}"
    if event.kind is Kind.POLICY_SET:
        return "share", f"{package} went to {share} by the rules of the route"
    return "promotion", f"{package} went to {stage}{f' with {share}' if now < 1 else ''}"


def _arms(event: Event | None) -> _Arms:
    """Return who answered callers after an event."""
    if event is None:
        return {}
    arms = cast("Sequence[Mapping[str, object]]", event.body["arms"])
    return {
        str(one["stage"]): (str(one["package"]), float(str(one["share"])))
        for one in arms
        if one["stage"] != "staging"
    }


def _unannounced(seen: Seen, known: set[str]) -> Iterator[Moved]:
    """Yield packages that began to answer, and of which the history says nothing."""
    index = seen.index
    for name in seen.packages:
        first = int(index[seen.package == name].min())
        if name not in known and first > index.min() + _AFTER:
            before = seen.package[index < first].tolist()
            instead = str(max(sorted(set(before)), key=before.count, default=""))
            when = seen.period.time(first)
            yield Moved("package", f"{name} began to answer", when, name, instead)
