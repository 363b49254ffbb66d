"""Profiles read back: by route and time, of one log or several."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from pathlib import Path

from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.decisions.opened import Opened, opened
from ketch.monitor.decisions.sealed import LAST, Listed
from ketch.monitor.decisions.segments import DAYS, Partition
from ketch.monitor.profiles import kept
from ketch.monitor.profiles.making import profiled
from ketch.monitor.profiles.window import Window

_TRIES = 5


def windows(
    logs: Sequence[Path],
    route: str,
    since: datetime,
    until: datetime,
    package: str | None = None,
    *,
    hot: bool = True,
) -> list[Window]:
    """Return the profiles of a route, each of one package and one time, the oldest first.

    That is an hour, or a day where it is longer ago than ``HOURLY_DAYS``, or than inputs and
    outputs are kept.

    Args:
        logs: The folders of the logs; the same hour in several is one.
        route: The route.
        since: From when on; the hour that it is in counts.
        until: Until when. A window belongs to the time in which it begins, and to one that is
            all within it: so what follows upon each other shares none.
        package: Only this one, by ``name:version`` or by digest.
        hot: Whether decisions that are not sealed yet count, too, which takes some time.

    Raises:
        Unavailable: ``disk/…``, ``table/out-of-memory``.
    """
    found = (
        window
        for log in logs
        for window in _of_log(log, route, since, until, hot=hot)
        if _is_in(window, since, until)
        if package in (None, window.package, window.digest)
    )
    return kept.by_time(found)


def _is_in(window: Window, since: datetime, until: datetime) -> bool:
    first = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return first <= window.start < until or window.start <= first <= until <= window.end


def _of_log(log: Path, route: str, since: datetime, until: datetime, *, hot: bool) -> list[Window]:
    """Return the windows of the days that some time touches."""
    first = moment_of(_midnight(since))
    last = LAST if until.year >= MAXYEAR else moment_of(_midnight(until) + timedelta(days=1)) - 1
    days = _day(since), _day(until)
    for left in reversed(range(_TRIES)):
        with opened(log, 1) as one:
            listed = one.spool(route, first, last) if hot else one.sealed.listed(route, first, last)
            found = _sealed(one, route, listed)
            if left and any(not partition.path(one).exists() for partition, one in listed):
                continue  # two became one meanwhile
            if hot:
                found += profiled(one.sealed.con, one.spool_sql, route)
            return found + _outlived(log, route, days, listed)
    return []


def _sealed(log: Opened, route: str, listed: Listed) -> list[Window]:
    """Return the profiles of segments; of those that have none yet, from their rows."""
    found: list[Window] = []
    left = []
    for partition, segment in listed:
        known = kept.read(partition.folder, segment.name)
        found += known or ()
        if known is None and not segment.is_bare:
            left.append((partition, segment))
    log.sealed.examine(left)
    for source in log.sealed.sources(left):
        found += profiled(log.sealed.con, source, route)
    return found


def _outlived(log: Path, route: str, days: tuple[str, str], listed: Listed) -> list[Window]:
    """Return the profiles of decisions that are kept no more."""
    there = {segment.name for _, segment in listed}
    found: list[Window] = []
    for folder in sorted(kept.folder_of(log, Partition.of(log, route, "*")).parent.glob("day=*")):
        if days[0] <= folder.name.removeprefix("day=") <= days[1]:
            names = sorted(path.stem for path in folder.glob(f"*{DAYS}"))
            for name in names:
                found += (() if name in there else kept.read(folder, name)) or ()
    return found


def _midnight(when: datetime) -> datetime:
    return when.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _day(when: datetime) -> str:
    return when.astimezone(UTC).date().isoformat()
