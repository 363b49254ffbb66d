"""Small segments become one: a day has a few files, however often hot files filled."""

from __future__ import annotations

from datetime import datetime

from ketch.monitor.decisions import hot
from ketch.monitor.decisions.segments import Partition, Segment
from ketch.monitor.decisions.sorting import listed, write_segment

FULL_ROWS = 1_000_000
"""A segment of as many rows is not put together with others any more."""
MOST_SMALL = 8


def compact(partition: Partition, now: datetime) -> None:
    """Put small segments of a partition together: when there are many, or its day is over."""
    found = partition.segments()
    if found is None:
        _rebuild(partition)
        return
    small = [one for one in found if one.rows < FULL_ROWS]
    is_over = partition.day < now.date().isoformat()
    if len(small) >= MOST_SMALL or (is_over and len(small) > 1):
        kept = [one for one in found if one not in small]
        partition.write((*kept, *_together(partition, small)))


def _together(partition: Partition, small: list[Segment]) -> tuple[Segment, ...]:
    log = partition.folder.parent.parent.parent
    sources = {name for one in small for name in one.sources}
    there = tuple(sorted(name for name in sources if (log / hot.FOLDER / name).exists()))
    return write_segment(partition, listed([partition.path(one) for one in small]), sources=there)


def _rebuild(partition: Partition) -> None:
    """Make a list anew where it was damaged: of all files, each decision once."""
    files = sorted(partition.folder.glob("*.parquet"))
    partition.write(write_segment(partition, listed(files)) if files else ())
