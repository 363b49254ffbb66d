"""Removing what no package needs any more."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ketch.env import Collected, Lock, collect_environments, environment_key
from ketch.package import open_package
from ketch.runtime.home import Home
from ketch.store import gc as collect_blobs

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


def clean_up(home: Home, *, dry_run: bool = False) -> Cleaned:
    """Remove blobs, environments and leftovers that no package in the store needs.

    Raises:
        ManifestError: A package of the store cannot be read, so that what it needs is
            unknown; nothing is removed then.
    """
    environments = collect_unused_environments(home, dry_run=dry_run)
    blobs = collect_blobs(home.store, grace_s=GRACE.total_seconds(), dry_run=dry_run)
    rooms = [] if dry_run else _clear_rooms(home.path / "run")
    return Cleaned(
        blobs=len(blobs.blobs),
        environments=len(environments.keys),
        leftovers=len(blobs.leftovers) + len(rooms),
        freed_bytes=blobs.size_bytes + environments.size_bytes,
    )


def collect_unused_environments(home: Home, *, dry_run: bool = False) -> Collected:
    """Remove the environments that no package of the store has a lock for."""
    needed = _needed(home)
    if not dry_run:
        return collect_environments(home.environments, keep=needed, max_age=GRACE)
    unused = [one for one in home.environments.list() if one.key not in needed]
    return Collected(tuple(one.key for one in unused), sum(one.size_bytes for one in unused))


def _needed(home: Home) -> frozenset[str]:
    keys = set()
    for name, descriptor in home.store.tags().items():
        if ":" in name:
            package = open_package(descriptor.digest, home.store)
            keys.add(environment_key(Lock.parse(package.lock.decode())))
    return frozenset(keys)


def _clear_rooms(folder: Path) -> list[Path]:
    """Remove the rooms of processes that are no more; they are named by process id."""
    old = time.time() - GRACE.total_seconds()
    gone = []
    for room in folder.glob("*-*"):
        pid = room.name.partition("-")[0]
        if pid.isdigit() and not _is_running(int(pid)) and room.stat().st_mtime < old:
            shutil.rmtree(room, ignore_errors=True)
            gone.append(room)
    return gone


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
