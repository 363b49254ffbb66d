"""The event log in a database: appended to by one writer at a time, read from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from ketch.registry.events import START, Draft, Event, Head, Kind, read_time, write_time
from ketch.registry.sql.database import Session, from_row
from ketch.registry.sql.projection import project
from ketch.schema.parse import canonical_json, parse_json

_COLUMNS = "seq, time, actor, kind, subject, revision, body, previous, hash"
_CHUNK = 200
_NO_SEQ = 2**63 - 1


def append(session: Session, draft: Draft, *, actor: str, now: datetime) -> Event:
    """Record an event and what follows from it, in the caller's transaction."""
    last = head(session)
    event = Event(
        seq=last.seq + 1,
        time=now if last.time is None else max(now, last.time),
        actor=actor,
        kind=draft.kind,
        subject=draft.subject,
        revision=revision(session, draft.subject) + 1,
        body=draft.body,
        previous=last.hash,
    )
    session.run(
        f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        event.seq,
        write_time(event.time),
        event.actor,
        str(event.kind),
        event.subject,
        event.revision,
        canonical_json(dict(event.body)).decode(),
        event.previous,
        event.hash,
    )
    project(event, session)
    return event


def head(session: Session) -> Head:
    """Return the end of the log."""
    row = session.one("SELECT seq, hash, time FROM events ORDER BY seq DESC LIMIT 1")
    return Head(0, START, None) if row is None else _head(row)


def revision(session: Session, subject: str) -> int:
    """Return how many events a subject had."""
    row = session.one("SELECT MAX(revision) FROM events WHERE subject = ?", subject)
    return 0 if row is None or row[0] is None else int(row[0])


def all_events(session: Session) -> Iterator[tuple[Event, str]]:
    """Yield every event with the hash stored for it, the oldest first."""
    for row in session.stream(f"SELECT {_COLUMNS} FROM events ORDER BY seq"):
        yield _event(row), str(row[8])


def find_events(
    session: Session,
    *,
    subject: str | None = None,
    before: int | None = None,
    until: datetime | None = None,
    limit: int = 50,
) -> list[Event]:
    """Return events, the newest first.

    Args:
        session: Where to look.
        subject: Only those of a subject; of a package, also those of routes that name one
            of its versions.
        before: Only those with a smaller ``seq``: the next page.
        until: Only those recorded at this time or earlier.
        limit: At most so many.
    """
    kind, _, name = (subject or "").partition(":")
    if kind == "package":
        return _of_package(session, name, before, until, limit)
    wanted: list[tuple[str, object]] = []
    if subject is not None:
        wanted.append(("subject = ?", subject))
    if until is not None:
        wanted.append(("time <= ?", write_time(until)))
    if before is not None:
        wanted.append(("seq < ?", before))
    where = f" WHERE {' AND '.join(condition for condition, _ in wanted)}" if wanted else ""
    order = "time DESC, seq DESC" if until is not None or subject is not None else "seq DESC"
    statement = f"SELECT {_COLUMNS} FROM events{where} ORDER BY {order} LIMIT ?"
    rows = session.all(statement, *(value for _, value in wanted), limit)
    return [_event(row) for row in rows]


def _of_package(
    session: Session, name: str, before: int | None, until: datetime | None, limit: int
) -> list[Event]:
    """Return the events of a package and of its versions on routes, the newest first.

    The database looks for the name anywhere in the body, what it finds is read: a route's
    events hold the whole route after them, and most of that did not happen to the package.
    """
    found: list[Event] = []
    chunk = max(limit, _CHUNK)
    conditions = "(subject = ? OR (subject LIKE ? AND body LIKE ?)) AND seq < ?"
    values: list[object] = [f"package:{name}", "route:%", f'%"{name}:%']
    if until is not None:
        conditions, values = f"time <= ? AND {conditions}", [write_time(until), *values]
    statement = f"SELECT {_COLUMNS} FROM events WHERE {conditions} ORDER BY seq DESC LIMIT ?"
    below = _NO_SEQ if before is None else before
    while len(found) < limit:
        rows = session.all(statement, *values, below, chunk)
        events = [_event(row) for row in rows]
        found += [event for event in events if _concerns(event, name)]
        if len(rows) < chunk:
            break
        below = events[-1].seq
    return found[:limit]


def _concerns(event: Event, name: str) -> bool:
    """Whether an event is of a package, or moved, judged or set up one of its versions."""
    if event.subject == f"package:{name}":
        return True
    policy = event.body.get("policy") if event.kind is Kind.POLICY_SET else None
    named = [event.body.get(key) for key in ("package", "from", "instead_of")]
    named += [policy.get("baseline")] if isinstance(policy, dict) else []
    return any(isinstance(one, str) and one.partition(":")[0] == name for one in named)


def events_after(session: Session, seq: int, *, limit: int) -> list[Event]:
    """Return the events after one, the oldest first."""
    statement = f"SELECT {_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
    return [_event(row) for row in session.all(statement, seq, limit)]


@from_row
def _head(row: tuple[Any, ...]) -> Head:
    seq, seal, time = row
    return Head(int(seq), str(seal), read_time(time))


@from_row
def _event(row: tuple[Any, ...]) -> Event:
    seq, time, actor, kind, subject, count, body, previous, _ = row
    if not all(isinstance(one, str) for one in (actor, subject, previous)):
        raise TypeError("expected text, found something else")  # a damaged SQLite file gives bytes
    content = cast("dict[str, object]", parse_json(str(body).encode()))
    return Event(seq, read_time(time), actor, Kind(kind), subject, count, content, previous)
