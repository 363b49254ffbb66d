"""The profiles of a log as they lie on the disk: one file beside each segment.

::

    sealed/route=…/day=…/<segment>.hours      by the hour, while the day is recent
    sealed/route=…/day=…/<segment>.days       by the day, afterwards
    profiles/route=…/day=…/<segment>.days     of decisions that are kept no more

A profile follows from the rows of its segment alone, and is named after it; no segment ever
changes. So it may be made at any time and any number of times: whoever is killed on the way
leaves it to be made by the next one, and nothing counts twice. Only a segment whose rows are
no longer kept takes the profile over that it had.

A file is gzip of JSON, one window a line; gzip tells when a byte of it changed.
"""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import msgspec

from ketch import logs
from ketch.errors import KetchError
from ketch.files import write_whole
from ketch.monitor.decisions.segments import DAYS, HOURS, Partition, Segment
from ketch.monitor.decisions.sorting import LIMITS, listed
from ketch.monitor.profiles.window import Window
from ketch.tables.engine import engine

FOLDER = "profiles"
HOURLY_DAYS = 35
"""For how many days profiles are kept by the hour."""

_DAMAGED = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError)
"""What reading a file raises whose bytes changed, or that another version wrote."""


def keep(partition: Partition, now: datetime) -> None:
    """Give each segment of a partition its profile; call it with the lock of sealing."""
    by_day = _is_old(partition, now)
    for segment in partition.segments() or ():
        hours, days = (partition.folder / f"{segment.name}{one}" for one in (HOURS, DAYS))
        if not days.exists() and (by_day or not hours.exists()):
            made = of_segment(partition, segment)
            if made is not None:
                _write(partition.folder, segment, made, by_day=by_day)
        if days.exists():
            hours.unlink(missing_ok=True)


def of_segment(partition: Partition, segment: Segment) -> list[Window] | None:
    """Return the profile of a segment, made of its rows if need be; None where it has none."""
    known = read(partition.folder, segment.name)
    if known is not None or segment.is_bare:
        return known
    from ketch.monitor.profiles.making import profiled  # NumPy: 30 MB, not before it is time

    path = partition.path(segment)
    try:
        with engine(path, code="decisions/damaged", memory_limit=LIMITS[-1]) as con:
            return profiled(con, listed([path]), partition.route)
    except KetchError as error:
        logs.told("decisions have no profile", where=str(path), why=error.message)
        return None


def add_up(
    partition: Partition, old: Sequence[Segment], new: Sequence[Segment], now: datetime
) -> None:
    """Give segments that take the place of others, and do not count yet, what these had.

    Where it is not all there, or rows were dropped, it is made of the rows later.
    """
    known = [read(partition.folder, one.name) for one in old]
    windows = [window for one in known if one is not None for window in one]
    if None not in known and [sum(one.rows for one in old)] == [one.rows for one in new]:
        _write(partition.folder, new[0], windows, by_day=_is_old(partition, now))


def hand_over(partition: Partition, old: Segment, new: Sequence[Segment]) -> None:
    """Give a segment that has no rows any more, and does not count yet, what another had.

    Values that did not repeat on its day are forgotten.
    """
    windows = of_segment(partition, old)
    if windows is not None and new:
        _write(partition.folder, new[0], _settled(windows), by_day=True)


def outlive(log: Path, partition: Partition) -> None:
    """Put the profiles of a partition where they stay when it is removed."""
    for segment in partition.segments() or ():
        windows = of_segment(partition, segment)
        if windows is not None:
            folder = folder_of(log, partition)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(folder, segment, _settled(windows), by_day=True)


def drop(log: Path, before: str) -> None:
    """Remove profiles of days before one, such as ``2026-11-23``, whose decisions are gone."""
    for folder in (log / FOLDER).glob("route=*/day=*"):
        if folder.name < f"day={before}":
            shutil.rmtree(folder)


def folder_of(log: Path, partition: Partition) -> Path:
    """Return where profiles of a partition lie that is no more."""
    return log / FOLDER / partition.folder.parent.name / partition.folder.name


def read(folder: Path, segment: str) -> list[Window] | None:
    """Return the profile of a segment; None where it is not there, or damaged."""
    for suffix in (DAYS, HOURS):
        try:
            content = gzip.decompress((folder / f"{segment}{suffix}").read_bytes())
            return [Window.from_json(msgspec.json.decode(one)) for one in content.splitlines()]
        except FileNotFoundError:
            continue
        except _DAMAGED:
            return None
    return None


def damaged(folder: Path, segment: str) -> Path | None:
    """Return the profile of a segment if its bytes changed."""
    paths = (folder / f"{segment}{suffix}" for suffix in (DAYS, HOURS))
    there = next((path for path in paths if path.exists()), None)
    return there if read(folder, segment) is None else None


def by_time(windows: Iterable[Window]) -> list[Window]:
    """Return windows of one route with those of one package and one time as one."""
    from ketch.monitor.profiles.adding import merged  # NumPy

    ordered = sorted(windows, key=_key)
    return [merged(list(some)) for _, some in groupby(ordered, key=_key)]


def _key(window: Window) -> tuple[datetime, datetime, str]:
    return window.start, window.end, window.digest


def _write(folder: Path, segment: Segment, windows: Sequence[Window], *, by_day: bool) -> None:
    kept = by_time(map(_of_day, windows) if by_day else windows)
    lines = b"".join(msgspec.json.encode(one.to_json()) + b"\n" for one in kept)
    path = folder / f"{segment.name}{DAYS if by_day else HOURS}"
    write_whole(path, gzip.compress(lines, compresslevel=6, mtime=0))


def _settled(windows: Sequence[Window]) -> list[Window]:
    """Return windows by the day, with nothing in them that goes when rows go."""
    return [one.settled() for one in by_time(map(_of_day, windows))]


def _of_day(window: Window) -> Window:
    start = window.start.replace(hour=0)
    return replace(window, start=start, end=start + timedelta(days=1))


def _is_old(partition: Partition, now: datetime) -> bool:
    return partition.day < (now - timedelta(days=HOURLY_DAYS)).date().isoformat()
