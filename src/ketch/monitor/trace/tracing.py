"""From the identity of a decision to everything that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ketch.errors import KetchError, Unavailable
from ketch.monitor.decisions.keyed import KEY_FILE, Keyed, fingerprint_of, keyed
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.table import Recorded
from ketch.monitor.logs import Logs
from ketch.monitor.outcomes.ledger import Outcomes
from ketch.monitor.outcomes.outcome import Entry, microseconds
from ketch.monitor.trace.assigned import assigned
from ketch.monitor.trace.rerun import Rerun, rerun
from ketch.monitor.trace.standing import Standing, standing
from ketch.monitor.trace.value import Trace
from ketch.package import Package, PackageName, Reference
from ketch.package.digest import Digest
from ketch.progress import Progress
from ketch.runtime import Home, describe


def trace(
    decision: str,
    home: Home,
    logs: Sequence[Path],
    *,
    again: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
) -> Trace:
    """Return everything that is known of a decision.

    What cannot be found out, because the registry or the package is away, is a note.

    Args:
        decision: Its identity.
        home: Where the registry, the packages and their environments are.
        logs: The folders of the logs to look in.
        again: Whether to ask the package again.
        offline: Use only libraries and interpreters that lie on this machine.
        progress: Told what is being done.

    Raises:
        UsageError: ``decisions/id``: it is no identity of a decision.
        NotFound: ``decisions/not-found``.
        Unavailable: ``decisions/damaged``.
    """
    with Logs(logs) as known:
        found, log = known.find(decision)
        outcomes = _outcomes(found, log.folder, logs)
        shadows = tuple(known.shadows_of(found))
    key = _key(log)
    notes: list[str] = []
    stood = _standing(found, home, notes)
    package = _package(found, home, notes, progress)
    done: Rerun | None = None
    if again and package is None:
        done = Rerun(None, "the package is not at hand")
    elif again and package is not None:
        done = _again(found, package, home, key, offline=offline, progress=progress)
    return Trace(
        found,
        None if package is None else describe(package, (), None),
        stood,
        assigned(found, stood, key),
        outcomes,
        shadows,
        done,
        tuple(notes),
    )


def _again(
    decision: Recorded,
    package: Package,
    home: Home,
    key: Keyed | None,
    *,
    offline: bool,
    progress: Progress | None,
) -> Rerun:
    try:
        return rerun(decision, package, home, key, offline=offline, progress=progress)
    except KetchError as problem:  # no environment here, or a variable that is not set
        return Rerun(None, f"it cannot run here: {problem.message}")


def _standing(decision: Recorded, home: Home, notes: list[str]) -> Standing:
    try:
        with home.desk() as desk:
            found = standing(decision, desk)
    except KetchError as problem:  # it is away, or lets nobody in
        found = Standing(note=f"the registry could not be asked: {problem.message}")
    if found.note:
        notes.append(found.note)
    return found


def _package(
    decision: Recorded, home: Home, notes: list[str], progress: Progress | None
) -> Package | None:
    """Return the package that answered, fetched from the hub if need be."""
    name = PackageName(decision.package.partition(":")[0])
    try:
        return home.open(Reference(name, Digest.parse(decision.digest)), progress=progress)
    except KetchError as problem:
        notes.append(f"the package is not at hand: {problem.message}")
        return None


def _key(log: Decisions) -> Keyed | None:
    """Return the hashes of a log; a copy may have come without its key."""
    if (log.folder / KEY_FILE).exists():
        with suppress(Unavailable):
            return keyed(log.folder)
    return None


def _outcomes(decision: Recorded, own: Path, logs: Sequence[Path]) -> tuple[Entry, ...]:
    """Return the outcomes of a decision, and those of its unit on its route since.

    Outcomes may be told at another machine than the one that answered; only logs that have
    the same key have the same hash for its unit.
    """
    found: list[Entry] = []
    mine = fingerprint_of(own)
    for folder in logs:
        is_same = folder == own or (mine is not None and fingerprint_of(folder) == mine)
        with Outcomes(folder) as known:
            found += known.of_decision(decision.id, decision.unit if is_same else None)
    since = microseconds(decision.time)
    of_it = (one.decision == decision.id or _since(one, decision, since) for one in found)
    return tuple(one for one, is_its in zip(found, of_it, strict=True) if is_its)


def _since(one: Entry, decision: Recorded, since: int) -> bool:
    return one.decision is None and one.route == decision.route and one.at >= since
