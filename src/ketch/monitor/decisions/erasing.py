"""A unit is forgotten: all that it was ever answered leaves the log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ketch.errors import UsageError
from ketch.files import explained
from ketch.monitor.decisions import segments
from ketch.monitor.decisions.erased import Erased
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.keyed import keyed
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.rewriting import rewritten, settled
from ketch.monitor.decisions.sealing import LOCK
from ketch.monitor.decisions.sorting import listed
from ketch.monitor.profiles.kept import hand_over
from ketch.store.locks import locked
from ketch.tables.engine import engine


def erase(log: Path, unit: str, now: datetime) -> int:
    """Remove every decision of a unit until now; return how many there were.

    Sealed ones are gone from the disk when it returns. Those in hot files are found by
    nobody any more, and gone when the file is sealed, at most an hour later.

    Raises:
        Unavailable: ``store/busy``: the log is being sealed; ``disk/…``.
    """
    hashed = keyed(log).unit(unit)
    with Decisions(log) as known:
        count = len(known.identities(unit, now))
    with locked(log / LOCK, exclusive=True), explained(log):
        erased = Erased.read(log)
        Erased({**erased.units, hashed: moment_of(now)}).write(log)
        for partition in segments.partitions(log):
            _erase(partition, int(hashed, 16), moment_of(now))
    return count


def _erase(partition: segments.Partition, unit: int, last: int) -> None:
    """Write those segments anew that hold something of a unit."""
    gone = f"unit = {unit}::UBIGINT AND moment <= {last}::UBIGINT"
    found = settled(partition)
    held = [one for one in found if _holds(partition, one, gone)]
    if held:
        where = f"({gone}) IS NOT TRUE"
        new = [part for one in held for part in _without(partition, one, where)]
        partition.write([*(one for one in found if one not in held), *new])


def _without(
    partition: segments.Partition, segment: segments.Segment, where: str
) -> tuple[segments.Segment, ...]:
    """Write a segment anew; its profile is made of the rows that are left, while it has any."""
    new = rewritten(partition, segment, where=where)
    if segment.is_bare:
        hand_over(partition, segment, new)
    return new


def _holds(partition: segments.Partition, segment: segments.Segment, where: str) -> bool:
    """Whether a segment has such rows; a damaged one may, and is written anew."""
    path = partition.path(segment)
    try:
        with engine(path, code="decisions/damaged") as con:
            sql = f"SELECT count(*) FROM {listed([path])} WHERE {where}"  # noqa: S608
            return bool(con.execute(sql).fetchall()[0][0])
    except UsageError:
        return True
