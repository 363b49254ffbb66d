"""Removing environments that no one needs.

They can all be made again from their locks, so the only harm is to remove one in use:
what is kept by name, was asked for lately, or is held by :meth:`Environment.in_use` stays.
"""

import shutil
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch.env.cache import BUILDING, TRASH, Environments
from ketch.env.environment import MARKER, freed_bytes, last_used, size_bytes
from ketch.env.locking import held


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed, or would be.

    Attributes:
        keys: The environments, sorted.
        size_bytes: Size of all their files.
        freed_bytes: Size of those that nothing else holds, such as uv's cache.
    """

    keys: tuple[str, ...]
    size_bytes: int
    freed_bytes: int


def collect_environments(
    environments: Environments,
    *,
    keep: AbstractSet[str],
    max_age: timedelta,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Collected:
    """Remove environments that were not asked for lately, and what broken builds left.

    Args:
        environments: Where to look.
        keep: Keys that stay, however old.
        max_age: Time since the last use after which an environment goes.
        dry_run: Only say what would be removed.
        now: The current time.
    """
    now = now or datetime.now(UTC)
    removed, size, freed = [], 0, 0
    for key in environments.keys():  # noqa: SIM118 (not a mapping)
        if key in keep:
            continue
        with _unused(environments, key, now - max_age) as path:
            if path is not None:
                removed.append(key)
                size += size_bytes(path)
                freed += freed_bytes(path)
                if not dry_run:
                    environments.discard(key)
    if not dry_run:
        _remove_leftovers(environments)
    return Collected(tuple(removed), size, freed)


@contextmanager
def _unused(environments: Environments, key: str, since: datetime) -> Iterator[Path | None]:
    """Hold an environment that no one uses or has used since, and yield its folder."""
    path = environments.root / key
    with held(environments.lock_path(key), wait=False) as free:
        if not free:
            yield None
        elif not (path / MARKER).is_file():
            yield path  # no build ends without a marker: someone broke it
        else:
            with held(path / MARKER, wait=False) as unused:
                yield path if unused and last_used(path) <= since else None


def _remove_leftovers(environments: Environments) -> None:
    root = environments.root
    if not root.is_dir():
        return
    for path in root.iterdir():
        if path.name.startswith(TRASH):
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith(BUILDING):
            key = path.name.removeprefix(BUILDING).partition("-")[0]
            with held(environments.lock_path(key), wait=False) as is_abandoned:
                if is_abandoned:  # whoever builds holds the lock
                    shutil.rmtree(path, ignore_errors=True)
