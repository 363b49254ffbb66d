"""The event log: what happened, in order, each event sealing all before it.

An event is a fact that a person or a program made true: a package was published, a
route got another package in production. The log is the source of truth; everything else
that the registry stores can be derived from it, and ``ketch fsck`` derives it and
compares. Events are only ever added.

Each event names its **subject** (``package:recommender``, ``route:recommendations``) and
counts that subject's **revision**. Its hash covers its content and the hash before it::

    hash = SHA-256(canonical JSON of {actor, body, kind, previous, revision, seq, subject, time})

so that a change of any byte of the past changes every hash after it. A chain alone stops
a careless edit; a head kept elsewhere (``ketch audit head``) also stops whoever owns the
disk. Times never go backwards: a clock that does is read as standing still.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ketch.errors import Finding
from ketch.schema.parse import canonical_json

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

START = "0" * 64
"""The hash before the first event."""


class Kind(StrEnum):
    """What can happen; the past tense, for it has happened."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    OWNER_CHANGED = "owner-changed"
    POLICY_SET = "policy-set"
    PROMOTED = "promoted"
    APPROVED = "approved"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled-back"
    JUDGED = "judged"
    DRIFTED = "drifted"
    TOKEN_CREATED = "token-created"  # noqa: S105 # the word is no secret
    TOKEN_REVOKED = "token-revoked"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Draft:
    """What is about to happen: an event before the log gave it a place and a time."""

    kind: Kind
    subject: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Event:
    """One fact in the log.

    Attributes:
        seq: Its place, counted from 1 without gaps.
        time: When it was recorded, UTC, never before the event before it.
        actor: Who did it.
        kind: What happened.
        subject: What it happened to, such as ``route:recommendations``.
        revision: How many events that subject had, this one included.
        body: The details, in JSON form.
        previous: The hash of the event before it.
    """

    seq: int
    time: datetime
    actor: str
    kind: Kind
    subject: str
    revision: int
    body: Mapping[str, object]
    previous: str

    @property
    def hash(self) -> str:
        """SHA-256 over the event and, through ``previous``, all before it."""
        return hashlib.sha256(canonical_json(self._sealed())).hexdigest()

    def to_json(self) -> dict[str, object]:
        """Return the event as ``ketch history --json`` prints it."""
        return {**self._sealed(), "hash": self.hash}

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Event:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: It is not what was sealed.
        """
        match body:
            case {
                "seq": int(seq),
                "time": str(time),
                "actor": str(actor),
                "kind": str(kind),
                "subject": str(subject),
                "revision": int(revision),
                "body": Mapping() as content,
                "previous": str(previous),
                "hash": str(seal),
            }:
                at = read_time(time)
                found = cls(seq, at, actor, Kind(kind), subject, revision, content, previous)
                if found.hash == seal:
                    return found
        raise ValueError("expected an event as it was sealed")

    def _sealed(self) -> dict[str, object]:
        return {
            "seq": self.seq,
            "time": write_time(self.time),
            "actor": self.actor,
            "kind": str(self.kind),
            "subject": self.subject,
            "revision": self.revision,
            "body": dict(self.body),
            "previous": self.previous,
        }


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log: enough to tell later that nothing before it was changed."""

    seq: int
    hash: str
    time: datetime | None

    def to_json(self) -> dict[str, object]:
        """Return the head as ``ketch audit head --json`` prints it."""
        return {
            "seq": self.seq,
            "hash": self.hash,
            "time": None if self.time is None else write_time(self.time),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Head:
        """Read what :meth:`to_json` wrote."""
        time = body["time"]
        seq, seal = int(str(body["seq"])), str(body["hash"])
        return cls(seq, seal, None if time is None else read_time(str(time)))


def now() -> datetime:
    """Return the present, in UTC."""
    return datetime.now(UTC)


def write_time(time: datetime) -> str:
    """Return a time as text that sorts as the times do, in microseconds."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_time(text: str) -> datetime:
    """Read what :func:`write_time` wrote."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"expected a time as the log writes it, found `{text[:40]}`")
    return datetime.fromisoformat(text)


def check_chain(events: Iterable[tuple[Event, str]]) -> Iterator[Finding]:
    """Yield what is wrong with a log: gaps, broken seals, times and revisions out of order.

    Args:
        events: Each event with the hash that was stored for it, from the first on.
    """
    previous, count = START, 0
    last: datetime | None = None
    revisions: dict[str, int] = {}
    for event, stored in events:
        count += 1
        where = f"event {count}"
        if event.seq != count:
            yield _broken(f"expected event {count}, found {event.seq}", where)
        if event.previous != previous or event.hash != stored:
            yield _broken("expected the seal of this event and all before it, found another", where)
        if last is not None and event.time < last:
            yield _broken("expected a time after the event before it, found an earlier one", where)
        expected = revisions.get(event.subject, 0) + 1
        if event.revision != expected:
            message = f"expected revision {expected} of `{event.subject}`, found {event.revision}"
            yield _broken(message, where)
        previous, count, last = stored, event.seq, event.time
        revisions[event.subject] = event.revision


def _broken(message: str, where: str) -> Finding:
    return Finding("registry/broken-log", message, where)
