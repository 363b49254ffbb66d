"""What each call does: read references and times, ask the desk, return a value as JSON."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ketch.errors import NotFound, Unavailable, UsageError
from ketch.hub.access import GuardedDesk, Identity, Role, Tokens, patterns
from ketch.hub.access.roles import not_covered
from ketch.hub.api.asking import Asked, Tagged
from ketch.package import Digest, PackageName, Reference, Stage
from ketch.registry import Desk, Event, Head, Policy, Share
from ketch.registry.share import WHOLE


@dataclass(frozen=True)
class Behind:
    """What the calls are answered from.

    Attributes:
        desk_of: Returns the desk of whoever asks.
        tokens: The tokens of the hub.
        publish: Publishes at a desk a package whose bytes are there.
        auditing: Held while the whole history is looked at, once at a time.
    """

    desk_of: Callable[[Identity], GuardedDesk]
    tokens: Tokens
    publish: Callable[[PackageName, Digest, Desk], Event]
    auditing: threading.Lock = field(default_factory=threading.Lock)


def me(asked: Asked) -> object:
    """Return whom the token stands for."""
    return asked.identity.to_json()


def versions(asked: Asked) -> object:
    """Return a page of versions."""
    query = asked.query
    if query.name is not None:
        PackageName.parse(query.name, where="name")
    page = _desk(asked).versions(
        name=query.name, search=query.search, after=query.after, limit=query.limit
    )
    return page.to_json()


def publish(asked: Asked) -> object:
    """Publish a package whose bytes are there."""
    name = PackageName.parse(asked.body.name, where="name")
    asked.identity.require(Role.PUBLISHER, str(name))
    return _event(asked.behind.publish(name, Digest.parse(asked.body.digest), _desk(asked)))


def resolve(asked: Asked) -> object:
    """Return the version that a reference means."""
    return _desk(asked).resolve(_reference(asked)).to_json()


def withdraw(asked: Asked) -> object:
    """Withdraw a version."""
    return _event(_desk(asked).withdraw(_reference(asked), reason=asked.body.reason))


def gates(asked: Asked) -> object:
    """Return every gate between a package and a stage."""
    query = asked.query
    found = _desk(asked).gates(
        _reference(asked), Stage(query.stage), share=_share(query.share), route=query.route
    )
    return {"gates": [gate.told() for gate in found]}


def hand_over(asked: Asked) -> object:
    """Hand a package over."""
    name = PackageName.parse(asked.path["name"], where="name")
    return _event(_desk(asked).hand_over(name, asked.body.owner, reason=asked.body.reason))


def promote(asked: Asked) -> object:
    """Move a package to a stage."""
    body = asked.body
    event = _desk(asked).promote(
        Reference.parse(body.package),
        Stage(body.stage),
        share=_share(body.share),
        reason=body.reason,
        route=body.route,
        override=body.override,
        expected=body.revision,
    )
    return _event(event)


def approve(asked: Asked) -> object:
    """Say yes."""
    body = asked.body
    event = _desk(asked).approve(
        Reference.parse(body.package), reason=body.reason, route=body.route
    )
    return _event(event)


def reject(asked: Asked) -> object:
    """Say no."""
    body = asked.body
    event = _desk(asked).reject(Reference.parse(body.package), reason=body.reason, route=body.route)
    return _event(event)


def routes(asked: Asked) -> object:
    """Return every route."""
    return {"routes": [route.to_json() for route in _desk(asked).routes()]}


def route(asked: Asked) -> object:
    """Return a route."""
    found = _desk(asked).route(asked.path["route"])
    return Tagged(found.to_json(), found.revision)


def arms(asked: Asked) -> object:
    """Return who answered at a time."""
    found = _desk(asked).arms_at(asked.path["route"], _time(asked.query.at))
    return {"arms": [arm.to_json() for arm in found]}


def set_policy(asked: Asked) -> object:
    """Give a route its rules."""
    body = asked.body
    event = _desk(asked).set_policy(
        asked.path["route"],
        Policy.from_json(body.policy),
        reason=body.reason,
        expected=_expected(asked),
    )
    return _event(event)


def roll_back(asked: Asked) -> object:
    """Go back."""
    body = asked.body
    event = _desk(asked).roll_back(
        asked.path["route"],
        reason=body.reason,
        to=None if body.to is None else Reference.parse(body.to),
        evidence=body.evidence,
        expected=_expected(asked),
    )
    return _event(event)


def judge(asked: Asked) -> object:
    """Record a verdict."""
    event = _desk(asked).judge(asked.path["route"], asked.body.verdict, expected=_expected(asked))
    return _event(event)


def note_drift(asked: Asked) -> object:
    """Record what drifted."""
    return _event(_desk(asked).note_drift(asked.path["route"], asked.body.finding))


def events(asked: Asked) -> object:
    """Return what happened."""
    query = asked.query
    found = _desk(asked).history(
        subject=query.subject,
        until=None if query.until is None else _time(query.until),
        before=query.before,
        limit=query.limit,
    )
    return {"events": [event.to_json() for event in found]}


def head(asked: Asked) -> object:
    """Return the end of the history."""
    return _desk(asked).head().to_json()


def audit(asked: Asked) -> object:
    """Look at the whole history, once at a time: it is long."""
    behind = asked.behind
    contains = asked.body.contains
    checkpoint = None
    if contains is not None:
        seq, _, seal = contains.partition(":")
        checkpoint = Head(int(seq), seal, None)
    if not behind.auditing.acquire(blocking=False):
        raise Unavailable("the history is being looked at already", code="hub/audit-runs")
    try:
        return _desk(asked).audit(contains=checkpoint).to_json()
    finally:
        behind.auditing.release()


def tokens(asked: Asked) -> object:
    """Return what is known of every token."""
    asked.identity.require(Role.ADMIN)
    _require_all(asked.identity)
    return {"tokens": [token.to_json() for token in asked.behind.tokens.listed()]}


def create_token(asked: Asked) -> object:
    """Let somebody in."""
    asked.identity.require(Role.ADMIN)
    _require_all(asked.identity)
    body = asked.body
    covered = None if body.packages is None else patterns(body.packages)
    identity = Identity(body.person, Role.parse(body.role), covered)
    known, token = asked.behind.tokens.create(identity, by=asked.identity.person, days=body.days)
    return {"token": token, "known": known.to_json()}


def revoke_token(asked: Asked) -> object:
    """End a token."""
    asked.identity.require(Role.ADMIN)
    _require_all(asked.identity)
    return asked.behind.tokens.revoke(asked.path["token"], by=asked.identity.person).to_json()


def _require_all(identity: Identity) -> None:
    """Let nobody whose token is limited give others more than that."""
    if identity.packages is not None:
        raise not_covered(identity)


def _desk(asked: Asked) -> Desk:
    return asked.behind.desk_of(asked.identity)


def _event(event: Event) -> object:
    return event.to_json()


def _reference(asked: Asked) -> Reference:
    text = asked.path["reference"]
    if len(text) > 256:
        raise NotFound("no such version in the registry", code="registry/not-found")
    return Reference.parse(text)


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"expected a time such as `2026-03-03T12:00:00Z`, found `{text}`", code="usage/time"
        ) from error


def _share(number: float | None) -> Share | None:
    if number is None:
        return None
    share = Share(round(number * WHOLE))
    if abs(share.fraction - number) > 1e-12:
        raise UsageError(
            f"expected a share in millionths of the whole, found `{number!r}`", code="share/syntax"
        )
    return share


def _expected(asked: Asked) -> int | None:
    said = asked.body.revision
    return asked.revision if said is None else int(said)
