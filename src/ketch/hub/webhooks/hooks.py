"""The webhooks of a hub, and how far each has been told.

They are the hub's own business and no part of the history: a receiver's address and the
secret that signs what it is sent. The **position** is the last event that a receiver took;
it moves only after the receiver said so.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from ketch.errors import NotFound, UsageError
from ketch.hub.webhooks.addresses import check_url
from ketch.registry import Database, Event, Kind
from ketch.registry.events import now, read_time, write_time
from ketch.registry.sql import log
from ketch.registry.sql.database import Session, from_row
from ketch.schema import nearest
from ketch.schema.parse import canonical_json, parse_json

MOST = 20
BATCH = 100

_COLUMNS = "id, url, kinds, secret, private, created, position, failures, failed"
_TOLD = tuple(kind for kind in Kind if not kind.startswith("token"))
"""What is told when nobody chose: what happened to packages and routes."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is told of events.

    Attributes:
        id: Its name.
        url: Where it is told.
        kinds: What it is told of.
        secret: Signs what it is sent.
        private: Whether it may be inside the hub's own network, and without TLS.
        created: When it was added.
        position: The last event it took, or passed by.
        failures: How often in a row it did not take the next one.
        failed: Why, the last time.
    """

    id: str
    url: str
    kinds: tuple[Kind, ...]
    secret: str = field(repr=False)
    private: bool
    created: datetime
    position: int
    failures: int = 0
    failed: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the webhook as ``ketch hub webhook list --json`` prints it: no secret."""
        return {
            "id": self.id,
            "url": self.url,
            "kinds": [str(kind) for kind in self.kinds],
            "private": self.private,
            "created": write_time(self.created),
            "position": self.position,
            "failures": self.failures,
            "failed": self.failed,
        }


class Webhooks:
    """The webhooks of a hub.

    Args:
        database: The registry's.
        clock: The present, in UTC.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._clock = clock

    def add(self, url: str, *, kinds: Sequence[str] = (), private: bool = False) -> Webhook:
        """Tell somebody of events from now on.

        Args:
            url: Where.
            kinds: Of what; without it, of all that happens to packages and routes.
            private: Whether it may be inside the hub's own network, and without TLS.

        Raises:
            UsageError: ``hub/webhook``, ``hub/event-kind``.
        """
        check_url(url, private=private)
        wanted = tuple(map(_kind, kinds)) or _TOLD
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        with self._database.writing() as session:
            if len(session.all("SELECT id FROM webhooks")) >= MOST:
                raise UsageError(f"expected at most {MOST} webhooks", code="hub/webhook")
            at = log.head(session).seq
            hook = Webhook(
                secrets.token_hex(4), url, wanted, secret, private, self._clock(), position=at
            )
            session.run(
                f"INSERT INTO webhooks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 # our own names
                hook.id,
                hook.url,
                canonical_json([str(kind) for kind in hook.kinds]).decode(),
                hook.secret,
                int(hook.private),
                write_time(hook.created),
                hook.position,
                hook.failures,
                hook.failed,
            )
        return hook

    def remove(self, ident: str) -> Webhook:
        """Tell somebody no more.

        Raises:
            NotFound: ``hub/no-such-webhook``.
        """
        with self._database.writing() as session:
            found = next((one for one in _all(session) if one.id == ident), None)
            if found is None:
                raise NotFound(
                    f"no webhook `{ident[:40]}`",
                    code="hub/no-such-webhook",
                    hint="`ketch hub webhook list` shows them",
                )
            session.run("DELETE FROM webhooks WHERE id = ?", ident)
        return found

    def listed(self) -> tuple[Webhook, ...]:
        """Return every webhook, the oldest first."""
        with self._database.reading() as session:
            return tuple(_all(session))

    def next_for(self, ident: str) -> tuple[Webhook, Sequence[Event]] | None:
        """Return a webhook and what it is to be told next; None when it was removed."""
        with self._database.reading() as session:
            found = next((one for one in _all(session) if one.id == ident), None)
            if found is None:
                return None
            return found, log.events_after(session, found.position, limit=BATCH)

    def took(self, ident: str, position: int) -> None:
        """Record that it was told of everything up to an event; never that it was told less."""
        with self._database.writing() as session:
            session.run(
                "UPDATE webhooks SET position = ?, failures = 0, failed = NULL"
                " WHERE id = ? AND position < ?",
                *(position, ident, position),
            )

    def failed(self, ident: str, why: str) -> None:
        """Record that it did not take what it was sent."""
        with self._database.writing() as session:
            session.run(
                "UPDATE webhooks SET failures = failures + 1, failed = ? WHERE id = ?",
                *(why[:200], ident),
            )


def _all(session: Session) -> list[Webhook]:
    rows = session.all(f"SELECT {_COLUMNS} FROM webhooks ORDER BY created, id")  # noqa: S608 # our own names
    return [_webhook(row) for row in rows]


@from_row
def _webhook(row: tuple[Any, ...]) -> Webhook:
    ident, url, kinds, secret, private, created, position, failures, failed = row
    wanted = tuple(Kind(one) for one in cast("list[str]", parse_json(kinds.encode())))
    return Webhook(
        ident, url, wanted, secret, bool(private), read_time(created), position, failures, failed
    )


def _kind(text: str) -> Kind:
    known = [str(kind) for kind in Kind]
    if text in known:
        return Kind(text)
    near = nearest(text, known)
    raise UsageError(
        f"expected a kind of event ({', '.join(f'`{one}`' for one in known)}), found `{text[:40]}`",
        code="hub/event-kind",
        hint=f"did you mean `{near}`?" if near else None,
    )
