"""The largest part of an upgrade that is safe: try all, find what breaks, leave it, try again.

What nobody asked for by name is safe where no answer changes; what somebody asked for, or an
advisory calls for, is safe where the contract is kept. The libraries that break it are found by
``ketch explain``: a smallest set of them that changes the answers when it moves alone. They stay
as they are, the rest is solved anew, and tried again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from packaging.version import Version

from ketch.authoring import prove_package
from ketch.compare.explain import Explanation, explain
from ketch.compare.explain import Options as Explaining
from ketch.compare.questions import Asked
from ketch.compare.upgrade.asking import Limits, Solved
from ketch.compare.upgrade.effects import changing, effect
from ketch.compare.upgrade.moves import Held, Move, Reason, moves
from ketch.compare.upgrade.present import Present
from ketch.env import Lock
from ketch.errors import Refused, UsageError
from ketch.package import Package
from ketch.progress import Progress
from ketch.runtime import Home
from ketch.verify import Report

_NO_QUESTIONS = {"compare/no-inputs", "compare/no-outputs"}


class Solver(Protocol):
    """Says which lock could be."""

    @property
    def is_careful(self) -> bool:
        """Whether libraries that change answers stay behind."""
        ...

    def solve(self, limits: Limits) -> Solved:
        """Return a lock in which some libraries stay below a version, or as they are."""
        ...

    def limit(self, name: str, tried: str, times: int) -> Version | None:
        """Return below which version to look next for a library that broke something.

        Args:
            name: The library.
            tried: Its version that did.
            times: How many of its versions did so far.
        """
        ...


@dataclass(frozen=True)
class Trial:
    """What trying came to.

    Attributes:
        solved: The last lock that was tried.
        moves: What has another version in it.
        package: The candidate; None where nothing moves.
        behaviour: How its answers differ; None where there is nothing to ask, or to compare.
        report: What verification found; None where it was not worth the time.
        held: Library → why it is not at a later version.
        is_safe: Whether the candidate is one to keep.
    """

    solved: Solved
    moves: tuple[Move, ...]
    package: Package | None = None
    behaviour: Explanation | None = None
    report: Report | None = None
    held: Mapping[str, Held] = field(default_factory=dict)
    is_safe: bool = False


@dataclass
class Trying:
    """Tries locks until one is safe, or nothing is left to move.

    Attributes:
        present: What is there now.
        solver: Which lock could be.
        make: Makes the candidate with a lock.
        home: Whose environments are used.
        progress: Told what is being done.
        asked: Rows to ask; by default the scenarios.
        until: When the time is up, by the monotonic clock.
        offline: Whether only what lies on this machine is used.
    """

    present: Present
    solver: Solver
    make: Callable[[Lock], Package]
    home: Home
    progress: Progress
    asked: Asked | None = None
    until: float | None = None
    offline: bool = False

    def run(self) -> Trial:
        """Return the largest safe part, or the last that was not."""
        held: dict[str, Held] = {}
        limits: dict[str, Version | None] = {}
        times = Counter[str]()
        trial: Trial | None = None
        while True:
            self.progress.step("resolving the libraries")
            try:
                solved = self.solver.solve(limits)
            except Refused:
                if trial is None:
                    raise
                return replace(trial, held=held)  # what breaks is needed by what shall move
            found = moves(self.present.lock, solved.lock)
            if not found:
                return Trial(solved, (), held=held)
            if trial is not None and solved.lock == trial.solved.lock:
                return replace(trial, held=held)
            trial = self._tried(solved, found, held)
            guilty = {} if trial.is_safe else self._guilty(trial)
            if not guilty:
                return trial
            held |= guilty
            times.update(guilty.keys())
            limits |= {name: self._limit(name, why, times[name]) for name, why in guilty.items()}

    def _limit(self, name: str, why: Held, times: int) -> Version | None:
        return None if why.version is None else self.solver.limit(name, why.version, times)

    def _tried(self, solved: Solved, found: tuple[Move, ...], held: Mapping[str, Held]) -> Trial:
        package = self.make(solved.lock)
        behaviour = self._explained(package, self.asked)
        told = dict(held)
        changed = behaviour is not None and behaviour.changed
        if self.solver.is_careful and changed:
            return Trial(solved, found, package, behaviour, None, told)
        report = self._proved(package)
        return Trial(solved, found, package, behaviour, report, told, report.passed)

    def _proved(self, package: Package) -> Report:
        gathered = self.present.gathered
        samples = None if gathered is None else gathered.samples
        return prove_package(
            package, self.home, progress=self.progress, offline=self.offline, samples=samples
        )

    def _explained(self, package: Package, asked: Asked | None) -> Explanation | None:
        left = None if self.until is None else max(0.0, self.until - time.monotonic())
        options = Explaining(None, left, self.offline, ("now", "upgraded"), asked)
        try:
            return explain(self.present.package, package, self.home, options, self.progress)
        except UsageError as problem:
            if problem.code not in _NO_QUESTIONS or asked is not None:
                raise
            return None

    def _guilty(self, trial: Trial) -> dict[str, Held]:
        """Return the libraries that change the answers, each with the version that does."""
        found = trial.behaviour
        if self.asked is not None and trial.package is not None and not _changed(found):
            found = self._explained(trial.package, None)  # it is scenarios that break
        if found is None or not found.changed:
            return {}
        broken = trial.report is not None
        reason = Reason.CONTRACT if broken else Reason.ANSWERS
        counts = found.changed, found.rows, tuple(found.fields)
        return {
            one.name: Held(
                None if one.after is None else str(one.after),
                reason,
                effect(found, one.name),
                *counts,
            )
            for one in changing(found)
            if one.before is not None
        }


def _changed(found: Explanation | None) -> int:
    return 0 if found is None else found.changed
