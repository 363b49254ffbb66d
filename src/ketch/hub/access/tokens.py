"""Tokens: how somebody shows who they are, kept in the registry's database.

A token is 256 random bits, shown once when it is made. Only its SHA-256 is kept, and
what is shown is compared with it in constant time; there is nothing to guess and nothing
to steal from the database. Making and revoking one are events of the log, so the history
tells who let whom in, and ``ketch audit verify`` finds a row that was changed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from ketch.errors import NotFound, Refused, UsageError
from ketch.hub.access.roles import Identity, Role
from ketch.registry import Database
from ketch.registry.events import Draft, Kind, now, read_time, write_time
from ketch.registry.opening import LONGEST_PERSON
from ketch.registry.sql import log
from ketch.registry.sql.database import Session, from_row
from ketch.schema.parse import parse_json

MOST_DAYS = 3660

_TOKEN = re.compile(r"ketch_([0-9a-f]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
_COLUMNS = "id, person, role, packages, expires, created, revoked, hash"
_NO_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; never the token.

    Attributes:
        id: Its name, the part of it that may be seen.
        identity: Whom it stands for.
        created: When it was made.
        expires: When it ends, if it does.
        revoked: When it was revoked, if it was.
    """

    id: str
    identity: Identity
    created: datetime
    expires: datetime | None
    revoked: datetime | None

    def to_json(self) -> dict[str, object]:
        """Return the token as ``ketch hub token list --json`` prints it."""
        return {
            "id": self.id,
            **self.identity.to_json(),
            "created": write_time(self.created),
            "expires": None if self.expires is None else write_time(self.expires),
            "revoked": None if self.revoked is None else write_time(self.revoked),
        }


class Tokens:
    """The tokens of a hub.

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

    def create(self, identity: Identity, *, by: str, days: int | None = None) -> tuple[Token, str]:
        """Make a token for somebody; return what is known of it, and the token itself.

        Args:
            identity: Whom it stands for.
            by: Who makes it.
            days: How long it holds; without it, until it is revoked.

        Raises:
            UsageError: ``hub/person``, ``hub/days`` or ``hub/role``.
        """
        _check(identity, days)
        ident, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        text = f"ketch_{ident}_{secret}"
        began = self._clock()
        expires = None if days is None else began + timedelta(days=days)
        body = {
            "id": ident,
            **identity.to_json(),
            "expires": None if expires is None else write_time(expires),
            "hash": _hash(text),
        }
        draft = Draft(Kind.TOKEN_CREATED, f"token:{ident}", body)
        with self._database.writing() as session:
            event = log.append(session, draft, actor=by, now=began)
        return Token(ident, identity, event.time, expires, None), text

    def revoke(self, ident: str, *, by: str) -> Token:
        """End a token at once; one that was revoked before stays as it is.

        Raises:
            NotFound: ``hub/no-such-token``.
        """
        with self._database.writing() as session:
            found = _find(session, ident)
            if found is None:
                raise NotFound(
                    f"no token `{ident[:40]}`",
                    code="hub/no-such-token",
                    hint=_hint(session, ident),
                )
            if found[0].revoked is None:
                person = found[0].identity.person
                body = {"id": ident, "person": person}
                draft = Draft(Kind.TOKEN_REVOKED, f"token:{ident}", body)
                log.append(session, draft, actor=by, now=self._clock())
                found = _find(session, ident) or found
        return found[0]

    def listed(self) -> tuple[Token, ...]:
        """Return every token that was ever made, the oldest first."""
        with self._database.reading() as session:
            rows = session.all(f"SELECT {_COLUMNS} FROM tokens ORDER BY seq")  # noqa: S608 # our own names
        return tuple(_token(row)[0] for row in rows)

    def exist(self) -> bool:
        """Whether a token was ever made: from then on everybody shows one."""
        with self._database.reading() as session:
            return session.one("SELECT 1 FROM tokens LIMIT 1") is not None

    def identify(self, text: str) -> Identity:
        """Return whom a token stands for.

        Raises:
            Refused: ``hub/unknown-token``, ``hub/expired-token``.
        """
        parts = _TOKEN.fullmatch(text)
        with self._database.reading() as session:
            found = _find(session, parts[1]) if parts else None
        token, kept = found if found is not None else (None, _NO_HASH)
        shown = hmac.compare_digest(_hash(text), kept)
        if token is None or not shown or token.revoked is not None:
            raise Refused(
                "expected a token of this hub, found another, or one that was revoked",
                code="hub/unknown-token",
                hint="`ketch login` takes a new one",
            )
        if token.expires is not None and self._clock() >= token.expires:
            raise Refused(
                f"the token ended at {token.expires:%Y-%m-%d %H:%M} UTC",
                code="hub/expired-token",
                hint="ask an admin of the hub for a new one, then `ketch login`",
            )
        return token.identity


def _check(identity: Identity, days: int | None) -> None:
    person = identity.person
    if not person.strip() or not person.isprintable() or len(person) > LONGEST_PERSON:
        raise UsageError(
            f"expected a person's name of 1 to {LONGEST_PERSON} characters, found `{person[:40]}`",
            code="hub/person",
        )
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise UsageError(f"expected 1 to {MOST_DAYS} days, found {days}", code="hub/days")
    if identity.role is Role.ANYBODY:
        raise UsageError("expected a role for the token, found none", code="hub/role")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _find(session: Session, ident: str) -> tuple[Token, str] | None:
    row = session.one(f"SELECT {_COLUMNS} FROM tokens WHERE id = ?", ident)  # noqa: S608 # our own names
    return None if row is None else _token(row)


def _hint(session: Session, said: str) -> str:
    """Return where the ids are; those of a person, where a name was said instead."""
    found = session.all(
        "SELECT id FROM tokens WHERE person = ? AND revoked IS NULL ORDER BY seq", said
    )
    ids = ", ".join(f"`{row[0]}`" for row in found)
    return f"the tokens of `{said}` are {ids}" if ids else "`ketch hub token list` shows them"


@from_row
def _token(row: tuple[Any, ...]) -> tuple[Token, str]:
    ident, person, role, packages, expires, created, revoked, kept = row
    covered = None if packages is None else cast("list[str]", parse_json(packages.encode()))
    identity = Identity(person, Role.parse(role), None if covered is None else tuple(covered))
    token = Token(ident, identity, read_time(created), _time(expires), _time(revoked))
    return token, str(kept)


def _time(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)
