"""The mixtures of two packages, run: which exist, and what each of them answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeVar

from ketch.compare.explain.attribution import Mixture
from ketch.compare.explain.behaviour import Behaviour, Failed, Place, Yardstick
from ketch.compare.explain.explanation import INCOMPATIBLE, NOT_RUN, Tried
from ketch.compare.explain.mixing import MIXED, Mixer, Pieces
from ketch.compare.explain.running import Laboratory, reason
from ketch.compare.explain.shrinking import OutOfTime
from ketch.errors import KetchError, Unavailable, UsageError
from ketch.progress import Progress
from ketch.runtime.machine import cores
from ketch.schema import rows_that_differ

AT_ONCE = 2
"""Mixtures that are run at the same time, where there are processors."""

Done = TypeVar("Done")


@dataclass
class Study:
    """What is known of the mixtures of two packages.

    Attributes:
        mixer: Makes them.
        lab: Runs them.
        progress: Told what is being done.
        until: When the time is up, by the monotonic clock; None for never.
        behaviours: Mixture → what it answers, for those that exist.
        problems: Mixture → why it does not exist.
    """

    mixer: Mixer
    lab: Laboratory
    progress: Progress
    until: float | None = None
    behaviours: dict[Mixture, Behaviour] = field(default_factory=dict)
    problems: dict[Mixture, str] = field(default_factory=dict)
    noise: frozenset[Place] = frozenset()
    _between: dict[tuple[Mixture, Mixture], frozenset[Place]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.yardstick = Yardstick.of(self.mixer.a, self.mixer.b)
        self.sizes = [len(question.rows) for question in self.lab.questions]
        self.everything: Mixture = frozenset(self.mixer.differing)

    def run_ends(self) -> None:
        """Run A and B, each question twice: what is not steady says nothing of the change.

        Raises:
            KetchError: One of them cannot be run here.
        """
        self.progress.step("asking both packages")
        ends = (frozenset[str](), self.everything)
        for mixture, found in zip(ends, self.at_once(self._end, ends), strict=True):
            self.behaviours[mixture] = found
            self.noise |= frozenset(found.unsteady)
        self.lab.at_once = all(self.behaviours[one].at_once for one in ends)

    def run_others(self) -> None:
        """Run every other mixture, those with few components of B first, while there is time."""
        others = list(_between(self.everything))
        for number, _ in enumerate(self.at_once(self._try, others), 1):
            self.progress.step(f"mixtures: {number} of {len(others)} run")

    def parted(self, one: Behaviour, other: Behaviour) -> frozenset[Place]:
        """Return the rows that two behaviours answer otherwise, but for unsteady ones."""
        return self.yardstick.parted(one, other, self.sizes) - self.noise

    def between(self, one: Mixture, other: Mixture) -> frozenset[Place]:
        """Return the rows that two mixtures answer otherwise."""
        if (one, other) not in self._between:
            found = self.parted(self.behaviours[one], self.behaviours[other])
            self._between[one, other] = found
        return self._between[one, other]

    def fields(self) -> dict[str, int]:
        """Return in how many rows B answers each output otherwise, the most first."""
        a, b = (self.behaviours[one].replies for one in (frozenset[str](), self.everything))
        both = [
            (at, one.rows, other.rows)
            for at, (one, other) in enumerate(zip(a, b, strict=True))
            if len(one.rows) == len(other.rows)
        ]
        names = (
            field.name
            for field in sorted(self.yardstick.fields, key=lambda one: one.name)
            for at, one, other in both
            for row in rows_that_differ((field,), one, other)
            if (at, row) not in self.noise
        )
        return dict(Counter(names).most_common())

    def run(self, pieces: Pieces) -> Behaviour:
        """Run a mixture, if there is time.

        Raises:
            OutOfTime: There is none.
            KetchError: It cannot be made, or its environment cannot.
        """
        self.check_time()
        return self.lab.behaviour(self.mixer.package(pieces))

    def check_time(self) -> None:
        """Raise :class:`OutOfTime` when the time is up."""
        if self.until is not None and time.monotonic() > self.until:
            raise OutOfTime

    def tried(self) -> Iterator[Tried]:
        """Yield what became of every mixture, from A to B."""
        a = self.behaviours[frozenset()]
        for mixture in (frozenset[str](), *_between(self.everything), self.everything):
            names = tuple(name for name in MIXED if name in mixture)
            if mixture in self.problems:
                yield Tried(names, INCOMPATIBLE, problem=self.problems[mixture])
            elif mixture not in self.behaviours:
                yield Tried(names, NOT_RUN)
            else:
                found = self.behaviours[mixture]
                rows = len(self.between(frozenset(), mixture))
                yield Tried(names, rows=rows, moved=self.yardstick.moved(a, found))

    def failures(self) -> tuple[str | None, str | None]:
        """Return what A, and what B, said first when it did not answer."""
        ends = (self.behaviours.get(one) for one in (frozenset[str](), self.everything))
        first = [next(iter(found.failures), None) if found else None for found in ends]
        a, b = (None if one is None else _told(one) for one in first)
        return a, b

    def at_once(self, do: Callable[[Mixture], Done], these: Sequence[Mixture]) -> Iterator[Done]:
        """Yield what comes of each, in their order; two are done at the same time."""
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, cores())) as pool:
            try:
                yield from pool.map(do, these)
            except BaseException as problem:
                pool.shutdown(wait=False, cancel_futures=True)
                if not isinstance(problem, Exception):  # Ctrl-C: nobody waits for the others
                    self.lab.stop()
                raise

    def _end(self, mixture: Mixture) -> Behaviour:
        package = self.mixer.package(self.mixer.pieces(mixture))
        return self.lab.behaviour(package, twice=True)

    def _try(self, mixture: Mixture) -> None:
        try:
            found = self.run(self.mixer.pieces(mixture))
        except OutOfTime:
            return
        except (UsageError, Unavailable):
            raise
        except KetchError as problem:
            self.problems[mixture] = reason(problem)
            return
        misfit = self._misfit(found)
        if misfit is None:
            self.behaviours[mixture] = found
        else:
            self.problems[mixture] = _told(misfit)

    def _misfit(self, found: Behaviour) -> Failed | None:
        """Return why a mixture fails where A and B both answer: its parts do not fit."""
        a, b = (self.behaviours[one].replies for one in (frozenset[str](), self.everything))
        for reply, one, other in zip(found.replies, a, b, strict=True):
            if reply.failed is not None and one.failed is None and other.failed is None:
                return reply.failed
        return None


def _between(everything: Iterable[str]) -> Iterator[Mixture]:
    names = [name for name in MIXED if name in set(everything)]
    for size in range(1, len(names)):
        yield from map(frozenset, combinations(names, size))


def _told(failed: Failed) -> str:
    did = "" if failed.loads else "it does not load: "
    at = f" (at `{failed.where}`)" if failed.where and failed.where not in failed.message else ""
    return f"{did}{failed.message.splitlines()[0]}{at}"
