"""Newer libraries: all of them, or those that are named and what they need.

A package carries its lock, not the requirements that the lock was made from. So every library of
the lock is asked for, at its version or later: nothing is lost that its code may import, and
nothing becomes older so that something else can become newer. Of a folder, what it asks for holds
as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ketch.compare.upgrade.asking import (
    Limits,
    Solved,
    as_limits,
    bounded,
    is_exact,
    line_that_limits,
    moved,
    pinned,
    resolved,
)
from ketch.compare.upgrade.moves import Held, Reason, newest, versions
from ketch.compare.upgrade.present import Present
from ketch.env import Lock, Requirements, Resolving
from ketch.errors import Refused


@dataclass(frozen=True)
class Newest:
    """Looks for the newest libraries.

    Attributes:
        present: What is there now.
        named: The libraries to move; without any, all move.
        python: Another Python, such as ``3.13``; None for the one of now.
        offline: Whether only uv's cache is asked.
    """

    present: Present
    named: Sequence[Requirement] = ()
    python: str | None = None
    offline: bool = False

    @property
    def is_careful(self) -> bool:
        """Whether libraries that change answers stay behind: nobody asked for these ones."""
        return not self.named

    def limit(self, name: str, tried: str, times: int) -> Version | None:
        """Return where to look next for a library whose version changes answers.

        Before that major version; then in the major version of now; then at later patches of
        now; then nowhere. So no library is tried more than four times.
        """
        now = newest(versions(self.present.lock)[name])
        there = newest(tried)
        if now.epoch != there.epoch or now.release[:2] == there.release[:2]:
            return None
        if there.major > now.major:
            major = there.major if times == 1 else now.major + 1
            return Version(f"{now.epoch}!{major}")
        return Version(f"{now.epoch}!{now.major}.{now.minor + 1}")

    def solve(self, limits: Limits) -> Solved:
        """Return the newest lock in which some libraries stay below a version.

        Args:
            limits: Those libraries.

        Raises:
            Refused: There is none.
            Unavailable: Python or the package index cannot be reached.
        """
        lock = self._resolved(limits, self.present.requirements)
        return Solved(lock, self._limited(lock, limits))

    def _resolved(self, limits: Limits, wanted: Requirements | None) -> Lock:
        floors = self._floors(limits)
        if not self.named:
            return self._locked(floors, wanted, Resolving())
        exact = self._best(floors, wanted)
        # uv keeps the versions that it finds in a lock.
        others = tuple(pin for pin in self.present.lock.packages if pin.name not in self._names)
        how = Resolving(existing=replace(self.present.lock, packages=others))
        return self._locked(floors, wanted, how, exact)

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(canonicalize_name(one.name) for one in self.named)

    def _best(self, floors: tuple[str, ...], wanted: Requirements | None) -> tuple[str, ...]:
        """Return the requirements for the named libraries, as new as they can be.

        They are solved alone: beside the others, one of those might be chosen first.
        """
        pins = self.present.lock.packages
        lines = tuple(line for one in self.named for line in moved(one, pins))
        limits = () if wanted is None else as_limits((*wanted.lines, *wanted.constraints))
        alone = Requirements(self.present.said, lines, (*floors, *limits))
        best = resolved(self.present, alone, self._how(Resolving()), self.python)
        return tuple(pinned(pin) for pin in best.packages if pin.name in self._names)

    def _floors(self, limits: Limits) -> tuple[str, ...]:
        """Return the requirements that nothing becomes older, but what shall be one version."""
        exact = {canonicalize_name(one.name) for one in self.named if is_exact(one)}
        pins = self.present.lock.packages
        return tuple(
            bounded(pin, limits) for pin in pins if pin.name in limits or pin.name not in exact
        )

    def _locked(
        self,
        floors: tuple[str, ...],
        wanted: Requirements | None,
        how: Resolving,
        exact: tuple[str, ...] = (),
    ) -> Lock:
        """Return the lock for every library, or for what a folder asks for."""
        if wanted is None:
            asked = Requirements(source=self.present.said, lines=(*exact, *floors))
        else:
            lines, limits = (*exact, *wanted.lines), (*wanted.constraints, *floors)
            asked = replace(wanted, lines=lines, constraints=limits, uv_lock=None)
        return resolved(self.present, asked, self._how(how), self.python)

    def _how(self, how: Resolving) -> Resolving:
        return replace(how, source_builds=self.present.lock.source_builds, offline=self.offline)

    def _limited(self, lock: Lock, limits: Limits) -> dict[str, Held]:
        """Return what the folder's own requirements keep from being newer."""
        wanted = self.present.requirements
        if wanted is None or not any(as_limits((*wanted.lines, *wanted.constraints))):
            return {}
        try:
            free = versions(self._resolved(limits, None))
        except Refused:  # without the folder's limits nothing fits together: nothing to compare
            return {}
        there = versions(lock)
        found = {}
        for name, version in free.items():
            is_meant = name in there and (not self.named or name in self._names)
            if is_meant and newest(there[name]) < newest(version):
                why = line_that_limits(name, wanted)
                found[name] = Held(version, Reason.REQUIREMENTS, why)
        return found
