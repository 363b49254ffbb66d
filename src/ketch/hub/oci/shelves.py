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

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from ketch.errors import KetchError, Unavailable
from ketch.hub.oci.rows import Rows
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
CREATE INDEX IF NOT EXISTS digests ON versions (repository, digest);
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
        self._store = store
        self._registry = registry
        self._clock = clock
        self._rows = Rows(path, _TABLES)

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    # ------------------------------------------------------------ what is there

    def shows_blob(self, repository: str, digest: Digest, person: str) -> bool:
        """Whether a person who may read a repository finds a blob there."""
        if self._rows.has("blobs", repository, digest) or self._is_fresh(
            repository, digest, person
        ):
            return True
        self._read_versions(repository)
        return self._rows.has("blobs", repository, digest)

    def shows_manifest(self, repository: str, digest: Digest, *, deep: int = _DEEPEST) -> bool:
        """Whether a manifest belongs to a repository."""
        if self._rows.has("manifests", repository, digest):
            return True
        self._catch_up()
        if self._rows.has("versions", repository, digest):
            self._learn(repository, digest)
            return True
        return deep > 0 and self._is_attached(repository, digest, deep)

    def is_hashed(self, repository: str, digest: Digest, person: str) -> bool:
        """Whether a blob was hashed when this person sent it, a while ago at most."""
        return self._is_fresh(repository, digest, person, hashed=True)

    def tags(self, repository: str, *, last: str = "", most: int) -> list[str]:
        """Return the versions of a package behind ``last``, as the alphabet sorts them."""
        self._catch_up()
        rows = self._rows.all(
            "SELECT tag FROM versions WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?",
            *(repository, last, most),
        )
        return [str(tag) for (tag,) in rows]

    def repositories(self, *, last: str = "") -> Iterator[str]:
        """Yield the packages of which a version was published, as the alphabet sorts them."""
        self._catch_up()
        said = "SELECT DISTINCT repository FROM versions WHERE repository > ? ORDER BY 1 LIMIT ?"
        while rows := self._rows.all(said, last, _PAGE):
            yield from (str(name) for (name,) in rows)
            last = str(rows[-1][0])

    # ------------------------------------------------------------ what comes

    def lay(self, repository: str, digest: Digest, person: str, *, hashed: bool) -> None:
        """Show a blob to the person who sent it, or who may read it elsewhere."""
        now = self._clock()
        self._rows.run(
            ("DELETE FROM fresh WHERE at < ?", (now - FRESH_S,)),
            (
                "INSERT OR REPLACE INTO fresh VALUES (?, ?, ?, ?, ?)",
                (repository, person, str(digest), int(hashed), now),
            ),
        )

    def add(self, repository: str, digest: Digest, manifest: ImageManifest) -> None:
        """Show a manifest, and all that it names, to everybody who may read the repository."""
        self._rows.keep("manifests", repository, [digest])
        self._rows.keep("blobs", repository, [blob.digest for blob in manifest.blobs()])

    # ------------------------------------------------------------ what follows from it

    def _catch_up(self) -> None:
        """Read the versions that were published since."""
        with self._rows.turn:
            row = self._rows.all("SELECT max(seq) FROM progress")[0][0]
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
                self._rows.run(("DELETE FROM versions", ()), ("DELETE FROM progress", ()))
                self._catch_up()
            elif newest > known:
                said = "INSERT OR REPLACE INTO versions (repository, tag, digest) VALUES (?, ?, ?)"
                told = ("INSERT INTO progress VALUES (?)", (newest,))
                self._rows.run(*((said, row) for row in found), ("DELETE FROM progress", ()), told)

    def _read_versions(self, repository: str) -> None:
        """Learn the blobs of versions that were not put through this hub, the newest first."""
        self._catch_up()
        for (digest,) in self._rows.all(
            "SELECT digest FROM versions WHERE repository = ? AND NOT is_read", repository
        ):
            self._learn(repository, Digest.parse(digest))

    def _learn(self, repository: str, digest: Digest) -> None:
        manifest = self._manifest(digest)
        if manifest is not None:
            self.add(repository, digest, manifest)
            said = "UPDATE versions SET is_read = 1 WHERE repository = ? AND digest = ?"
            self._rows.run((said, (repository, str(digest))))

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
        rows = self._rows.all(
            "SELECT 1 FROM fresh WHERE repository = ? AND person = ? AND digest = ?"
            " AND at >= ? AND is_hashed >= ?",
            *(repository, person, str(digest), self._clock() - FRESH_S, int(hashed)),
        )
        return bool(rows)
