"""A unit is forgotten: its decisions and its outcomes leave a log, and that is written down.

In this order, so that a run that was stopped is finished by the next one: outcomes first,
for some of them name nothing but a decision; then the decisions; then a line in
``erasures.jsonl``, which says what went, when, and on whose word, and never of whom: it
holds the keyed hash alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ketch.errors import KetchError, Unavailable, UsageError
from ketch.files import explained, sync_file, sync_folder
from ketch.monitor.decisions import hot, segments
from ketch.monitor.decisions.erasing import erase
from ketch.monitor.decisions.keyed import KEY_FILE, keyed
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.decisions.shipped import Shipped
from ketch.monitor.logs import unit_in
from ketch.monitor.outcomes import table
from ketch.monitor.outcomes.ledger import Outcomes
from ketch.store.locks import WAIT_S

FILE = "erasures.jsonl"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed of a unit.

    Attributes:
        time: Up to when its decisions were; ISO 8601.
        by: On whose word.
        unit: The keyed hash of the unit; empty where the log never knew anybody.
        decisions, outcomes: How many there were.
        bucket: Where sealed decisions are sent, too; empty where they are not.
        problem: Why the bucket still has what it had; empty when it has not. What goes there
            next says the same again.
    """

    time: str
    by: str
    unit: str
    decisions: int
    outcomes: int
    bucket: str = ""
    problem: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch erase --json``, and of the line that is kept."""
        return asdict(self)


def forget(log: Path, unit: str, *, by: str, now: datetime | None = None) -> Forgotten:
    """Remove every decision and outcome of a unit until now.

    Sealed decisions and outcomes are gone from the disk when it returns, and so are those in
    hot files that nobody writes any more. Those in a file that is being written are found by
    nobody any more, and gone when it is sealed, at most an hour later.

    Args:
        log: The folder of the log.
        unit: The unit, in the clear.
        by: On whose word.
        now: The present.

    Raises:
        UsageError: ``decisions/unit``: no unit is named.
        NotFound: ``decisions/no-key``: there is something, and nobody can tell whose.
        Unavailable: ``store/busy``, ``outcomes/…``, ``disk/…``: run the same again.
    """
    if not unit:
        raise UsageError("expected a unit, found an empty text", code="decisions/unit")
    when = now or datetime.now(UTC)
    told = when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if not (log / KEY_FILE).exists() and not _has_anybody(log):
        return Forgotten(told, by, "", 0, 0)
    unit_in(log, unit)
    with Decisions(log) as known:
        identities = known.identities(unit, when)
    with Outcomes(log) as ledger:
        outcomes = ledger.erase(unit, identities)
    decisions = erase(log, unit, when)
    with suppress(Unavailable):  # what is in the way is in the way of the next sealing, too
        seal(log, when)
    done = Forgotten(told, by, keyed(log).unit(unit), decisions, outcomes, *_beyond(log))
    _note(log, done)
    return done


def _has_anybody(log: Path) -> bool:
    """Whether there may be hashes of units, whose they are or not."""
    is_told = (log / table.FILE).exists()
    is_hot = any((log / hot.FOLDER).glob(f"*{hot.LOG}"))
    return is_told or is_hot or bool(segments.partitions(log))


def _beyond(log: Path) -> tuple[str, str]:
    """Take the bucket along that the log is sent to; return which, and what is in the way."""
    known = Shipped.of(log)
    if known is None:
        return "", ""
    try:
        from ketch.monitor.decisions.shipping import ship  # obstore, which is an extra

        ship(log, known.to, wait_s=WAIT_S)
    except KetchError as problem:
        return known.to, problem.message
    return known.to, ""


def erasures(log: Path) -> Iterator[Forgotten]:
    """Yield what was ever removed from a log, the earliest first."""
    path = log / FILE
    for line in path.read_bytes().splitlines() if path.exists() else []:
        with suppress(msgspec.MsgspecError):  # a power cut tore it; the erasure was done
            yield msgspec.json.decode(line, type=Forgotten)


def _note(log: Path, done: Forgotten) -> None:
    path = log / FILE
    with explained(path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "ab") as file:
            torn = b"\n" if file.tell() and not path.read_bytes().endswith(b"\n") else b""
            file.write(torn + msgspec.json.encode(done.to_json()) + b"\n")
            file.flush()
            sync_file(file.fileno())
        sync_folder(log)
