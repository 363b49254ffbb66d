"""What a hub is made of: its store, its registry, its tokens, under its own home."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ketch.files import explained
from ketch.hub.access import GuardedDesk, Identity, Tokens
from ketch.package import open_package
from ketch.registry import Database, Known, Registry, open_database
from ketch.registry.events import now
from ketch.store import LocalStore


@dataclass(frozen=True)
class Inside:
    """The parts of a hub.

    Attributes:
        home: Its folder.
        store: The bytes.
        registry: Versions, routes and the history.
        tokens: Who is let in.
        known: What is known about a package, when it is not what the store holds.
    """

    home: Path
    store: LocalStore
    registry: Registry
    tokens: Tokens
    known: Known | None = None

    @property
    def database(self) -> Database:
        """Where the registry is kept."""
        return self.registry.database

    def desk_of(self, identity: Identity) -> GuardedDesk:
        """Return the desk of somebody."""
        return GuardedDesk(self.registry, self.store, identity, known=self.known)


@contextmanager
def opened(
    home: Path,
    url: str | None = None,
    *,
    clock: Callable[[], datetime] = now,
    known: Known | None = None,
) -> Iterator[Inside]:
    """Yield the parts of a hub.

    Args:
        home: Its folder.
        url: The database of its registry; a file in the folder without it.
        clock: The present, in UTC.
        known: What is known about a package, when it is not what the store holds.
    """
    store = LocalStore(home / "store")
    database = open_database(url or f"sqlite:///{_private(home / 'registry.db')}")
    try:
        registry = Registry(database, lambda digest: open_package(digest, store), clock=clock)
        yield Inside(home, store, registry, Tokens(database, clock=clock), known)
    finally:
        database.close()


def _private(file: Path) -> Path:
    """Return a file that is there; made anew, nobody else reads it: secrets sign webhooks."""
    with explained(file):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return file
