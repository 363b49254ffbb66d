"""A small SQLite file that several threads share, and errors that say what the disk said."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ketch.errors import Unavailable
from ketch.files import explained
from ketch.package import Digest

Statement = tuple[str, tuple[object, ...]]


class Rows:
    """The file.

    Args:
        path: Where it is; made when it is missing.
        tables: The statements that make its tables, when they are missing.

    Attributes:
        turn: Held by the one thread that is at work; a thread may take it twice.
    """

    def __init__(self, path: Path, tables: str) -> None:
        self._path = path
        self.turn = threading.RLock()
        with explained(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._explained():
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(tables)

    def close(self) -> None:
        """Close the file."""
        with self.turn:
            self._database.close()

    def all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.turn, self._explained():
            return self._database.execute(statement, values).fetchall()

    def run(self, *statements: Statement) -> None:
        """Run statements, all or none."""
        with self.turn, self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in statements:
                    self._database.execute(statement, values)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def has(self, table: str, repository: str, digest: Digest) -> bool:
        """Whether a table has a digest in a repository."""
        said = f"SELECT 1 FROM {table} WHERE repository = ? AND digest = ?"  # noqa: S608 # our own names
        return bool(self.all(said, repository, str(digest)))

    def keep(self, table: str, repository: str, digests: Iterable[Digest]) -> None:
        """Put digests of a repository into a table; those that are there stay."""
        said = f"INSERT OR IGNORE INTO {table} VALUES (?, ?)"  # noqa: S608 # same
        self.run(*((said, (repository, str(digest))) for digest in digests))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            is_full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            raise Unavailable(
                f"expected to use `{self._path.name}`, found: {error}",
                code="disk/full" if is_full else "disk/refused",
                where=str(self._path),
                hint="free some space, or remove the cause; then run the same again",
            ) from error
