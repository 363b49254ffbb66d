"""The order of an upgrade: read, solve, try, keep what is safe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from ketch.authoring import Options as Building
from ketch.authoring import target_package
from ketch.authoring.locking import keep_lock
from ketch.authoring.pack import tag_package
from ketch.authoring.prove import keep_report
from ketch.authoring.published import check_unpublished
from ketch.compare.questions import Asked, ask_file
from ketch.compare.upgrade.advisories import Advisory, known, read_advisories
from ketch.compare.upgrade.candidate import make_candidate, next_candidate
from ketch.compare.upgrade.moves import moves, versions
from ketch.compare.upgrade.newest import Newest
from ketch.compare.upgrade.options import Options, check_folder, check_options, named_libraries
from ketch.compare.upgrade.present import Present
from ketch.compare.upgrade.safest import Safest
from ketch.compare.upgrade.trying import Trial, Trying
from ketch.compare.upgrade.upgraded import Upgraded
from ketch.compare.upgrade.verdict import changes, findings
from ketch.env import Lock
from ketch.files import check_place
from ketch.package import Package, PackageVersion
from ketch.progress import Progress, Silent
from ketch.runtime import Home
from ketch.store import write_archive


def upgrade(
    target: str,
    *,
    home: Home | Path | str | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Upgraded:
    """Make a candidate with a newer lock, and say what that changes.

    The candidate of a package is stored as ``ketch pack`` stores one: under a version of its
    own, verified, not published. That of a folder gets no name.

    Args:
        target: A reference, an archive or a folder.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        options: What to upgrade, and how.
        progress: Told what is being done.

    Raises:
        UsageError: The options do not fit the package, or a file is not what it should be.
        Refused: No set of versions satisfies what is asked for.
        Unavailable: The package index, a disk or an interpreter cannot be reached.
    """
    began = time.monotonic()
    home, chosen, told = Home.of(home), options or Options(), progress or Silent()
    check_options(target, chosen)
    advisories = None if chosen.security is None else read_advisories(chosen.security)
    if chosen.archive is not None:
        check_place(chosen.archive)
    building = Building(offline=chosen.offline)
    package, gathered = target_package(target, home, building, told, install=not chosen.check)
    present = Present(package, target, gathered)
    check_folder(present, chosen)
    work = _Work(present, home, chosen, told, advisories, began)
    trial = work.trial()
    found = work.told_of(trial)
    if trial.is_safe and trial.package is not None:
        found = work.kept(found, trial, trial.package)
    return replace(found, duration_s=time.monotonic() - began)


@dataclass(frozen=True)
class _Work:
    """One upgrade: what there is now, and what is asked for."""

    present: Present
    home: Home
    chosen: Options
    progress: Progress
    advisories: Sequence[Advisory] | None
    began: float

    def trial(self) -> Trial:
        """Return what trying came to; with ``--check``, what would be tried."""
        chosen, solver = self.chosen, self._solver()
        if chosen.check:
            self.progress.step("resolving the libraries")
            solved = solver.solve({})
            return Trial(solved, moves(self.present.lock, solved.lock))
        until = None if chosen.budget_s is None else self.began + chosen.budget_s
        return Trying(
            self.present,
            solver,
            self._make,
            self.home,
            self.progress,
            asked=self._asked(),
            until=until,
            offline=chosen.offline,
        ).run()

    def _asked(self) -> Asked | None:
        if self.chosen.inputs is not None:
            return ask_file(self.chosen.inputs, self.present.package)
        return None if self.chosen.ask is None else self.chosen.ask(self.present.package)

    def _solver(self) -> Newest | Safest:
        present, chosen = self.present, self.chosen
        if self.advisories is not None:
            return Safest(present, self.advisories, chosen.python, chosen.offline)
        named = tuple(named_libraries(chosen.packages, present))
        return Newest(present, named, chosen.python, chosen.offline)

    def _make(self, lock: Lock) -> Package:
        """Return a candidate: what is verified is what will be kept, its version included."""
        package, home, chosen = self.present.package, self.home, self.chosen
        if self.present.gathered is not None:
            return make_candidate(package, lock, home)
        if chosen.version is None:
            return next_candidate(package, lock, home, offline=chosen.offline)
        made = make_candidate(package, lock, home, version=PackageVersion.parse(chosen.version))
        check_unpublished(made, home, offline=chosen.offline)  # before the work, not after it
        return made

    def told_of(self, trial: Trial) -> Upgraded:
        """Return what there is to say of a trial."""
        now = {} if self.advisories is None else known(self.present.lock, self.advisories)
        moved, checked = changes(self.present, trial, now), self.chosen.check
        return Upgraded(
            self.present.package,
            self.present.said,
            len(versions(self.present.lock)),
            moved,
            behaviour=trial.behaviour,
            report=trial.report,
            advisories=None if self.advisories is None else tuple(chain(*now.values())),
            findings=tuple(findings(moved, trial, now, checked=checked)),
            checked=checked,
            named=self.chosen.packages,
            folder=self.present.gathered is not None,
        )

    def kept(self, found: Upgraded, trial: Trial, candidate: Package) -> Upgraded:
        """Give the candidate its name; of a folder, write the lock where that was asked for."""
        home, chosen, gathered = self.home, self.chosen, self.present.gathered
        if trial.report is not None:
            keep_report(trial.report, candidate, home)
        if gathered is not None:
            if chosen.write:
                lock = replace(trial.solved.lock, inputs=self.present.inputs)
                keep_lock(gathered.folder, lock)
            return replace(found, candidate=candidate, written=chosen.write)
        notes = (
            *check_unpublished(candidate, home, offline=chosen.offline),
            *tag_package(candidate, home, Building(offline=chosen.offline)),
        )
        if chosen.archive is not None:
            self.progress.step(f"writing {chosen.archive.name}")
            name = candidate.reference
            write_archive(home.store, candidate.descriptor, chosen.archive, name=name)
        return replace(found, candidate=candidate, findings=(*found.findings, *notes))
