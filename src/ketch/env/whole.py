"""Looks a new environment over before it counts, because uv may not notice a full disk.

Some of its files uv writes through a buffer whose last write it does not check: with no
space left it reports success, and leaves an empty ``pyvenv.cfg`` or half a ``RECORD``.
What uv fetched on a full disk may lie cut short in its cache, too. A disk takes whole
blocks, so what was cut short ends with one.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from ketch.env.environment import Environment
from ketch.errors import Unavailable

BLOCK = 4096


def check_whole(environment: Environment) -> None:
    """Raise when a file of an environment was not written to its end.

    Takes about ten microseconds a file.

    Raises:
        Unavailable: ``env/cut-short``, with the first such file.
    """
    for path in _cut_short(environment):
        raise Unavailable(
            f"expected `{path.name}` of the new environment to be whole, found it cut short",
            code="env/cut-short",
            where=str(path),
            hint="the disk may be full: free some space, then run the same again; "
            "if it is cut short again, so it is in uv's cache: run `uv cache clean`",
        )


def _cut_short(environment: Environment) -> Iterator[Path]:
    settings = environment.path / "pyvenv.cfg"
    if not _ends(settings):
        yield settings
    for folder in sorted(environment.site_packages.glob("*.dist-info")):
        record = folder / "RECORD"
        if not _ends(record):
            yield record
        for path, size in _recorded(record):
            found = environment.site_packages / path
            if found.exists() and _is_cut(found.stat().st_size, size):
                yield found


def _ends(path: Path) -> bool:
    """Whether a file of lines is there and has its last one."""
    return path.exists() and path.read_bytes().endswith(b"\n")


def _recorded(record: Path) -> Iterator[tuple[str, int]]:
    """Yield the files of a distribution whose size is told (PyPA, "The RECORD file")."""
    with record.open(encoding="utf-8", errors="replace", newline="") as lines:
        for row in csv.reader(lines):
            if len(row) == 3 and row[2].isdigit():
                yield row[0], int(row[2])


def _is_cut(found: int, recorded: int) -> bool:
    # Some wheels tell a wrong size; then only chance lets the right one end with a block.
    return found < recorded and found % BLOCK == 0
