"""The one place that opens DuckDB, and the names it gives to types.

DuckDB reads and writes Parquet for us. It runs alone: one thread, so that the order of
rows and of every sum is always the same; a bound on its memory; never an extension from
outside, never a file in the current folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ketch.errors import Unavailable, UsageError
from ketch.files import temporary_folder

if TYPE_CHECKING:  # 0.1 s of import that most verbs never need
    import duckdb

MEMORY_LIMIT = "1GB"
_KIND = re.compile(r"^[A-Z][A-Za-z ]* Error: ")  # what sort of error says nothing to a user

_STOPPED = "Query interrupted"


@contextmanager
def engine(
    where: Path | str,
    *,
    code: str = "table/unreadable",
    expected: str = "a file that can be read",
    threads: int = 1,
    memory_limit: str = MEMORY_LIMIT,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open DuckDB, and name the file in what goes wrong with it.

    Args:
        where: What it works on.
        code: Of the error to raise.
        expected: What it says.
        threads: More than one where no order and no sum of floats matters.
        memory_limit: What it may hold; more is put on the disk, where it can be.

    Raises:
        UsageError: With this code: DuckDB could not read or convert something.
        Unavailable: ``table/out-of-memory``.
    """
    import duckdb

    with temporary_folder("ketch-tables-") as scratch:
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": str(scratch),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "true",
        }
        with duckdb.connect(config=config) as con:
            try:
                con.execute("SET TimeZone = 'UTC'")
                with suppress(duckdb.InvalidInputException):  # a notebook that cannot draw one
                    con.execute("SET enable_progress_bar_print = false")  # after 2 s, on stdout
                yield con
            except duckdb.OutOfMemoryException as error:
                raise Unavailable(
                    f"expected rows that fit `{memory_limit}` of memory: {_first_line(error)}",
                    code="table/out-of-memory",
                    where=str(where),
                ) from error
            except RuntimeError as error:
                if str(error) == _STOPPED:  # which is how it passes Ctrl-C on
                    raise KeyboardInterrupt from error
                raise
            except duckdb.Error as error:
                raise UsageError(
                    f"expected {expected}, found otherwise: {_first_line(error)}",
                    code=code,
                    where=str(where),
                ) from error


def identifier(name: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def exactly(path: Path) -> str:
    """Return the pattern that matches this file only: DuckDB reads paths as patterns."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))


def _first_line(error: Exception) -> str:
    # The message may go on with lines of the file, which may hold what nobody should see.
    return _KIND.sub("", str(error).strip().splitlines()[0])[:300]
