"""What is missing of the log, written down: how many decisions, of which time, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ketch.files import explained, sync_file
from ketch.monitor.decisions import frames
from ketch.monitor.decisions.ids import moment_of
from ketch.store.durable import write_all

FILE = "losses"


class Loss(msgspec.Struct, frozen=True):
    """Decisions that were made and are not in the log.

    Attributes:
        source: The hot file, or the writer, that they are missing in.
        lost: How many.
        damaged_bytes: How many bytes there were that are no record.
        first, last: Identities of the decisions around them; None where there are none.
        noticed: When it was written down, as the first half of an identity: they were made
            before.
    """

    source: str
    lost: int
    damaged_bytes: int = 0
    first: str | None = None
    last: str | None = None
    noticed: int = 0


def note(log: Path, loss: Loss) -> None:
    """Write a loss down for good, if it is one."""
    if not loss.lost and not loss.damaged_bytes:
        return
    path = log / FILE
    noticed = msgspec.structs.replace(loss, noticed=moment_of(datetime.now(UTC)))
    with explained(path), path.open("ab", buffering=0) as file:
        write_all(file.fileno(), frames.frame(msgspec.json.encode(noticed)))
        sync_file(file.fileno())


def losses(log: Path) -> tuple[Loss, ...]:
    """Return what is missing, each once, in the order it was noticed."""
    path = log / FILE
    content = path.read_bytes() if path.exists() else b""
    bodies = (body for body in frames.read(content) if isinstance(body, bytes))
    return tuple({one.source: one for one in _read(bodies)}.values())


def _read(bodies: Iterable[bytes]) -> Iterable[Loss]:
    return (msgspec.json.decode(body, type=Loss) for body in bodies)
