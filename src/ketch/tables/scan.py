"""Makes the profile of a Parquet, CSV or JSON Lines file, in one pass over its rows.

DuckDB reads the file and names its types: those of a Parquet file are its own; those of
a CSV or JSON Lines file are the narrowest that fit *every* row, not a sample of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ketch.errors import NotFound, UsageError
from ketch.schema.nearest import did_you_mean
from ketch.tables.cells import arrow_name, counted
from ketch.tables.engine import engine, exactly, identifier
from ketch.tables.formats import Format, known_format
from ketch.tables.gather import Gatherer, gatherer_of
from ketch.tables.profile import Profile
from ketch.tables.rows_digest import BLOCK_ROWS, RowsDigest
from ketch.tables.times import instant_text, is_time

if TYPE_CHECKING:
    import duckdb

_READERS: dict[Format, str] = {
    "parquet": "read_parquet(?)",
    "csv": "read_csv(?, header=true, delim=',', quote='\"', escape='\"', sample_size=-1)",
    "jsonl": "read_json(?, format='newline_delimited', sample_size=-1, map_inference_threshold=-1,"
    " maximum_object_size=67108864)",
    "json": "read_json(?, format='auto', sample_size=-1, map_inference_threshold=-1,"
    " maximum_object_size=67108864)",
}


def profile_file(
    path: Path,
    *,
    time_column: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Profile:
    """Return the profile of a data file.

    Args:
        path: A Parquet, CSV or JSON Lines file.
        time_column: The column that dates the rows: days, instants, or text of them.
        progress: Called with the number of rows read so far.

    Raises:
        NotFound: There is no such file.
        UsageError: ``table/unreadable``, ``table/unknown-format``,
            ``table/no-time-column`` or ``table/not-a-time``.
    """
    if not path.is_file():
        raise NotFound(f"no file `{path}`", code="table/not-found", where=str(path))
    source = _READERS[known_format(path)]
    with engine(path) as con:
        con.execute(f"SELECT * FROM {source} LIMIT 0", [exactly(path)])  # noqa: S608 # a constant
        columns = [(column[0], column[1]) for column in con.description or ()]
        named = [(name, arrow_name(t)) for name, t in columns]
        _check_time_column(time_column, dict(named), path)
        cells = ", ".join(counted(identifier(name), t) for name, t in columns)
        con.execute(f"SELECT {cells} FROM {source}", [exactly(path)])  # noqa: S608 # quoted
        digest = RowsDigest(named)
        gatherers = [gatherer_of(name, arrow) for name, arrow in named]
        rows = _read(con, digest, gatherers, progress)
        first, last = _time_range(con, source, path, time_column, gatherers)
    return Profile(
        row_count=rows,
        digest=digest.finish(),
        columns=tuple(gatherer.finish() for gatherer in gatherers),
        time_column=time_column,
        time_from=first,
        time_to=last,
    )


def _read(
    con: duckdb.DuckDBPyConnection,
    digest: RowsDigest,
    gatherers: Sequence[Gatherer],
    progress: Callable[[int], None] | None,
) -> int:
    rows = 0
    while some := con.fetchmany(BLOCK_ROWS):
        block = list(zip(*some, strict=True))
        digest.add(block)
        for gatherer, cells in zip(gatherers, block, strict=True):
            gatherer.add(cells)
        rows += len(some)
        if progress:
            progress(rows)
    return rows


def _check_time_column(name: str | None, columns: dict[str, str], path: Path) -> None:
    if name is None:
        return
    if name not in columns:
        raise UsageError(
            f"expected a time column `{name}`, found no column of this name",
            code="table/no-time-column",
            where=str(path),
            hint=did_you_mean(name, columns),
        )
    if not is_time(columns[name]) and columns[name] != "string":
        raise _not_a_time(name, f"`{columns[name]}`", path)


def _time_range(
    con: duckdb.DuckDBPyConnection,
    source: str,
    path: Path,
    name: str | None,
    gatherers: Sequence[Gatherer],
) -> tuple[str | None, str | None]:
    if name is None:
        return None, None
    found = next(gatherer for gatherer in gatherers if gatherer.name == name)
    if is_time(found.arrow):
        ends = found.smallest, found.largest
        return _instant(ends[0], found.arrow), _instant(ends[1], found.arrow)
    column = identifier(name)
    moment = f"TRY_CAST({column} AS TIMESTAMPTZ)"
    con.execute(
        f"SELECT epoch_us(min({moment})), epoch_us(max({moment})),"  # noqa: S608 # quoted
        f" any_value({column}) FILTER ({moment} IS NULL) FROM {source}",
        [exactly(path)],
    )
    (first, last, wrong) = con.fetchall()[0]
    if wrong is not None:
        raise _not_a_time(name, f"`{wrong[:40]}`", path)
    return _instant(first, "timestamp[us, UTC]"), _instant(last, "timestamp[us, UTC]")


def _instant(counted: int | None, arrow: str) -> str | None:
    return None if counted is None else instant_text(counted, arrow)


def _not_a_time(name: str, found: str, path: Path) -> UsageError:
    return UsageError(
        f"expected days or instants in the time column `{name}`, found {found}",
        code="table/not-a-time",
        where=str(path),
        hint="write them as ISO 8601, such as `2024-02-29T23:59:59Z`",
    )
