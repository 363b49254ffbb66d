"""Small segments become one: a day has a few files, however often hot files filled."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ketch.monitor.decisions import hot
from ketch.monitor.decisions.rewriting import settled
from ketch.monitor.decisions.segments import Partition, Segment
from ketch.monitor.decisions.sorting import listed, write_segment
from ketch.monitor.profiles.kept import add_up

FULL_ROWS = 1_000_000
"""A segment of as many rows is not put together with others any more."""
MOST_SMALL = 8


def compact(log: Path, partition: Partition, now: datetime) -> None:
    """Put small segments of a partition together: when there are many, or its day is over."""
    found = settled(partition)
    small = [one for one in found if one.rows < FULL_ROWS]
    is_over = partition.day < now.date().isoformat()
    if len(small) >= MOST_SMALL or (is_over and len(small) > 1):
        kept = [one for one in found if one not in small]
        new = _together(log, partition, small)
        add_up(partition, small, new, now)
        partition.write((*kept, *new))


def _together(log: Path, partition: Partition, small: list[Segment]) -> tuple[Segment, ...]:
    sources = {name for one in small for name in one.sources}
    there = tuple(sorted(name for name in sources if (log / hot.FOLDER / name).exists()))
    return write_segment(partition, listed([partition.path(one) for one in small]), sources=there)
