"""From the libraries a model needs to the environment it is looked at in.

The Python of the active environment, which most likely trained the model, is tried first,
then the one that runs ketch and the others on this machine: a library may want a newer one.
All versions that were found are tried first, then without those that exclude each other,
then those in the model file alone, then any.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name

from ketch.authoring.drafting.needs import Need, relaxed, training_python, unbound
from ketch.authoring.drafting.templates import filled
from ketch.env import Lock, Requirements, Resolving, find_python, read_requirements, resolve
from ketch.errors import Finding, Refused, Unavailable, UsageError
from ketch.files import temporary_folder
from ketch.progress import Progress

_OTHER_PYTHONS = ("3.12", "3.13", "3.11", "3.10", "3.14")
_WHERE = "requirements.txt"
_LONGEST_REASON = 400
_WITHOUT_SOLUTION = ("env/no-solution", "env/no-wheel", "env/python-request")


@dataclass(frozen=True, slots=True)
class Solved:
    """Libraries that fit together, and the lock that pins them.

    Attributes:
        requirements: The content of ``requirements.txt``; the lock is made from it.
        lock: Every distribution, with hashes.
        findings: What had to be given up, and what nobody had said.
    """

    requirements: str
    lock: Lock
    findings: tuple[Finding, ...] = ()

    @property
    def python(self) -> str:
        """The Python, such as ``3.11``."""
        return self.lock.python.rpartition(".")[0]


def solve(needs: Sequence[Need], progress: Progress) -> Solved:
    """Return versions of the libraries that fit together, on a Python of this machine.

    Raises:
        Refused: No versions at all fit together, or none has files for this machine.
        Unavailable: The package index cannot be reached.
    """
    progress.step("resolving the environment")
    refusals: list[Refused] = []
    for attempt in _attempts(needs, refusals):
        for python in pythons():
            try:
                lock = resolve(requirements_in(render(attempt)), python, Resolving())
            except Refused as problem:
                if problem.code not in _WITHOUT_SOLUTION:
                    raise
                refusals.append(problem)
                continue
            return _solved(needs, attempt, lock, refusals[:1])
    raise refusals[0] if refusals else Unavailable("found no Python", code="env/python-missing")


def _attempts(needs: Sequence[Need], refusals: Sequence[Refused]) -> Iterator[tuple[Need, ...]]:
    """Yield the libraries in versions to try, each less than the last; refusals come meanwhile."""
    tried = [tuple(needs)]
    yield tried[0]
    blamed = refusals[0].message if refusals else ""
    for attempt in (relaxed(needs, blamed), relaxed(needs), unbound(needs)):
        if attempt not in tried:
            tried.append(attempt)
            yield attempt


def pythons() -> Iterator[str]:
    """Yield the Pythons on this machine that a package could run on, the best first."""
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for python in dict.fromkeys((training_python() or running, running, *_OTHER_PYTHONS)):
        try:
            find_python(python, offline=True)
        except (Unavailable, UsageError):  # it is not here, or too old to run a package
            continue
        yield python


def render(needs: Iterable[Need]) -> str:
    """Return the content of ``requirements.txt``."""
    lines = [f"{need.line}  # {need.why}" if need.why else need.line for need in needs]
    return filled("folder/requirements.txt", {"lines": "\n".join(lines)})


def _solved(
    needs: Sequence[Need], taken: Sequence[Need], lock: Lock, refusals: Sequence[Refused]
) -> Solved:
    versions = {package.name: package.version for package in lock.packages}
    text = render(pinned := [_pinned(need, versions) for need in taken])
    solved = Solved(text, lock)
    lock = replace(lock, inputs=requirements_in(text).digest(solved.python))
    findings = (
        *_given_up(needs, taken, refusals),
        *_guessed(taken, pinned),
        *_other_python(solved.python),
    )
    return Solved(text, lock, findings)


def _pinned(need: Need, versions: dict[str, str]) -> Need:
    version = versions.get(canonicalize_name(need.distribution), "").partition("+")[0]
    if need.specifier.startswith("==") or not version:
        return need
    return replace(need, specifier=f"=={version}", why=need.why or "the newest that fits")


def _given_up(
    needs: Sequence[Need], taken: Sequence[Need], refusals: Sequence[Refused]
) -> Iterator[Finding]:
    lost = [need.line for need, one in zip(needs, taken, strict=True) if need.line != one.line]
    if lost and refusals:
        why = textwrap.shorten(
            refusals[0].message, _LONGEST_REASON, placeholder=" …", break_on_hyphens=False
        )
        yield Finding(
            "init/versions-given-up",
            f"these trained the model and do not install together here: {_listed(lost)}: {why}",
            _WHERE,
            "the newest that fit are pinned instead: compare answers before you trust them",
            blocks=False,
        )


def _guessed(needs: Sequence[Need], pinned: Sequence[Need]) -> Iterator[Finding]:
    guessed = [
        one.line.partition(" ")[0]
        for need, one in zip(needs, pinned, strict=True)
        if not need.specifier
    ]
    if guessed:
        yield Finding(
            "init/version-unknown",
            "nothing says which version trained the model of these, now pinned: "
            f"{_listed(guessed)}",
            _WHERE,
            "write the versions of the training environment, or activate it and run init again",
            blocks=False,
        )


def _other_python(python: str) -> Iterator[Finding]:
    active = training_python()
    if active is not None and active != python:
        yield Finding(
            "init/other-python",
            f"the active environment has Python `{active}`, the package gets `{python}`",
            "ketch.toml: environment.python",
            "it is older than 3.9, not found on this machine, or these versions have no wheels"
            " for it: compare answers before you trust them",
            blocks=False,
        )


def _listed(lines: Iterable[str]) -> str:
    return ", ".join(f"`{line}`" for line in lines)


def requirements_in(text: str) -> Requirements:
    """Read the content of a ``requirements.txt``."""
    with temporary_folder("ketch-init-") as folder:
        (folder / "requirements.txt").write_text(text, "utf-8")
        return read_requirements(folder)
