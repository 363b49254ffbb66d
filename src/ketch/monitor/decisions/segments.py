"""Sealed decisions: Parquet files by route and day, and the list that says which count.

``sealed/route=recommendations/day=2026-11-23/`` holds segments and ``segments.json``. A
file that is not in the list is not there: so one segment takes the place of many in one
move, and what a killed process left behind is never read. The list also holds checksums of
every row group, and beside each segment lies a copy of its footer: a damaged byte costs
one row group, and is told.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote
from zlib import crc32

import msgspec

from ketch.files import sync_folder, write_whole
from ketch.monitor.decisions import frames

FOLDER = "sealed"
LIST = "segments.json"
FOOTER = ".footer"
HOURS, DAYS = ".hours", ".days"
"""End the names of profiles, by the hour and by the day, which lie beside some segments."""
BESIDE = (FOOTER, HOURS, DAYS)
BROKEN = ".broken"
"""Ends the name of a file that nobody can read, and that is left for a person to look at."""
_PIECE = 2**20
_TAIL = 8  # length of the footer and `PAR1`: Apache Parquet, "File format"


class Group(msgspec.Struct, frozen=True):
    """A row group: the rows that stand and fall together.

    Attributes:
        start, end: Where its bytes are in the file.
        rows: How many rows it has.
        check: CRC-32 of the bytes.
    """

    start: int
    end: int
    rows: int
    check: int


class Segment(msgspec.Struct, frozen=True):
    """A sealed file.

    Attributes:
        name: Of the file.
        rows: How many decisions it holds.
        first, last: The first halves of the earliest and the latest identity.
        groups: Its row groups, in order.
        size: Bytes of the file.
        footer_check: CRC-32 of all that follows the last group.
        sources: The hot files that are in it, as long as they may still be there.
        is_bare: Whether inputs and outputs are no longer kept.
    """

    name: str
    rows: int
    first: int
    last: int
    groups: tuple[Group, ...]
    size: int
    footer_check: int
    sources: tuple[str, ...] = ()
    is_bare: bool = False

    @property
    def footer_start(self) -> int:
        """Where the footer begins."""
        return self.groups[-1].end

    def group_of(self, row: int) -> Group:
        """Return the group of a row, by its number in the file."""
        for group in self.groups:
            if row < group.rows:
                return group
            row -= group.rows
        raise IndexError(row)


@dataclass(frozen=True, slots=True)
class Partition:
    """The sealed decisions of one route on one day (UTC).

    Attributes:
        folder: Where they are.
    """

    folder: Path

    @classmethod
    def of(cls, log: Path, route: str, day: str) -> Partition:
        """Return the partition of a route and a day."""
        return cls(_folder(log / FOLDER, route) / f"day={day}")

    @property
    def route(self) -> str:
        """Its route."""
        return unquote(self.folder.parent.name.removeprefix("route="))

    @property
    def day(self) -> str:
        """Its day, such as ``2026-11-23``."""
        return self.folder.name.removeprefix("day=")

    def path(self, segment: Segment) -> Path:
        """Return where a segment lies."""
        return self.folder / segment.name

    def segments(self) -> tuple[Segment, ...] | None:
        """Return what counts; None when the list is damaged, and nobody knows."""
        try:
            content = (self.folder / LIST).read_bytes()
        except FileNotFoundError:
            return ()
        return listed_in(content)

    def write(self, segments: Sequence[Segment]) -> None:
        """Let these segments count, and no others; remove the files of the others."""
        body = msgspec.json.encode(sorted(segments, key=lambda one: one.first))
        write_whole(self.folder / LIST, frames.frame(body))
        for above in self.folder.parents[:3]:  # the first of its route, or of the log
            sync_folder(above)
        kept = {f"{one.name}{suffix}" for one in segments for suffix in ("", *BESIDE)}
        for path in self.folder.iterdir():
            if path.name not in kept and path.name != LIST and path.suffix != BROKEN:
                path.unlink()


def listed_in(content: bytes) -> tuple[Segment, ...] | None:
    """Return the segments that the bytes of a list name; None when they are damaged."""
    for body in frames.read(content):
        if isinstance(body, bytes):
            return _decode(body)
    return None


_decode = msgspec.json.Decoder(tuple[Segment, ...]).decode


def profiles_beside(there: Iterable[str], listed: Sequence[Segment]) -> list[str]:
    """Return the names of those files that are profiles of listed segments."""
    names = {f"{one.name}{suffix}" for one in listed for suffix in (HOURS, DAYS)}
    return sorted(names.intersection(there))


def partitions(
    log: Path, route: str | None = None, day: str | None = None, *, since: str = ""
) -> list[Partition]:
    """Return the partitions of a log, by route and day.

    Args:
        log: The folder of the log.
        route: Only those of one route.
        day: Only those of one day.
        since: Only those of that day, or later.
    """
    top = log / FOLDER
    folders = sorted(top.glob("route=*")) if route is None else [_folder(top, route)]
    found = [folder / name for folder in folders for name in _days(folder, since)]
    named = (one for one in found if day is None or one.name == f"day={day}")
    return [Partition(folder) for folder in named if folder.is_dir()]


def _folder(top: Path, route: str) -> Path:
    return top / f"route={quote(route, safe='')}"


def _days(folder: Path, since: str) -> list[str]:
    """Return the names of the days of a route; those that follow a log ask all the time."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 # three times as quick
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(one for one in names if one.startswith("day=") and one >= f"day={since}")


