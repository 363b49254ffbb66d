"""From the libraries a model needs to the environment it is looked at in.

The Python that runs ketch is tried first, then the others on this machine: a library may
want a newer one. The versions that were found are tried first, then any.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name

from ketch.authoring.drafting.needs import Need, relaxed
from ketch.authoring.drafting.templates import filled
from ketch.env import Lock, Requirements, Resolving, find_python, read_requirements, resolve
from ketch.errors import Finding, Refused, Unavailable
from ketch.files import temporary_folder
from ketch.progress import Progress

_OTHER_PYTHONS = ("3.12", "3.13", "3.11", "3.10", "3.14")
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
    refusal: Refused | None = None
    for attempt in (tuple(needs), relaxed(needs)):
        for python in pythons():
            try:
                lock = resolve(_read(render(attempt)), python, Resolving())
            except Refused as problem:
                if problem.code not in _WITHOUT_SOLUTION:
                    raise
                refusal = refusal or problem
                continue
            return _solved(attempt, python, lock, refusal if attempt != tuple(needs) else None)
    raise refusal or Unavailable("found no Python", code="env/python-missing")


def pythons() -> Iterator[str]:
    """Yield the Pythons on this machine that a package could run on, the best first."""
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for python in dict.fromkeys((running, *_OTHER_PYTHONS)):
        try:
            find_python(python, offline=True)
        except Unavailable:
            continue
        yield python


def render(needs: Iterable[Need]) -> str:
    """Return the content of ``requirements.txt``."""
    lines = [f"{need.line}  # {need.why}" if need.why else need.line for need in needs]
    return filled("folder/requirements.txt", {"lines": "\n".join(lines)})


def _solved(needs: tuple[Need, ...], python: str, lock: Lock, given_up: Refused | None) -> Solved:
    versions = {package.name: package.version for package in lock.packages}
    pinned = tuple(_pinned(need, versions) for need in needs)
    text = render(pinned)
    lock = replace(lock, inputs=_read(text).digest(python))
    return Solved(text, lock, tuple(_findings(needs, pinned, given_up)))


def _pinned(need: Need, versions: dict[str, str]) -> Need:
    version = versions.get(canonicalize_name(need.distribution), "").partition("+")[0]
    if need.specifier.startswith("==") or not version:
        return need
    return replace(need, specifier=f"=={version}", why=need.why or "the newest that fits")


def _findings(
    needs: Iterable[Need], pinned: Iterable[Need], given_up: Refused | None
) -> Iterator[Finding]:
    where = "requirements.txt"
    if given_up is not None:
        yield Finding(
            "init/versions-given-up",
            f"the versions that trained the model do not install here: {given_up.message[:300]}",
            where,
            "the newest ones are pinned instead: compare answers before you trust them",
            blocks=False,
        )
    guessed = [one.line for need, one in zip(needs, pinned, strict=True) if not need.specifier]
    if guessed:
        named = ", ".join(f"`{line.partition(' ')[0]}`" for line in guessed)
        yield Finding(
            "init/version-unknown",
            f"nothing says which version trained the model of these, now pinned: {named}",
            where,
            "write the versions of the training environment, or activate it and run init again",
            blocks=False,
        )


def _read(text: str) -> Requirements:
    with temporary_folder("ketch-init-") as folder:
        (folder / "requirements.txt").write_text(text, "utf-8")
        return read_requirements(folder)
