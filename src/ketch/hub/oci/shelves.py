"""Which blobs belong to which repository: who may read one package reads no other's bytes.

The store keeps every blob once, whoever it is for. What a repository shows is decided
here, and nobody is told of a blob that it does not show:

- its manifests: the published versions of the package, what was put by digest, and what
  refers to one of these;
- the blobs that these name;
- to a person alone: what that person has just uploaded or mounted.

The file can be deleted at any time: what is published is read again from the registry and
the store. What was not published yet has to be uploaded again, which only takes time.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ketch.errors import KetchError, Unavailable
from ketch.package import Digest, ImageManifest, parse_manifest
from ketch.registry import Page
from ketch.store import LocalStore
from ketch.store.graph import manifests

FRESH_S = 24 * 3600.0
"""How long what a person uploaded is shown to that person before a manifest names it."""

_TABLES = """
CREATE TABLE IF NOT EXISTS versions (
    repository TEXT, tag TEXT, digest TEXT, is_read INTEGER DEFAULT 0,
    PRIMARY KEY (repository, tag)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS manifests (
    repository TEXT, digest TEXT, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blobs (
    repository TEXT, digest TEXT, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fresh (
    repository TEXT, person TEXT, digest TEXT, is_hashed INTEGER, at REAL,
    PRIMARY KEY (repository, person, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (seq INTEGER);
"""

_PAGE = 500
_DEEPEST = 3
"""A signature of an attestation of a package: nobody needs longer chains."""


class Versions(Protocol):
    """What is asked of the registry."""

    def versions(self, *, after: int | None = ..., limit: int = ...) -> Page:
        """Return a page of versions, the newest published first."""
        ...


class Shelves:
    """What belongs to each repository.

    Args:
        path: The file; made when it is missing.
        store: Where the bytes are.
        registry: Where the versions are.
        clock: The present, in seconds since 1970.
    """

    def __init__(
        self,
        path: Path,
        store: LocalStore,
        registry: Versions,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._store = store
        self._registry = registry
        self._clock = clock
        self._turn = threading.RLock()
        with self._explained():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._database.close()

    # ------------------------------------------------------------ what is there

    def shows_blob(self, repository: str, digest: Digest, person: str) -> bool:
        """Whether a person who may read a repository finds a blob there."""
        if self._has("blobs", repository, digest) or self._is_fresh(repository, digest, person):
            return True
        self._read_versions(repository)
        return self._has("blobs", repository, digest)

    def shows_manifest(self, repository: str, digest: Digest, *, deep: int = _DEEPEST) -> bool:
        """Whether a manifest belongs to a repository."""
        if self._has("manifests", repository, digest):
            return True
        self._catch_up()
        if self._has("versions", repository, digest):
            self._learn(repository, digest)
            return True
        return deep > 0 and self._is_attached(repository, digest, deep)

    def is_hashed(self, repository: str, digest: Digest, person: str) -> bool:
        """Whether a blob was hashed when this person sent it, a while ago at most."""
        return self._is_fresh(repository, digest, person, hashed=True)

    def tags(self, repository: str, *, last: str = "", most: int) -> list[str]:
        """Return the versions of a package behind ``last``, as the alphabet sorts them."""
        self._catch_up()
        rows = self._all(
            "SELECT tag FROM versions WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?",
            *(repository, last, most),
        )
        return [str(tag) for (tag,) in rows]

    def repositories(self, *, last: str = "") -> Iterator[str]:
        """Yield the packages of which a version was published, as the alphabet sorts them."""
        self._catch_up()
        while rows := self._all(
            "SELECT DISTINCT repository FROM versions WHERE repository > ?"
            " ORDER BY repository LIMIT ?",
            *(last, _PAGE),
        ):
            for (last,) in rows:
                yield last

    # ------------------------------------------------------------ what comes

    def lay(self, repository: str, digest: Digest, person: str, *, hashed: bool) -> None:
        """Show a blob to the person who sent it, or who may read it elsewhere."""
        now = self._clock()
        self._run(
            ("DELETE FROM fresh WHERE at < ?", (now - FRESH_S,)),
            (
                "INSERT INTO fresh VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET at = excluded.at, is_hashed = max(is_hashed, excluded.is_hashed)",
                (repository, person, str(digest), int(hashed), now),
            ),
        )

    def add(self, repository: str, digest: Digest, manifest: ImageManifest) -> None:
        """Show a manifest, and all that it names, to everybody who may read the repository."""
        self._keep("manifests", repository, [digest])
        self._keep("blobs", repository, [blob.digest for blob in manifest.blobs()])

    # ------------------------------------------------------------ what follows from it

    def _catch_up(self) -> None:
        """Read the versions that were published since."""
        with self._turn:
            row = self._all("SELECT max(seq) FROM progress")[0][0]
            newest, known = 0, 0 if row is None else int(row)
            after: int | None = None
            found: list[tuple[str, str, str]] = []
            while True:
                page = self._registry.versions(after=after, limit=_PAGE if after else 1)
                newest = newest or (page.items[0].seq if page.items else 0)
                later = [one for one in page.items if one.seq > known]
                found += [(one.name, one.version, str(one.digest)) for one in later]
                if page.after is None or len(later) < len(page.items):
                    break
                after = page.after
            if newest < known:  # another registry than the one that was read
                self._run(("DELETE FROM versions", ()), ("DELETE FROM progress", ()))
                self._catch_up()
            elif newest > known:
                said = "INSERT OR REPLACE INTO versions (repository, tag, digest) VALUES (?, ?, ?)"
                told = ("INSERT INTO progress VALUES (?)", (newest,))
                self._run(*((said, row) for row in found), ("DELETE FROM progress", ()), told)

    def _read_versions(self, repository: str) -> None:
        """Learn the blobs of versions that were not put through this hub, the newest first."""
        self._catch_up()
        for (digest,) in self._all(
            "SELECT digest FROM versions WHERE repository = ? AND NOT is_read", repository
        ):
            self._learn(repository, Digest.parse(digest))

    def _learn(self, repository: str, digest: Digest) -> None:
        manifest = self._manifest(digest)
        if manifest is not None:
            self.add(repository, digest, manifest)
            said = "UPDATE versions SET is_read = 1 WHERE repository = ? AND digest = ?"
            self._run((said, (repository, str(digest))))

    def _is_attached(self, repository: str, digest: Digest, deep: int) -> bool:
        """Whether a manifest refers to one of the repository's, and is listed with it."""
        manifest = self._manifest(digest)
        subject = manifest.subject.digest if manifest and manifest.subject else None
        if manifest is None or subject is None:
            return False
        if not self.shows_manifest(repository, subject, deep=deep - 1):
            return False
        if all(one.digest != digest for one in self._store.referrers(subject)):
            return False
        self.add(repository, digest, manifest)
        return True

    def _manifest(self, digest: Digest) -> ImageManifest | None:
        try:
            return parse_manifest(manifests(self._store)(digest), where=str(digest))
        except Unavailable:
            raise
        except KetchError:
            return None  # it is not here, is damaged, or is no manifest: then it shows nothing

    def _is_fresh(
        self, repository: str, digest: Digest, person: str, *, hashed: bool = False
    ) -> bool:
        rows = self._all(
            "SELECT 1 FROM fresh WHERE repository = ? AND person = ? AND digest = ?"
            " AND at >= ? AND is_hashed >= ?",
            *(repository, person, str(digest), self._clock() - FRESH_S, int(hashed)),
        )
        return bool(rows)

    # ------------------------------------------------------------ the file

    def _has(self, table: str, repository: str, digest: Digest) -> bool:
        said = f"SELECT 1 FROM {table} WHERE repository = ? AND digest = ?"  # noqa: S608
        return bool(self._all(said, repository, str(digest)))

    def _keep(self, table: str, repository: str, digests: Iterable[Digest]) -> None:
        said = f"INSERT OR IGNORE INTO {table} VALUES (?, ?)"  # noqa: S608
        self._run(*((said, (repository, str(digest))) for digest in digests))

    def _all(self, statement: str, *values: object) -> list[tuple[str, ...]]:
        with self._turn, self._explained():
            return self._database.execute(statement, values).fetchall()

    def _run(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        with self._turn, self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in statements:
                    self._database.execute(statement, values)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL if _has_code(error) else False
            raise Unavailable(
                f"expected to use `{self._path.name}`, found: {error}",
                code="disk/full" if is_full else "disk/refused",
                where=str(self._path),
                hint="free some space, then run the same again" if is_full else None,
            ) from error


def _has_code(error: sqlite3.Error) -> bool:
    return hasattr(error, "sqlite_errorcode")
