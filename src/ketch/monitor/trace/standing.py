"""How a package came to answer as the arm that a decision names: what the history says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from ketch.errors import NotFound
from ketch.monitor.decisions.table import Recorded
from ketch.package import PackageName, Reference
from ketch.package.digest import Digest
from ketch.registry import Arm, Desk, Event, Kind, Policy, Version
from ketch.registry.events import write_time

CLOCKS = timedelta(minutes=5)
"""How far the clock of a gateway may be behind that of the registry."""

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """How a package came to where it stood.

    Attributes:
        promotion: The event that put it there; None where the registry knows of none.
        share: The event that gave it the share of units that it had.
        approvals: Every yes to exactly these bytes before that, and not taken back since,
            the newest first.
        arms: Who answered on the route then.
        policy: The rules of the route then.
        version: Who published it, and when; None where nobody did.
        note: What a reader should know of it; may be empty.
    """

    promotion: Event | None = None
    share: Event | None = None
    approvals: tuple[Event, ...] = ()
    arms: tuple[Arm, ...] = ()
    policy: Policy | None = None
    version: Version | None = None
    note: str = ""

    @property
    def approver(self) -> str | None:
        """Who said yes last."""
        return self.approvals[0].actor if self.approvals else None

    def to_json(self) -> dict[str, object]:
        """Return what it says of a decision, as members of ``ketch trace --json``."""
        version = self.version
        return {
            "promotion": None if self.promotion is None else event_json(self.promotion),
            "share_set": None if self.share is None else event_json(self.share),
            "approver": self.approver,
            "approvals": [event_json(one) for one in self.approvals],
            "published": None
            if version is None
            else {"by": version.publisher, "time": write_time(version.published)},
        }


def event_json(event: Event) -> dict[str, object]:
    """Return an event as a trace tells of it: who did what, when and why."""
    body = event.body
    told = ("package", "stage", "share", "instead_of", "from", "reason", "override", "evidence")
    return {
        "event": event.seq,
        "kind": str(event.kind),
        "time": write_time(event.time),
        "actor": event.actor,
        **{name: body[name] for name in told if body.get(name) not in (None, "", [])},
    }


def standing(decision: Recorded, desk: Desk) -> Standing:
    """Return how the package of a decision came to be its arm.

    A gateway follows the registry with a delay, and its clock may be behind; so what counts
    is the newest state until then in which the package stood there, else one just after.

    Raises:
        Unavailable: The registry cannot be asked.
    """
    try:
        version = desk.resolve(_exactly(decision))
    except NotFound:
        return Standing(note="the registry does not know these bytes: nobody published them")
    before = _events(desk, decision.route, decision.time)
    held = _held(before, decision)
    note = ""
    if held is None:
        after = _events(desk, decision.route, decision.time + CLOCKS)
        late = [one for one in after if one.time > decision.time and _arm(one, decision)]
        if not late:
            said = f"the registry never had it as `{decision.arm}` of `{decision.route}`"
            return Standing(version=version, note=said)
        note = "the registry recorded the event after the decision: the two clocks differ"
        held = late[-1:]
    promotion = held[-1]
    had = _share(held[0], decision)
    *_, share = takewhile(lambda one: _share(one, decision) == had, held)
    return Standing(
        promotion,
        share,
        tuple(_approvals(desk, decision, promotion)),
        tuple(Arm.from_json(one) for one in _arms(held[0])),
        Policy.from_json(held[0].body["policy"]),  # type: ignore[arg-type] # as the event has it
        version,
        note or _followed(desk, decision, held[0]),
    )


def _exactly(decision: Recorded) -> Reference:
    name = decision.package.partition(":")[0]
    return Reference(PackageName(name), Digest.parse(decision.digest))


def _held(events: Iterator[Event], decision: Recorded) -> list[Event] | None:
    """Return the last events in a row in which the package stood there, the newest first."""
    states = (one for one in events if _arms(one))
    first = next((one for one in states if _arm(one, decision)), None)
    if first is None:
        return None
    held = [first]
    for one in states:
        if not _arm(one, decision):
            break
        held.append(one)
    return held


def _events(desk: Desk, route: str, until: datetime) -> Iterator[Event]:
    """Yield the events of a route until a time, the newest first."""
    before: int | None = None
    while True:
        page = desk.history(subject=f"route:{route}", until=until, before=before, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].seq


def _arms(event: Event) -> Sequence[dict[str, object]]:
    arms = event.body.get("arms")
    return arms if isinstance(arms, list) else []


def _arm(event: Event, decision: Recorded) -> dict[str, object] | None:
    place = (decision.arm, decision.digest)
    return next((one for one in _arms(event) if (one["stage"], one["digest"]) == place), None)


def _share(event: Event, decision: Recorded) -> object:
    arm = _arm(event, decision)
    return None if arm is None else arm["share"]


def _approvals(desk: Desk, decision: Recorded, promotion: Event) -> Iterator[Event]:
    """Yield every yes before a promotion, back to the last no."""
    for one in _events(desk, decision.route, promotion.time):
        if one.seq >= promotion.seq or one.body.get("digest") != decision.digest:
            continue
        if one.kind is Kind.REJECTED:
            return
        if one.kind is Kind.APPROVED:
            yield one


def _followed(desk: Desk, decision: Recorded, held: Event) -> str:
    """Return a note where the registry had moved on already when the decision was made."""
    newest = next((one for one in _events(desk, decision.route, decision.time) if _arms(one)), held)
    if newest.seq == held.seq:
        return ""
    return f"event {newest.seq} had changed the route by then; the gateway had not followed yet"
