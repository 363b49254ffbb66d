"""Claims: work that one process alone does, of all that share a database.

A claim is a lock that its keeper lets go of when the process dies: no clock is asked, and
nobody waits for a time to pass. Of a database in a file the kernel keeps it, of one on a
server the server, for as long as the connection lives.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from ketch.files import explained
from ketch.store.locks import is_held

_ALIVE = {"idle": 5, "interval": 2, "count": 3}
"""When a machine is no more, the other side knows after so many seconds, tries."""


class Claim(Protocol):
    """A name that this process has, and no other."""

    def holds(self) -> bool:
        """Whether it still has it."""
        ...

    def release(self) -> None:
        """Let others have it."""
        ...


@dataclass(frozen=True, slots=True)
class Undisputed:
    """The claim of a process that shares its database with no other."""

    def holds(self) -> bool:
        """Whether it still has it."""
        return True

    def release(self) -> None:
        """Let others have it; there are none."""


@dataclass(frozen=True, slots=True)
class FileClaim:
    """A claim that the kernel keeps."""

    fd: int

    @classmethod
    def take(cls, path: Path) -> FileClaim | None:
        """Return the claim of a file; None while another has it."""
        with explained(path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if is_held(fd):
            os.close(fd)
            return None
        return cls(fd)

    def holds(self) -> bool:
        """Whether it still has it."""
        return True

    def release(self) -> None:
        """Let others have it."""
        os.close(self.fd)


@dataclass(frozen=True, slots=True)
class ServerClaim:
    """A claim that a PostgreSQL server keeps, with the connection that is its own."""

    connection: Any
    driver: ModuleType

    @classmethod
    def take(cls, url: str, name: str, driver: ModuleType) -> ServerClaim | None:
        """Return the claim of a name; None while another has it."""
        connection = driver.connect(
            url,
            autocommit=True,
            connect_timeout=10,
            application_name=f"ketch {name}",
            tcp_user_timeout=10_000,
            **{f"keepalives_{what}": number for what, number in _ALIVE.items()},
        )
        for what, number in _ALIVE.items():
            connection.execute(f"SET tcp_keepalives_{what} = {number}")
        row = connection.execute(
            # Locks are of a whole database: another schema of it is another registry.
            "SELECT pg_try_advisory_lock(hashtextextended(current_schema() || ' ' || %s, 0))",
            (f"ketch {name}",),
        ).fetchone()
        if row == (True,):
            return cls(connection, driver)
        connection.close()
        return None

    def holds(self) -> bool:
        """Whether it still has it: the lock ends with the connection."""
        try:
            self.connection.execute("SELECT 1")
        except self.driver.Error:
            return False
        return True

    def release(self) -> None:
        """Let others have it."""
        self.connection.close()
