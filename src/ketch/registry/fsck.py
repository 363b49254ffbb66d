"""Whether the registry still says what happened: the log is whole, the tables follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, cast

from ketch.errors import Finding, KetchError
from ketch.package import Digest
from ketch.registry.events import START, Event, Head, check_chain
from ketch.registry.sql import log
from ketch.registry.sql.database import Database, Session, SQLite
from ketch.registry.sql.migrate import migrate
from ketch.registry.sql.projection import TABLES, project

MOST_FINDINGS = 100
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """What looking at a registry found.

    Attributes:
        events: How many events there are.
        head: The end of the log.
        findings: Everything that is wrong, at most 100.
    """

    events: int
    head: Head
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_json(self) -> dict[str, object]:
        """Return the audit as ``ketch audit verify --json`` prints it."""
        return {
            "clean": self.is_clean,
            "events": self.events,
            "head": self.head.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Audit:
        """Read what :meth:`to_json` wrote."""
        findings = cast("list[dict[str, Any]]", body["findings"])
        head = Head.from_json(cast("Mapping[str, object]", body["head"]))
        return cls(int(str(body["events"])), head, tuple(Finding(**one) for one in findings))


def check_registry(
    database: Database,
    *,
    has_blob: Callable[[Digest], bool] | None = None,
    checkpoint: Head | None = None,
) -> Audit:
    """Check the log's seals, and every column of every table against the log.

    Args:
        database: The registry.
        has_blob: Whether the store holds a package; without it packages are not looked for.
        checkpoint: A head that was kept elsewhere; it must be part of this log.
    """
    findings: list[Finding] = []
    last = Head(0, START, None)
    try:
        with database.reading() as session:
            last = log.head(session)
            findings += islice(differences(session, has_blob, checkpoint), MOST_FINDINGS)
    except (KetchError, ValueError, KeyError, TypeError) as problem:
        message = f"expected a readable log, found {type(problem).__name__}: {problem}"
        findings.append(Finding("registry/broken-log", message))
    return Audit(last.seq, last, tuple(findings))


def differences(
    session: Session,
    has_blob: Callable[[Digest], bool] | None,
    checkpoint: Head | None,
) -> Iterator[Finding]:
    """Yield what is wrong with the registry that a transaction sees."""
    for found in session.damage():
        yield Finding("registry/damaged", f"expected a sound database, found: {found}"[:500])
    derived = SQLite(None)
    migrate(derived)
    with derived.writing() as follows:
        yield from check_chain(_followed(session, follows))
        if checkpoint is not None:
            yield from _contains(session, checkpoint)
        for table, order in TABLES.items():
            yield from _table(table, order, session, follows)
        if has_blob is not None:
            for name, version, digest in follows.all("SELECT name, version, digest FROM versions"):
                if not has_blob(Digest.parse(digest)):
                    message = f"expected the bytes of `{name}:{version}` in the store, found none"
                    hint = "pull the package again from wherever else it is"
                    yield Finding("registry/no-bytes", message, digest, hint)


def _followed(session: Session, follows: Session) -> Iterator[tuple[Event, str]]:
    """Yield the log, and make the derived tables follow it."""
    for event, stored in log.all_events(session):
        project(event, follows)
        yield event, stored


def _contains(session: Session, checkpoint: Head) -> Iterator[Finding]:
    row = session.one("SELECT hash FROM events WHERE seq = ?", checkpoint.seq)
    if checkpoint.seq and (row is None or row[0] != checkpoint.hash):
        found = "no such event" if row is None else f"`{row[0]}`"
        message = f"expected `{checkpoint.hash}` at event {checkpoint.seq}, found {found}"
        hint = "the log is not the one the checkpoint was taken of"
        yield Finding("registry/other-log", message, f"event {checkpoint.seq}", hint)


def _table(table: str, order: str, session: Session, follows: Session) -> Iterator[Finding]:
    names = [column[1] for column in follows.all(f"PRAGMA table_info({table})")]
    statement = f"SELECT {', '.join(names)} FROM {table} ORDER BY {order}"  # noqa: S608 # our own names
    for found, expected in zip_longest(session.stream(statement), follows.stream(statement)):
        if found is None or expected is None or tuple(found) != tuple(expected):
            where = f"{table}: {(expected or found)[0]}"
            message = f"expected what the events say, {_told(names, expected, found)}"
            hint = "the tables were changed behind the registry's back"
            yield Finding("registry/other-state", message[:500], where, hint)


def _told(names: Sequence[str], expected: Row | None, found: Row | None) -> str:
    """Return how two rows differ, column by column; a token's hash is nobody's to read."""
    if expected is None or found is None:
        row = expected or found or ()
        cells = zip(names, row, strict=True)
        listed = ", ".join(f"{name} {_cell(name, value)}" for name, value in cells)
        return f"no such row, found {listed}" if expected is None else f"{listed}, found none"
    return ", ".join(
        f"{name} {_cell(name, wanted)}, found {_cell(name, there)}"
        for name, wanted, there in zip(names, expected, found, strict=True)
        if wanted != there
    )


def _cell(name: str, value: object) -> str:
    if name == "hash":
        return "…"
    return "none" if value is None else f"`{value}`"
