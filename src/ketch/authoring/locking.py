"""The lock of a package folder: kept while it fits, resolved when it does not."""

from __future__ import annotations

from dataclasses import dataclass

from ketch.authoring.gather import Gathered
from ketch.authoring.progress import Progress
from ketch.env import Lock, Resolving, read_lock, read_requirements, resolve, write_lock
from ketch.errors import Finding
from ketch.package import Manifest


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock, or the findings that keep one from being made."""

    lock: Lock | None
    findings: tuple[Finding, ...] = ()


def locked(
    gathered: Gathered,
    manifest: Manifest,
    *,
    progress: Progress,
    offline: bool = False,
    upgrade: bool = False,
) -> Locked:
    """Return the lock of a folder; a new one is written into the folder.

    The lock in the folder is used as it is while the requirements, the Python asked
    for and the build policy are those it was made from. That needs no network, and
    two machines with the same folder get the same environment.

    Raises:
        Refused: The requirements have no solution.
        Unavailable: Python or the package index cannot be reached.
    """
    environment = manifest.environment
    requirements = read_requirements(gathered.folder, source=environment.requirements)
    if any(finding.blocks for finding in requirements.findings):
        return Locked(None, requirements.findings)
    builds = environment.allow_source_builds
    existing = read_lock(gathered.folder)
    wanted = requirements.digest(environment.python, source_builds=builds)
    if existing is not None and existing.inputs == wanted and not upgrade:
        return Locked(existing, requirements.findings)
    progress.step("resolving the environment")
    how = Resolving(source_builds=builds, upgrade=upgrade, offline=offline, existing=existing)
    lock = resolve(requirements, environment.python, how)
    write_lock(gathered.folder, lock)
    return Locked(lock, requirements.findings)
