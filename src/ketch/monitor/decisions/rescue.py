"""What is left of a damaged segment: every row group whose bytes are as they were."""

from __future__ import annotations

import shutil
from pathlib import Path

from ketch.monitor.decisions import segments, table
from ketch.monitor.decisions.segments import Harm, Partition, Segment
from ketch.tables.engine import literal


def intact(partition: Partition, segment: Segment, harm: Harm, scratch: Path) -> str | None:
    """Return the intact rows of a segment, in SQL; None where there are none.

    Args:
        partition: Where the segment is.
        segment: The segment.
        harm: What :func:`~ketch.monitor.decisions.segments.harm` found.
        scratch: A folder for a copy with a mended footer; it must outlive the query.
    """
    lost = list(segments.row_ranges(segment, harm.groups))
    if len(harm.groups) == len(segment.groups):
        return None
    path = partition.path(segment)
    if harm.footer:
        footer = path.with_name(f"{path.name}{segments.FOOTER}")
        path = _mended(path, segment, footer, scratch / path.name)
    source = f"read_parquet({literal(str(path))}, file_row_number = true)"
    where = " AND ".join(f"NOT (file_row_number >= {a} AND file_row_number < {b})" for a, b in lost)
    return f"(SELECT {table.NAMES} FROM {source} WHERE {where or 'true'})"  # noqa: S608


def _mended(path: Path, segment: Segment, footer: Path, target: Path) -> Path:
    """Return a copy of a segment with the copy of its footer."""
    shutil.copyfile(path, target)
    with target.open("r+b") as file:
        file.seek(segment.footer_start)
        file.write(footer.read_bytes())
        file.truncate()
    return target
