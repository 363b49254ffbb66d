"""The file of outcomes: its shape, how it is opened, and what its errors are called.

SQLite in WAL mode: readers never wait, several processes write in turn, and what was
committed survives a power cut (``synchronous = FULL``: one sync of the log a commit; see
https://www.sqlite.org/pragma.html#pragma_synchronous). The names of routes and outcomes
stand once each, for rows are many.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ketch.errors import Unavailable
from ketch.files import explained

FILE = "outcomes.db"
SHAPE = 1
"""The number of the shape below, kept in the file; a newer ketch may make another."""

_PAUSE_S = 0.005
_SHAPE = """
CREATE TABLE kinds (
    id INTEGER PRIMARY KEY, route TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (route, name)
);
CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL, key TEXT NOT NULL,
    at INTEGER NOT NULL, told INTEGER NOT NULL,
    value REAL NOT NULL, label TEXT, decision BLOB, unit BLOB
);
CREATE UNIQUE INDEX by_key ON outcomes (kind, key);
CREATE INDEX by_time ON outcomes (kind, at);
CREATE INDEX by_decision ON outcomes (decision) WHERE decision IS NOT NULL;
CREATE INDEX by_unit ON outcomes (unit) WHERE unit IS NOT NULL;
"""

_BY_NAME = {
    "SQLITE_FULL": ("disk/full", "free some space; then tell the same again"),
    "SQLITE_IOERR": ("disk/io-error", "look at the kernel log before trying again"),
    "SQLITE_BUSY": ("outcomes/busy", "another process is writing outcomes; tell the same again"),
    "SQLITE_CORRUPT": ("outcomes/damaged", "restore a copy of it, then tell again what came since"),
    "SQLITE_NOTADB": ("outcomes/damaged", "restore a copy of it, then tell again what came since"),
    "SQLITE_READONLY": ("disk/not-permitted", "check who owns the file"),
    "SQLITE_CANTOPEN": ("disk/not-permitted", "check who owns the folder"),
}


def connect(path: Path, patience_s: float) -> sqlite3.Connection:
    """Open the file, and make it when it is not there.

    Raises:
        Unavailable: ``outcomes/…``, ``disk/…``.
    """
    with explained(path), translated(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        con = sqlite3.connect(
            path, timeout=patience_s, isolation_level=None, check_same_thread=False
        )
        try:
            _use_wal(con, patience_s)
            con.execute("PRAGMA synchronous = FULL")
            con.execute("PRAGMA secure_delete = ON")  # what is erased leaves no bytes behind
            if _shape(con) == 0:
                _make(con)
            _check_shape(con, path)
        except BaseException:
            con.close()
            raise
    return con


@contextmanager
def writing(con: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Be the only writer while the block lasts; then it is on the disk, or nothing of it.

    Raises:
        Unavailable: ``outcomes/…``, ``disk/…``: nothing was written.
    """
    with translated(path):
        con.execute("BEGIN IMMEDIATE")
        try:
            yield
            con.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                con.execute("ROLLBACK")
            raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into what ketch raises."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        code, hint = next(
            (told for begins, told in _BY_NAME.items() if name.startswith(begins)),
            ("disk/refused", "remove the cause, then run the same again"),
        )
        found = str(error).partition("\n")[0]
        raise Unavailable(
            f"expected to use the outcomes, found: {found}", code=code, where=str(path), hint=hint
        ) from error


def _use_wal(con: sqlite3.Connection, patience_s: float) -> None:
    """Turn to WAL mode; while others do so at the same moment, SQLite does not wait by itself."""
    end = time.monotonic() + patience_s
    while True:
        try:
            con.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > end:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _shape(con: sqlite3.Connection) -> int:
    return int(con.execute("PRAGMA user_version").fetchone()[0])


def _make(con: sqlite3.Connection) -> None:
    """Give a new file its shape; when several do so at once, one of them does."""
    con.execute("BEGIN IMMEDIATE")
    if _shape(con) == 0:
        for statement in _SHAPE.split(";")[:-1]:
            con.execute(statement)
        con.execute(f"PRAGMA user_version = {SHAPE}")
    con.execute("COMMIT")


def _check_shape(con: sqlite3.Connection, path: Path) -> None:
    found = _shape(con)
    if found != SHAPE:
        raise Unavailable(
            f"expected outcomes of shape {SHAPE}, found {found}",
            code="outcomes/too-new",
            where=str(path),
            hint="use the newer ketch that changed the file",
        )
