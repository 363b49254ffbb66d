"""The lock of a package folder: kept while it fits, resolved when it does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ketch.env import (
    LOCK_FILE,
    Lock,
    Requirements,
    Resolving,
    read_lock,
    read_requirements,
    resolve,
    write_lock,
)
from ketch.errors import Finding, ManifestError, Refused
from ketch.package import EnvironmentDeclaration
from ketch.package.paths import unreadable
from ketch.progress import Progress

_RELEASES = range(100)
"""The third part of a Python version; none has come near the end of this."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a folder asks of its environment, and the lock it has.

    Attributes:
        declared: ``[environment]`` of ``ketch.toml``.
        requirements: What its requirements ask for.
        lock: The lock in the folder, whether it fits or not.
        findings: Everything that keeps a lock from being made.
    """

    declared: EnvironmentDeclaration = field(default_factory=EnvironmentDeclaration)
    requirements: Requirements = field(default_factory=Requirements)
    lock: Lock | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def fitting(self) -> Lock | None:
        """The lock of the folder, if it was made from what is asked for now."""
        if self.findings or self.lock is None:
            return None
        wanted = self.requirements.digest(
            self.declared.python, source_builds=self.declared.allow_source_builds
        )
        return self.lock if self.lock.inputs == wanted else None

    @property
    def names(self) -> frozenset[str]:
        """The distributions that it names itself, normalised; not what those bring."""
        named = (Requirement(line).name for line in self.requirements.lines)
        return frozenset(canonicalize_name(name) for name in named)

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the folder that say all this, whether they are there or not."""
        return (*self.requirements.files, LOCK_FILE)


def read_needs(folder: Path, declared: EnvironmentDeclaration) -> Needs:
    """Read what a folder asks of its environment; nothing is resolved."""
    requirements = read_requirements(folder, source=declared.requirements)
    findings = [*requirements.findings, *_python_findings(requirements, declared.python)]
    lock = None
    try:
        lock = read_lock(folder)
    except ManifestError as problem:
        findings += [Finding(problem.code, problem.message, problem.where, problem.hint)]
    except OSError as problem:
        findings += [unreadable(LOCK_FILE, problem)]
    return Needs(declared, requirements, lock, tuple(findings))


def locked(
    needs: Needs, *, progress: Progress, offline: bool = False, upgrade: bool = False
) -> Lock:
    """Return the lock of a folder whose needs have no findings; nothing is written.

    The lock in the folder is used as it is while the requirements, the Python asked
    for and the build policy are those it was made from. That needs no network, and
    two machines with the same folder get the same environment.

    Raises:
        Refused: The requirements have no solution; the findings name the lines.
        Unavailable: Python or the package index cannot be reached.
    """
    if needs.fitting is not None and not upgrade:
        return needs.fitting
    progress.step("resolving the environment")
    builds = needs.declared.allow_source_builds
    how = Resolving(source_builds=builds, upgrade=upgrade, offline=offline, existing=needs.lock)
    try:
        return resolve(needs.requirements, needs.declared.python, how)
    except Refused as problem:
        from ketch.env.unsolved import explained  # `pack` has no use for it while all is well

        raise explained(problem, needs.requirements, needs.declared.python, how) from problem


def keep_lock(folder: Path, lock: Lock) -> None:
    """Write a lock into the folder it belongs to, unless it is there.

    Raises:
        Unavailable: The folder cannot be written.
    """
    if not holds_lock(folder, lock):
        write_lock(folder, lock)


def holds_lock(folder: Path, lock: Lock) -> bool:
    """Whether this is the lock in a folder; it may be another command that wrote it."""
    try:
        return read_lock(folder) == lock
    except ManifestError:
        return False


def _python_findings(requirements: Requirements, python: str) -> list[Finding]:
    """Return where the requirements and ``ketch.toml`` ask for different Pythons."""
    asked, allowed = requirements.python, requirements.requires_python
    if asked is not None and not _agree(asked, python):
        return [_disagree(asked, python, str(requirements.source))]
    if allowed is not None and not _allows(SpecifierSet(allowed), python):
        return [_disagree(allowed, python, f"{requirements.source}: project.requires-python")]
    return []


def _agree(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _allows(allowed: SpecifierSet, python: str) -> bool:
    """Whether a range holds a Python such as ``3.11.7``, or any release of ``3.11``."""
    if python.count(".") > 1:
        return python in allowed
    return any(f"{python}.{release}" in allowed for release in _RELEASES)


def _disagree(asked: str, python: str, where: str) -> Finding:
    return Finding(
        "env/python-request",
        f"expected Python `{python}` as in ketch.toml, found `{asked}`",
        where,
        "name the same one there and under `[environment] python`, which is 3.11 when left out",
    )
