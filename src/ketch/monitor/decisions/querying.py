"""Decisions as a table for SQL, of one log or of several; and the answer as a file.

The table is what there was when it was made. Every byte of it was checked then, and what
is damaged is left out. A query reads no file beside it, and writes none.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import msgspec

from ketch.errors import UsageError
from ketch.files import check_place, explained, sync_file, sync_folder, temporary_folder
from ketch.monitor.decisions import table
from ketch.monitor.decisions.sealed import DAMAGED
from ketch.tables.engine import engine, literal

MOST_ROWS = 100_000
"""Of an answer that is shown: it is in memory, and a file holds any number."""

_ZONED = "TIMESTAMP WITH TIME ZONE"

Answer = tuple[list[str], list[tuple[object, ...]]]
"""The columns and the rows of an answer."""

FORMATS = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd",
    ".csv": "FORMAT csv, HEADER true",
    ".jsonl": "FORMAT json",
}
"""In which forms an answer can be written, by the end of the file's name."""


class Table:
    """The table ``decisions``; a context manager.

    Args:
        where: What it is made from, for errors.
        folders: What it reads from, and nothing else.
        sources: Rows of decisions, in SQL.
        hot: Those among them that will be gone soon, and are copied at once.
        threads: How many processors a query may use.
    """

    def __init__(
        self,
        where: Path,
        folders: Sequence[Path],
        sources: Sequence[str],
        hot: Sequence[str],
        threads: int = 2,
    ) -> None:
        self._where = where
        self._folders = folders
        self._sources = sources
        self._hot = hot
        self._threads = threads

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._scratch = undo.enter_context(temporary_folder("ketch-query-"))
            opened = engine(
                self._where,
                code="decisions/query",
                expected="a query of decisions",
                threads=self._threads,
            )
            self._con: duckdb.DuckDBPyConnection = undo.enter_context(opened)
            self._make()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.__exit__(kind, error, traceback)

    def _make(self) -> None:
        hot = _union(self._hot)
        self._con.execute(f"CREATE TEMP TABLE hot AS {hot}")
        rows = _union(["hot", *self._sources])
        self._con.execute(f"CREATE TEMP VIEW decisions AS SELECT {table.SHOWN} FROM ({rows})")  # noqa: S608

    def add(self, name: str, columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> None:
        """Add another table; before the first query.

        Args:
            name: What queries call it.
            columns: Names and types, in SQL.
            rows: Its rows, in the order of the columns.
        """
        spool = self._scratch / f"{name}.jsonl"
        encode = msgspec.json.Encoder().encode
        with spool.open("wb") as file:
            file.writelines(encode(dict(zip(columns, row, strict=True))) + b"\n" for row in rows)
        kinds = ", ".join(f"{one}: '{kind}'" for one, kind in columns.items())
        read = (
            f"read_json({literal(str(spool))}, format = 'newline_delimited', columns = {{{kinds}}})"
        )
        self._con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {read}")  # noqa: S608

    def query(self, sql: str) -> Answer:
        """Return the columns and rows of a query; times are UTC.

        Raises:
            UsageError: ``decisions/query``: the database did not understand it; it is more
                than one SELECT; or it has more than :data:`MOST_ROWS` rows.
        """
        self._lock()
        try:
            query = self._select(sql)
            asked = self._con.sql(query)
            names, kinds = asked.columns, [str(one) for one in asked.types]
            if _ZONED in kinds:
                asked = self._con.sql(_unzoned(query, kinds))
            rows = asked.limit(MOST_ROWS + 1).fetchall()
        except DAMAGED as error:
            raise _refused(error) from error
        if len(rows) > MOST_ROWS:
            raise UsageError(
                f"expected at most {MOST_ROWS:,} rows to show, found more",
                code="decisions/query",
                hint="write them into a file with `--export`, or add a `LIMIT`",
            )
        return names, rows

    def export(self, sql: str, path: Path) -> int:
        """Write the answer to a query into a file, whole or not at all; return its rows.

        It is written as it is found: memory does not grow with the answer.

        Raises:
            UsageError: ``decisions/query``, or ``decisions/export``: no such form of a file.
            Unavailable: ``disk/…``.
        """
        form = form_of(path)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._lock(part)
        try:
            with explained(path):
                rows = self._written(sql, part, form)
                with part.open("rb") as file:
                    sync_file(file.fileno())
                part.rename(path)
                sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)
        return rows

    def _written(self, sql: str, part: Path, form: str) -> int:
        try:
            query = self._select(sql)
            answer = self._con.execute(f"COPY ({query}\n) TO {literal(str(part))} ({form})")
            return int(answer.fetchall()[0][0])
        except DAMAGED as error:
            raise _refused(error) from error

    def _select(self, sql: str) -> str:
        """Return a query that only reads: what is allowed to be read could be written, too."""
        asked = self._con.extract_statements(sql)
        if [one.type for one in asked] != [duckdb.StatementType.SELECT]:
            raise duckdb.ParserException("one SELECT is what can be asked")
        return asked[0].query.strip().rstrip(";")

    def _lock(self, target: Path | None = None) -> None:
        """Let queries reach nothing else from now on."""
        (is_locked,) = self._con.execute("SELECT current_setting('lock_configuration')").fetchall()
        if is_locked[0]:
            return
        allowed = ", ".join(literal(str(one)) for one in self._folders)
        self._con.execute(f"SET allowed_directories = [{allowed}]")
        if target is not None:
            self._con.execute(f"SET allowed_paths = [{literal(str(target))}]")
        self._con.execute("SET enable_external_access = false")
        self._con.execute("SET lock_configuration = true")


def form_of(path: Path) -> str:
    """Return the form of a file that an answer is written to, in SQL.

    Raises:
        UsageError: ``decisions/export``: its name does not say; ``disk/…``: it cannot stand there.
    """
    form = FORMATS.get(path.suffix)
    if form is None:
        raise UsageError(
            f"expected a file that ends in one of {', '.join(FORMATS)}, found `{path.name}`",
            code="decisions/export",
            where=str(path),
        )
    check_place(path)
    return form


def _unzoned(query: str, kinds: Sequence[str]) -> str:
    """Return a query whose times have no zone: Python would need another library for them."""
    names = [f"c{index}" for index in range(len(kinds))]
    shown = ", ".join(
        f"{name} AT TIME ZONE 'UTC'" if kind == _ZONED else name
        for name, kind in zip(names, kinds, strict=True)
    )
    return f"SELECT {shown} FROM ({query}\n) AS t({', '.join(names)})"  # noqa: S608


def _union(sources: Sequence[str]) -> str:
    return " UNION ALL ".join(f"SELECT {table.NAMES} FROM {one}" for one in sources)  # noqa: S608


def _refused(error: Exception) -> UsageError:
    return UsageError(
        f"expected a query of `decisions`, found otherwise: {str(error).splitlines()[0]}",
        code="decisions/query",
    )
