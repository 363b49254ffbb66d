"""What is written of an outcome, and how a conflict with what is there is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ketch.errors import Finding, Refused
from ketch.monitor.outcomes.outcome import Entry, Outcome, instant, microseconds
from ketch.schema import canonical_json
from ketch.schema.problems import MOST, printable

MOST_NAMES = 1_000
"""Of the outcomes of one route: more are no names, but keys in the wrong place."""

_INSERT = """
INSERT INTO outcomes (kind, key, at, told, value, label, decision, unit)
VALUES (?, ?, coalesce(?, ?), ?, ?, ?, ?, ?) ON CONFLICT (kind, key) DO NOTHING
"""
_FIND = "SELECT at, value, label, decision, unit FROM outcomes WHERE kind = ? AND key = ?"
SELECT = """
SELECT seq, route, name, key, at, told, value, label, lower(hex(decision)), lower(hex(unit))
FROM outcomes JOIN kinds ON kinds.id = outcomes.kind
"""


class Row(NamedTuple):
    """One outcome as columns of the table; ``at`` is None for when it is recorded."""

    route: str
    name: str
    key: str
    at: int | None
    value: float
    label: str | None
    decision: bytes | None
    unit: bytes | None


def row_of(outcome: Outcome, hashed: Callable[[str], str]) -> Row:
    """Return what is written of an outcome that was checked.

    Args:
        outcome: The outcome.
        hashed: Returns the keyed hash of a unit.
    """
    at = None if outcome.at is None else microseconds(outcome.at)
    unit = None if outcome.unit is None else hashed(outcome.unit)
    return Row(
        outcome.route,
        outcome.name,
        outcome.key or outcome.decision or f"{unit}@{at}",
        at,
        float(outcome.value),
        None if outcome.label is None else canonical_json(outcome.label).decode(),
        None if outcome.decision is None else bytes.fromhex(outcome.decision),
        None if unit is None else bytes.fromhex(unit),
    )


def entry_of(found: tuple[object, ...]) -> Entry:
    """Return what ``SELECT`` found; what is not there has no digits."""
    entry = Entry._make(found)
    return entry._replace(decision=entry.decision or None, unit=entry.unit or None)


def put(con: sqlite3.Connection, rows: Sequence[Row], kinds: Sequence[int], told: int) -> int:
    """Write rows inside of a transaction; return how many of them are new.

    All of them or none: the transaction itself goes on.

    Args:
        con: In a transaction.
        rows: The rows.
        kinds: The kind of each.
        told: The time.

    Raises:
        Refused: ``outcomes/conflict``: some are there with another content; all are told.
    """
    before = con.total_changes
    con.execute("SAVEPOINT rows")
    con.executemany(
        _INSERT,
        (
            (kind, row.key, row.at, told, told, row.value, row.label, row.decision, row.unit)
            for kind, row in zip(kinds, rows, strict=True)
        ),
    )
    new = con.total_changes - before
    findings = [] if new == len(rows) else conflicts(con, rows, kinds)
    if findings:
        con.execute("ROLLBACK TO rows")
    con.execute("RELEASE rows")
    if findings:
        raise _refusal(findings)
    return new


def kind_of(con: sqlite3.Connection, route: str, name: str) -> int:
    """Return the number of a name on a route; inside of a transaction.

    Raises:
        Refused: ``outcomes/names``: the route has too many of them.
    """
    if (known := known_kind(con, route, name)) is not None:
        return known
    count = con.execute("SELECT count(*) FROM kinds WHERE route = ?", (route,)).fetchone()[0]
    if count >= MOST_NAMES:
        raise Refused(
            f"expected at most {MOST_NAMES:,} names of outcomes on `{route}`, found one more: "
            f"`{name}`",
            code="outcomes/names",
            hint="a name says what happened, and its key which event it was",
        )
    return int(
        con.execute("INSERT INTO kinds (route, name) VALUES (?, ?)", (route, name)).lastrowid or 0
    )


def known_kind(con: sqlite3.Connection, route: str, name: str) -> int | None:
    """Return the number of a name on a route; None while nothing has that name."""
    found = con.execute("SELECT id FROM kinds WHERE route = ? AND name = ?", (route, name))
    known = found.fetchone()
    return None if known is None else int(known[0])


def conflicts(
    con: sqlite3.Connection, rows: Sequence[Row], kinds: Sequence[int | None]
) -> list[Finding]:
    """Return where what was told differs from what is there, as far as anybody reads."""
    findings: list[Finding] = []
    for index, (kind, row) in enumerate(zip(kinds, rows, strict=True)):
        there = con.execute(_FIND, (kind, row.key)).fetchone()
        if there is None:
            continue
        given = (there[0] if row.at is None else row.at, *row[4:])
        if there != given and len(findings) <= MOST:
            findings.append(_conflict(row, given, there, f"rows[{index}]"))
    return findings


def _conflict(
    row: Row, given: tuple[object, ...], there: tuple[object, ...], where: str
) -> Finding:
    message = (
        f"expected `{row.name}` with the key `{printable(row.key, 60)}` as it was told "
        f"before ({_content(there, given)}), found {_content(given, there)}"
    )
    hint = "a key belongs to one event: give the other a key of its own"
    return Finding("outcomes/conflict", message, where, hint)


def _content(content: tuple[object, ...], other: tuple[object, ...]) -> str:
    """Return in words what a content has that another has not."""
    said = []
    for name, one, its in zip(
        ("at", "value", "label", "decision", "unit"), content, other, strict=True
    ):
        if one != its:
            said.append(f"{name} `{printable(_shown(name, one), 80)}`")
    return ", ".join(said)


def _shown(name: str, value: object) -> str:
    if name == "at":
        return instant(int(str(value))).isoformat()
    if name == "unit" and value:
        return "another"  # its hash is of no use to anybody
    return value.hex() if isinstance(value, bytes) else "none" if value is None else str(value)


def _refusal(findings: Sequence[Finding]) -> Refused:
    first = findings[0]
    return Refused(
        first.message, code=first.code, where=first.where, hint=first.hint, findings=findings
    )
