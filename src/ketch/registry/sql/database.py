"""A database: SQLite in a file or in memory, or PostgreSQL, behind one small face.

The registry's statements are written in the SQL that both speak. What differs is here:
how to connect, how to become the only writer, how a parameter is marked, and what the
errors are called. DB-API 2.0 (PEP 249) is the rest; see ``docs/decisions/0009``.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, Protocol, TypeVar

from ketch.errors import KetchError, Unavailable, UsageError
from ketch.files import explained
from ketch.registry.sql.claims import Claim, FileClaim, ServerClaim, Undisputed

POSTGRESQL = ("postgresql://", "postgres://")
P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE_S = 30
_FILE_HINT = "see whether its disk is full or may not be written, then run the same again"
_SERVER_HINT = "see whether the server runs and KETCH_REGISTRY is right, then run the same again"
_PASSWORD = re.compile(r"([?&](?:ssl)?password=)[^&]*")
_WRITER = 0x6B65746368  # the advisory lock of the one writer: "ketch" in ASCII


class Database(Protocol):
    """Somewhere to keep the registry.

    Attributes:
        url: Where it is, as anybody may know it: without a password.
    """

    url: str

    def reading(self) -> Any:
        """Return a context with a consistent :class:`Session` that only reads."""

    def writing(self) -> Any:
        """Return a context with the only :class:`Session` that writes; all or nothing."""

    def claim(self, name: str) -> Claim | None:
        """Return a claim of some work; None while another process that shares this has it."""

    def close(self) -> None:
        """Let go of this thread's connection."""


@dataclass(frozen=True)
class Session:
    """One transaction."""

    connection: Any
    mark: str

    def all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return every row of a query."""
        cursor = self.connection.execute(self._marked(statement), values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row of a query."""
        cursor = self.connection.execute(self._marked(statement), values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row

    def run(self, statement: str, *values: object) -> None:
        """Change something."""
        self.connection.execute(self._marked(statement), values)

    def many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Change something for each row of values."""
        if rows:
            self.connection.cursor().executemany(self._marked(statement), rows)

    def stream(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query without holding them all."""
        cursor = self.connection.cursor()
        cursor.execute(self._marked(statement), values)
        while rows := cursor.fetchmany(1_000):
            yield from rows

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        where = (
            "sqlite_master WHERE name = ?"
            if self.mark == "?"
            else "information_schema.tables WHERE table_schema = current_schema()"
            " AND table_name = ?"
        )
        return self.one(f"SELECT 1 FROM {where}", table) is not None

    def damage(self) -> list[str]:
        """Return what the database itself finds wrong, such as an index that lies."""
        if self.mark != "?":
            return []  # PostgreSQL has checksums, and `pg_amcheck` for its administrator
        return [str(row[0]) for row in self.all("PRAGMA integrity_check") if row[0] != "ok"]

    def _marked(self, statement: str) -> str:
        return statement if self.mark == "?" else statement.replace("?", self.mark)


class _Connections:
    """A connection a thread.

    Args:
        connect: Makes one.
        is_usable: Whether one that was made still works.
    """

    def __init__(
        self, connect: Callable[[], Any], is_usable: Callable[[Any], bool] = lambda _: True
    ) -> None:
        self._connect = connect
        self._is_usable = is_usable
        self._threads = threading.local()

    def own(self) -> Any:
        """Return the connection of this thread."""
        connection = getattr(self._threads, "connection", None)
        if connection is None or not self._is_usable(connection):
            connection = self._threads.connection = self._connect()
        return connection

    def close(self) -> None:
        """Let go of this thread's connection."""
        connection = getattr(self._threads, "connection", None)
        if connection is not None:
            connection.close()
            del self._threads.connection


class SQLite:
    """A registry in one file; any number of processes of one machine may share it."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.url = f"sqlite:///{path}" if path else "sqlite://"
        self._connections = _Connections(self._connect)
        self._shared = self._connect() if path is None else None
        self._turn = threading.RLock()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that sees one moment of the database."""
        with self._session("BEGIN") as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield the only session that writes."""
        with self._session("BEGIN IMMEDIATE") as session:
            yield session

    def claim(self, name: str) -> Claim | None:
        """Return a claim of some work; None while another process that shares the file has it."""
        if self.path is None:
            return Undisputed()
        return FileClaim.take(self.path.with_name(f"{self.path.name}-{name}"))

    def close(self) -> None:
        """Let go of this thread's connection."""
        self._connections.close()

    @contextmanager
    def _session(self, begin: str) -> Iterator[Session]:
        with translated(sqlite3, self.url):
            if self._shared is not None:
                with self._turn:
                    yield from _transaction(self._shared, begin, "?", sqlite3)
                return
            yield from _transaction(self._connections.own(), begin, "?", sqlite3)

    def _connect(self) -> sqlite3.Connection:
        connection = self._opened()
        # Its own knows the letters of ASCII alone; PostgreSQL's knows them all.
        connection.create_function("LOWER", 1, str.lower, deterministic=True)
        return connection

    def _opened(self) -> sqlite3.Connection:
        if self.path is None:
            return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)
        # Readers never wait for the writer; what was acknowledged survives a power cut.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection


