"""Removing what no package needs any more."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch.env import Collected, Lock, collect_environments, environment_key
from ketch.files import remove_abandoned
from ketch.package import open_package
from ketch.runtime.home import Home
from ketch.store import gc as collect_blobs
from ketch.store.locks import abandoned

GRACE = timedelta(hours=1)
"""What is younger stays: another process may be about to use it."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed, or would be."""

    blobs: int
    environments: int
    leftovers: int
    freed_bytes: int

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch gc --json``."""
        return {
            "blobs": self.blobs,
            "environments": self.environments,
            "leftovers": self.leftovers,
            "freed_bytes": self.freed_bytes,
        }


def clean_up(home: Home, *, dry_run: bool = False, now: datetime | None = None) -> Cleaned:
    """Remove blobs, environments and leftovers that no package in the store needs.

    Args:
        home: The ketch home.
        dry_run: Only say what would be removed.
        now: The current time.

    Raises:
        ManifestError: A package of the store cannot be read, so that what it needs is
            unknown; nothing is removed then.
    """
    now = now or datetime.now(UTC)
    environments = collect_unused_environments(home, dry_run=dry_run, now=now)
    grace_s = GRACE.total_seconds()
    blobs = collect_blobs(home.store, grace_s=grace_s, dry_run=dry_run, now=now.timestamp)
    rooms = [] if dry_run else clear_rooms(home, now - GRACE)
    parts = [] if dry_run else _clear_parts(home)
    return Cleaned(
        blobs=len(blobs.blobs),
        environments=len(environments.keys),
        leftovers=len(blobs.leftovers) + len(rooms) + len(parts),
        freed_bytes=blobs.size_bytes + environments.freed_bytes,
    )


def collect_unused_environments(
    home: Home, *, dry_run: bool = False, now: datetime | None = None
) -> Collected:
    """Remove the environments that no package of the store has a lock for.

    What was used within the hour stays.
    """
    return collect_environments(
        home.environments, keep=_needed(home), max_age=GRACE, dry_run=dry_run, now=now
    )


def _needed(home: Home) -> frozenset[str]:
    keys = set()
    for name, descriptor in home.store.tags().items():
        if ":" in name:
            package = open_package(descriptor.digest, home.store)
            keys.add(environment_key(Lock.parse(package.lock.decode())))
    return frozenset(keys)


def _clear_parts(home: Home) -> list[Path]:
    """Remove files that were being written by processes that are no more."""
    return [part for folder in home.path.glob("*/") for part in remove_abandoned(folder)]


def clear_rooms(home: Home, since: datetime) -> list[Path]:
    """Remove the rooms of processes that are no more, but for those made since a moment ago."""
    gone = []
    for room in abandoned(home.path / "run"):
        with suppress(FileNotFoundError):  # its owner ended meanwhile
            if room.stat().st_mtime < since.timestamp():
                shutil.rmtree(room, ignore_errors=True)
                gone.append(room)
    return gone
