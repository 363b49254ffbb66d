"""Removing environments that no one needs.

They can all be made again from their locks, so the only harm is to remove one in use:
what is kept by name, was asked for lately, or is held by :meth:`Environment.in_use` stays.
"""

import shutil
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch.env.cache import BUILDING, TRASH, Environments
from ketch.env.environment import MARKER, last_used, size_bytes
from ketch.env.locking import held

_ABANDONED = timedelta(hours=1)  # longer than any build runs


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed.

    Attributes:
        keys: The environments, sorted.
        size_bytes: Size of their files; those shared with uv's cache free nothing yet.
    """

    keys: tuple[str, ...]
    size_bytes: int


def collect_environments(
    environments: Environments,
    *,
    keep: AbstractSet[str],
    max_age: timedelta,
    now: datetime | None = None,
) -> Collected:
    """Remove environments that were not asked for lately, and what broken builds left.

    Args:
        environments: Where to look.
        keep: Keys that stay, however old.
        max_age: Time since the last use after which an environment goes.
        now: The current time.
    """
    now = now or datetime.now(UTC)
    removed, total = [], 0
    for key in environments.keys():  # noqa: SIM118 (not a mapping)
        size = 0 if key in keep else _remove_unused(environments, key, now - max_age)
        if size:
            removed.append(key)
            total += size
    _remove_leftovers(environments, now)
    return Collected(tuple(removed), total)


def _remove_unused(environments: Environments, key: str, since: datetime) -> int:
    """Remove one environment unless it was used since; return its size, or 0."""
    path = environments.root / key
    with held(environments.lock_path(key), wait=False) as free:
        if not free:
            return 0
        if not (path / MARKER).is_file():
            size = size_bytes(path)  # no build ends without a marker: someone broke it
            environments.discard(key)
            return size
        with held(path / MARKER, wait=False) as unused:
            if not unused or last_used(path) > since:
                return 0
            size = size_bytes(path)
            environments.discard(key)
            return size


def _remove_leftovers(environments: Environments, now: datetime) -> None:
    root = environments.root
    if not root.is_dir():
        return
    for path in root.iterdir():
        building = path.name.startswith(BUILDING)
        if path.name.startswith(TRASH) or (building and _is_abandoned(path, now)):
            shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(path: Path, now: datetime) -> bool:
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:  # it became an environment meanwhile
        return False
    return now - changed > _ABANDONED