class PostgreSQL:
    """A registry on a database server, shared by machines; needs the extra ``postgres``."""

    def __init__(self, url: str) -> None:
        self.url = _without_password(url)
        self._address = url
        self._connections = _Connections(self._connect, lambda connection: not connection.closed)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that sees one moment of the database."""
        with self._session("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield the only session that writes."""
        with self._session("BEGIN") as session:
            session.run("SELECT pg_advisory_xact_lock(?)", _WRITER)
            yield session

    def claim(self, name: str) -> Claim | None:
        """Return a claim of some work; None while another process has it."""
        driver = _psycopg()
        with translated(driver, self.url):
            return ServerClaim.take(self._address, name, driver)

    def close(self) -> None:
        """Let go of this thread's connection."""
        self._connections.close()

    @contextmanager
    def _session(self, begin: str) -> Iterator[Session]:
        driver = _psycopg()
        with translated(driver, self.url):
            yield from _transaction(self._connections.own(), begin, "%s", driver)

    def _connect(self) -> Any:
        return _psycopg().connect(
            self._address, autocommit=True, connect_timeout=10, application_name="ketch"
        )


def open_database(url: str) -> Database:
    """Return the database that a URL names; ``sqlite:///PATH`` or ``postgresql://…``."""
    if url.startswith(POSTGRESQL):
        return PostgreSQL(url)
    if url == "sqlite://":
        return SQLite(None)
    return SQLite(Path(url.removeprefix("sqlite:///")))


def _transaction(connection: Any, begin: str, mark: str, driver: ModuleType) -> Iterator[Session]:
    connection.execute(begin)
    try:
        yield Session(connection, mark)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(driver.Error):  # a lost connection has rolled back by itself
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translated(driver: ModuleType, url: str) -> Iterator[None]:
    """Turn what a driver raises into what ketch raises; no raw database error gets out."""
    try:
        yield
    except (UnicodeEncodeError, OverflowError, driver.DataError) as error:
        raise unwritable(error) from error
    except driver.Error as error:
        if any(word in str(error) for word in ("malformed", "not a database", "corrupt")):
            raise damaged(error, url) from error
        raise Unavailable(
            f"the registry cannot be reached: {_line(error)}",
            code="registry/unavailable",
            where=url,
            hint=_SERVER_HINT if url.startswith(POSTGRESQL) else _FILE_HINT,
        ) from error
    except UnicodeDecodeError as error:  # SQLite hands over text that is none
        raise damaged(error, url) from error


def from_row(read: Callable[P, T]) -> Callable[P, T]:
    """Return a reader of stored rows whose failures say that the registry is damaged."""

    @wraps(read)
    def reader(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (KetchError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise damaged(error, None) from error

    return reader


def damaged(error: Exception, url: str | None) -> Unavailable:
    """Return the error for a registry that does not hold what was written."""
    return Unavailable(
        f"the registry cannot be read: {_line(error)}",
        code="registry/damaged",
        where=url,
        hint="`ketch fsck` says more; restore a copy of it",
    )


def unwritable(error: Exception) -> UsageError:
    """Return the error for a value that no registry can hold or look for."""
    message = f"expected text in UTF-8, and numbers of 64 bits, found: {_line(error)}"
    return UsageError(message, code="registry/value")


def _psycopg() -> ModuleType:
    try:
        import psycopg  # optional: only a registry on PostgreSQL needs it
    except ImportError as error:
        raise KetchError(
            "a registry on PostgreSQL needs psycopg",
            code="registry/no-driver",
            hint="pip install 'ketch[postgres]'",
        ) from error
    return psycopg


def _without_password(url: str) -> str:
    url = _PASSWORD.sub(r"\1…", url)
    head, mark, tail = url.rpartition("@")
    scheme, _, user = head.partition("://")
    return f"{scheme}://{user.partition(':')[0]}{mark}{tail}" if mark else url


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
