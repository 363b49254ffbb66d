"""Rows become a segment: sorted, compressed, measured, on the disk for good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from ketch.errors import Unavailable
from ketch.files import sync_file, sync_folder, write_whole
from ketch.monitor.decisions import segments, table
from ketch.monitor.decisions.segments import Partition, Segment
from ketch.tables.engine import MEMORY_LIMIT, engine, literal

LIMITS = ("128MB", "256MB", MEMORY_LIMIT)
"""What sorting may hold, one after the other if it does not do: serving wants the memory, too."""


def write_segment(
    partition: Partition, source: str, *, sources: tuple[str, ...] = ()
) -> tuple[Segment, ...]:
    """Write rows as a new segment, which does not count yet; none where there are no rows.

    Args:
        partition: Where it belongs.
        source: What the rows are selected from, in SQL; a decision that is in it twice is
            written once.
        sources: The hot files that they came from.
    """
    partition.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = partition.folder / segments.new_name(0)
    rows, first, last, found = _sorted(part, source, LIMITS)
    if not rows:
        part.unlink()
        return ()
    path = part.with_name(segments.new_name(first))
    with part.open("rb") as file:
        sync_file(file.fileno())
        groups, size, footer = segments.measure(file, *zip(*found, strict=True))
    write_whole(path.with_name(f"{path.name}{segments.FOOTER}"), footer)
    part.rename(path)
    sync_folder(partition.folder)
    sync_folder(partition.folder.parent)
    check = crc32(footer)
    return (Segment(path.name, rows, first, last, groups, size, check, sources),)


def _sorted(
    part: Path, source: str, limits: Sequence[str]
) -> tuple[int, int, int, list[tuple[int, int]]]:
    """Write rows to a file, sorted; return how many, the first and last moment, and the groups.

    Raises:
        Unavailable: ``table/out-of-memory``.
    """
    try:
        return _sorted_within(part, source, limits[0])
    except Unavailable:
        if len(limits) == 1:
            raise
        return _sorted(part, source, limits[1:])


def _sorted_within(
    part: Path, source: str, memory_limit: str
) -> tuple[int, int, int, list[tuple[int, int]]]:
    opened = engine(
        part,
        code="decisions/unsealed",
        expected="decisions to seal",
        memory_limit=memory_limit,
    )
    with opened as con:
        con.execute(
            f"COPY (SELECT DISTINCT ON (unit, moment, tail) {table.NAMES} FROM {source}"  # noqa: S608
            f" ORDER BY {table.ORDER}) TO {literal(str(part))} ({table.PARQUET})"
        )
        rows, first, last = con.execute(
            f"SELECT count(*), min(moment), max(moment) FROM read_parquet({literal(str(part))})"  # noqa: S608
        ).fetchall()[0]
        found = con.execute(
            "SELECT min(coalesce(dictionary_page_offset, data_page_offset)),"
            " any_value(row_group_num_rows) FROM parquet_metadata(?)"
            " GROUP BY row_group_id ORDER BY row_group_id",
            [str(part)],
        ).fetchall()
    return rows, first, last, found


def listed(paths: list[Path]) -> str:
    """Return files as DuckDB reads them, in SQL."""
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}])"
