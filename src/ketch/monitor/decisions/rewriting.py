"""Segments that are written anew: with fewer rows, with less in them, or after damage."""

from __future__ import annotations

from pathlib import Path

from ketch.errors import UsageError
from ketch.files import temporary_folder
from ketch.logs import told
from ketch.monitor.decisions import rescue, segments, table
from ketch.monitor.decisions.segments import Partition, Segment
from ketch.monitor.decisions.sorting import listed, write_segment
from ketch.tables.engine import engine


def settled(partition: Partition) -> tuple[Segment, ...]:
    """Return the segments that count; where the list is damaged, make it anew first."""
    found = partition.segments()
    return _relisted(partition) if found is None else found


def rewritten(
    partition: Partition, segment: Segment, columns: str = table.NAMES, where: str = "true"
) -> tuple[Segment, ...]:
    """Write a segment anew, without what is damaged of it; the new one does not count yet.

    Args:
        partition: Where it is.
        segment: The segment.
        columns: What is kept of a row, in SQL.
        where: Which rows are kept, in SQL.
    """
    harm = segments.harm(partition, segment)
    with temporary_folder("ketch-decisions-") as scratch:
        source = rescue.intact(partition, segment, harm, scratch)
        if source is None:
            return ()
        kept = f"(SELECT {columns} FROM {source} WHERE {where})"  # noqa: S608
        return write_segment(partition, kept, sources=segment.sources)


def _relisted(partition: Partition) -> tuple[Segment, ...]:
    """Make a list of all files that can be read, each decision once."""
    files = [path for path in sorted(partition.folder.glob("*.parquet")) if _is_sound(path)]
    new = write_segment(partition, listed(files)) if files else ()
    partition.write(new)
    told("a list of decisions was damaged and made anew", where=str(partition.folder))
    return new


def _is_sound(path: Path) -> bool:
    """Whether every row of a file can be read; one that cannot is set aside."""
    try:
        with engine(path, code="decisions/damaged") as con:
            con.execute(f"SELECT max(hash({table.NAMES})) FROM {listed([path])}").fetchall()  # noqa: S608
    except UsageError:
        path.rename(path.with_name(f"{path.name}{segments.BROKEN}"))
        return False
    return True
