"""The rollouts of a route, as its history tells them: what was tried against what, and when.

A rollout is one candidate at ``limited`` beside one package in ``prod``. It begins with the
event that made that pair and ends with the one that ends it: a promotion, a rollback, a
candidate that was taken off the route or gave way to another. It keeps the policy that the
route had when it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, cast

from ketch.package.digest import Digest
from ketch.registry.desk import Desk
from ketch.registry.events import Event, Kind, write_time
from ketch.registry.policy import Policy
from ketch.registry.promotion import subject
from ketch.registry.route import Arm, Place
from ketch.registry.share import Share
from ketch.rollout import rollout_id
from ketch.rollout.terms import Action

_PAGE = 500


class Side(NamedTuple):
    """One of the two packages of a rollout: ``name:version``, and exactly."""

    package: str
    digest: Digest

    def to_json(self) -> dict[str, object]:
        """Return the package in JSON form."""
        return {"package": self.package, "digest": str(self.digest)}


@dataclass(frozen=True, slots=True)
class Rollout:
    """A candidate that was tried on a route.

    Attributes:
        route: Where.
        id: What its decisions call it; see :func:`ketch.rollout.rollout_id`.
        candidate: What was tried.
        against: What held prod meanwhile.
        salt: Decided which units had the candidate.
        began: When, UTC.
        ended: When; None while it is under way.
        ended_by: The event that ended it.
        policy: The rules it was judged by: those of its beginning.
        shares: From when on the candidate had which share of all units.
        judged: The verdict on record: the first to roll it back, which stays whatever is
            said later; else the newest; None before there is one.
    """

    route: str
    id: str
    candidate: Side
    against: Side
    salt: str
    began: datetime
    ended: datetime | None
    ended_by: Event | None
    policy: Policy
    shares: tuple[tuple[datetime, Share], ...]
    judged: Event | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    @property
    def action(self) -> Action | None:
        """What the verdict on record asks for."""
        return None if self.judged is None else Action(str(self.judged.body["action"]))

    def to_json(self) -> dict[str, object]:
        """Return the rollout in JSON form."""
        return {
            "route": self.route,
            "id": self.id,
            "candidate": self.candidate.to_json(),
            "against": self.against.to_json(),
            "began": write_time(self.began),
            "ended": None if self.ended is None else write_time(self.ended),
            "ended_by": None if self.ended_by is None else self.ended_by.to_json(),
            "policy": self.policy.to_json(),
            "shares": [
                {"time": write_time(time), "share": share.fraction} for time, share in self.shares
            ],
        }


def rollouts(desk: Desk, route: str, *, until: datetime | None = None) -> tuple[Rollout, ...]:
    """Return the rollouts of a route, the newest first.

    Args:
        desk: Where the history is asked for.
        route: The route; one that nobody knows had none.
        until: As things stood at a time.
    """
    found: list[Rollout] = []
    for event in _changes(desk, route, until):
        running = found[-1] if found and found[-1].is_under_way else None
        if event.kind is Kind.JUDGED:
            if running is not None and _counts(event, running):
                found[-1] = replace(running, judged=event)
            continue
        pair = _pair(event)
        if running is not None and (pair is None or _id(*pair) != running.id):
            found[-1] = replace(running, ended=event.time, ended_by=event)
            running = None
        if pair is not None:
            if running is None:
                found.append(_begun(route, event, *pair))
            elif running.shares[-1][1] != pair[0].share:
                grown = (*running.shares, (event.time, pair[0].share))
                found[-1] = replace(running, shares=grown)
    return tuple(reversed(found))


def _changes(desk: Desk, route: str, until: datetime | None) -> Iterable[Event]:
    """Return the events that changed who answers, and the verdicts, the oldest first."""
    found: list[Event] = []
    before: int | None = None
    while True:
        page = desk.history(subject=subject(route), until=until, before=before, limit=_PAGE)
        found += [one for one in page if "arms" in one.body or one.kind is Kind.JUDGED]
        if len(page) < _PAGE:
            return reversed(found)
        before = page[-1].seq


def _counts(event: Event, rollout: Rollout) -> bool:
    """Whether a verdict is one on a rollout, and none to roll it back stands already."""
    return event.body["rollout"] == rollout.id and rollout.action is not Action.ROLL_BACK


def _pair(event: Event) -> tuple[Arm, Arm] | None:
    """Return who is at limited and in prod after an event, where both are."""
    bodies = cast("Iterable[Mapping[str, object]]", event.body["arms"])
    arms = {arm.place: arm for arm in map(Arm.from_json, bodies)}
    limited, prod = arms.get(Place.LIMITED), arms.get(Place.PROD)
    return None if limited is None or prod is None else (limited, prod)


def _id(limited: Arm, prod: Arm) -> str:
    return rollout_id(limited.salt or "", str(limited.digest), str(prod.digest))


def _begun(route: str, event: Event, limited: Arm, prod: Arm) -> Rollout:
    return Rollout(
        route,
        _id(limited, prod),
        Side(limited.package, limited.digest),
        Side(prod.package, prod.digest),
        limited.salt or "",
        event.time,
        None,
        None,
        Policy.from_json(cast("Mapping[str, object]", event.body["policy"])),
        ((event.time, limited.share),),
    )