def routes(log: Path) -> set[str]:
    """Return the routes that have sealed decisions."""
    found = (log / FOLDER).glob("route=*")
    return {unquote(one.name.removeprefix("route=")) for one in found}


def new_name(first: int) -> str:
    """Return the name of a new segment."""
    return f"{first:016x}-{secrets.token_hex(4)}.parquet"


def measure(
    file: BinaryIO, starts: Sequence[int], rows: Sequence[int]
) -> tuple[tuple[Group, ...], int, bytes]:
    """Return the groups of a Parquet file, its size, and its footer.

    Args:
        file: The file.
        starts: Where the groups begin.
        rows: How many rows each has.
    """
    size = file.seek(0, 2)
    file.seek(size - _TAIL)
    length = int.from_bytes(file.read(4), "little")
    ends = [*starts[1:], size - _TAIL - length]
    borders = zip([0, *starts[1:]], ends, rows, strict=True)
    groups = tuple(Group(a, b, count, checksum(file, a, b)) for a, b, count in borders)
    file.seek(ends[-1])
    return groups, size, file.read()


def checksum(file: BinaryIO, start: int, end: int) -> int:
    """Return the CRC-32 of some bytes of a file, as many of them as there are."""
    file.seek(start)
    check = 0
    while start < end and (piece := file.read(min(_PIECE, end - start))):
        check = crc32(piece, check)
        start += len(piece)
    return check


@dataclass(frozen=True, slots=True)
class Harm:
    """What is damaged of a segment.

    Attributes:
        groups: Indices of row groups whose bytes changed, or are missing.
        footer: Whether the footer did.
    """

    groups: tuple[int, ...] = ()
    footer: bool = False


def harm(partition: Partition, segment: Segment) -> Harm:
    """Return what is damaged of a segment: every byte is read."""
    try:
        with partition.path(segment).open("rb") as file:
            groups = tuple(
                index
                for index, one in enumerate(segment.groups)
                if checksum(file, one.start, one.end) != one.check
            )
            tail = checksum(file, segment.footer_start, segment.size)
            is_longer = file.seek(0, os.SEEK_END) != segment.size
            return Harm(groups, footer=is_longer or tail != segment.footer_check)
    except FileNotFoundError:
        return Harm(tuple(range(len(segment.groups))), footer=True)


def row_ranges(segment: Segment, groups: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first row of some groups, and the row after their last."""
    start = 0
    for index, group in enumerate(segment.groups):
        if index in groups:
            yield start, start + group.rows
        start += group.rows
