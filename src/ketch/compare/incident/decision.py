"""Why one decision went as it did: the answer before it, the package before it, its error.

What cannot be asked again (inputs that were not kept, personal data, a package that is away)
is said, and nothing is guessed in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from ketch.compare.explain.entering import first_moved
from ketch.compare.explain.running import Laboratory
from ketch.compare.incident.components import differing
from ketch.compare.incident.period import WINDOW
from ketch.compare.incident.story import Errors, Previous, Story
from ketch.errors import KetchError
from ketch.monitor.decisions.ids import microseconds_of
from ketch.monitor.decisions.keyed import KEY_FILE, keyed
from ketch.monitor.decisions.part import Part
from ketch.monitor.decisions.table import NAMES, Recorded
from ketch.monitor.logs import Logs
from ketch.monitor.outcomes.outcome import instant
from ketch.monitor.rollouts.pair import LIMITED, PROD
from ketch.monitor.trace import Trace
from ketch.monitor.trace.rerun import rerun
from ketch.monitor.trace.tracing import trace as trace_decision
from ketch.package import Digest, Divergence, Package, PackageName, Reference
from ketch.progress import Progress, Silent
from ketch.registry import Desk
from ketch.runtime import Home
from ketch.schema import parse_json
from ketch.tables.engine import literal


def explain_decision(
    decision: str,
    home: Home,
    logs: Sequence[Path],
    *,
    window: timedelta = WINDOW,
    offline: bool = False,
    progress: Progress | None = None,
) -> Story:
    """Say why a decision went as it did.

    Args:
        decision: Its identity.
        home: Where the registry, the packages and their environments are.
        logs: The folders of the logs to look in.
        window: How far back errors and answers of the same unit are looked for.
        offline: Use only libraries and interpreters that lie on this machine.
        progress: Told what is being done.

    Raises:
        UsageError: ``decisions/id``: it is no identity of a decision.
        NotFound: ``decisions/not-found``.
        Unavailable: ``decisions/damaged``.
    """
    found = trace_decision(decision, home, logs, again=True, offline=offline, progress=progress)
    notes = list(found.notes)
    one = found.decision
    previous: Previous | None = None
    try:
        with home.desk() as desk:
            stood = _stood_before(found, desk)
        if stood is None:
            notes.append("the registry knows of no package that stood there before")
        else:
            previous = _asked(found, stood, home, logs, offline=offline, progress=progress)
    except KetchError as problem:
        notes.append(f"the package before could not be asked: {problem.message}")
    errors, before = _errors(one, logs, window), _before(one, logs, window)
    return Story(found, errors, before, previous, tuple(notes))


def _stood_before(found: Trace, desk: Desk) -> tuple[str, str] | None:
    """Return what a candidate is tried against, or what stood in its place before it."""
    one, promotion = found.decision, found.standing.promotion
    if one.arm == LIMITED:
        prod = next((arm for arm in found.standing.arms if arm.place == PROD), None)
        return None if prod is None else (prod.package, str(prod.digest))
    if promotion is None:
        return None
    events = desk.history(subject=promotion.subject, until=promotion.time, limit=50)
    for event in events:
        if event.seq >= promotion.seq or "arms" not in event.body:
            continue
        for arm in cast("Sequence[Mapping[str, object]]", event.body["arms"]):
            if arm["stage"] == one.arm and arm["digest"] != one.digest:
                return str(arm["package"]), str(arm["digest"])
    return None


def _asked(
    found: Trace,
    stood: tuple[str, str],
    home: Home,
    logs: Sequence[Path],
    *,
    offline: bool,
    progress: Progress | None,
) -> Previous:
    """Ask the package before, and look for the step at which the two part."""
    one = found.decision
    name, digest = stood
    (progress or Silent()).step(f"asking {name}")
    other = home.open(_exactly(name, digest), progress=progress)
    with Logs(logs) as known:
        folder = known.find(one.id)[1].folder
    key = keyed(folder) if (folder / KEY_FILE).exists() else None
    asked = rerun(one, other, home, key, offline=offline, progress=progress)
    differ = differing(home, stood, (one.package, one.digest))
    divergence: Divergence | None = None
    if asked.identical is False and one.error is None:
        mine = home.open(_exactly(one.package, one.digest), progress=progress)
        divergence = _divergence(home, other, mine, one, offline=offline)
    return Previous(name, digest, asked, differ, divergence)


def _divergence(
    home: Home, other: Package, mine: Package, one: Recorded, *, offline: bool
) -> Divergence | None:
    """Return the first step that the two packages take otherwise."""
    value: Any = parse_json(one.inputs.encode())
    rows = value if isinstance(value, list) else [value]
    laboratory = Laboratory(home, (), offline=offline)
    steps = [laboratory.steps(package, rows) for package in (other, mine)]
    same = other.components.get("environment") == mine.components.get("environment")
    return first_moved(*steps, same_environment=same)


def _errors(one: Recorded, logs: Sequence[Path], window: timedelta) -> Errors | None:
    """Return since when there are errors of this code, and how many; of a shadow, of shadows."""
    if one.error is None:
        return None
    between = one.time - window, one.time + window
    alike = f"why {'=' if one.why == 'shadow' else '<>'} 'shadow'"
    mine = f"{alike} AND error = {literal(one.error)}"
    found = _numbers(logs, one.route, between, f"min(moment), count(*) FROM part WHERE {mine}")
    first = min(int(moment) for moment, count in found if count)
    since = f"count(*), 0 FROM part WHERE {alike} AND moment >= {first:d}"
    answers = sum(int(count) for count, _ in _numbers(logs, one.route, between, since))
    count = sum(int(number) for _, number in found)
    return Errors(one.error, instant(microseconds_of(first)), count, answers)


def _numbers(
    logs: Sequence[Path], route: str, between: tuple[datetime, datetime], sql: str
) -> list[tuple[Any, ...]]:
    """Return what a query says of each log."""
    since, until = between
    rows: list[tuple[Any, ...]] = []
    for log in logs:
        with Part(log, route, since=since, until=until) as part:
            rows += part.select(f"SELECT {sql}")
    return rows


def _before(one: Recorded, logs: Sequence[Path], window: timedelta) -> Recorded | None:
    """Return the latest answer that the unit of a decision got before it."""
    if one.unit is None:
        return None
    sql = f"""SELECT {NAMES} FROM part WHERE unit = {int(one.unit, 16):d}
              AND moment < {int(one.id[:16], 16):d} AND why <> 'shadow' AND error IS NULL
              ORDER BY moment DESC, tail DESC LIMIT 1"""  # noqa: S608 - whole numbers
    rows: list[tuple[Any, ...]] = []
    for log in logs:
        with Part(log, one.route, since=one.time - window, until=one.time) as part:
            rows += part.select(sql)
    found = [Recorded.of_row(row) for row in rows]
    return max(found, key=lambda each: each.id, default=None)


def _exactly(package: str, digest: str) -> Reference:
    return Reference(PackageName(package.partition(":")[0]), Digest.parse(digest))
