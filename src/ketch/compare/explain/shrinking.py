"""The smallest set of changes that makes the whole difference.

Delta debugging: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
IEEE Transactions on Software Engineering 28(2), 2002: algorithm ``ddmin``. What is found is
1-minimal: without any one of its changes, the difference is another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

Change = TypeVar("Change")

FEW = 3
"""So many of the likeliest changes are first tried alone."""


class OutOfTime(Exception):  # nothing is wrong: it ends a search that has a budget
    """That the time is up; raised by a test."""


@dataclass(frozen=True, slots=True)
class Shrunk(Generic[Change]):
    """What a search found.

    Attributes:
        changes: A set that makes the whole difference, in the order they were given.
        is_smallest: Whether it is 1-minimal; otherwise the time was up.
        tests: How many sets were tried.
    """

    changes: tuple[Change, ...]
    is_smallest: bool
    tests: int


def shrink(
    changes: Sequence[Change], makes_it: Callable[[frozenset[Change]], bool]
) -> Shrunk[Change]:
    """Return a smallest set of changes that still makes the difference.

    Args:
        changes: All of them, the likeliest first; together they make it.
        makes_it: Whether some changes make it. A set that cannot be tried does not.
            It may raise :class:`OutOfTime`: what was found until then is returned.

    >>> shrink("abcdefgh", lambda some: {"c", "g"} <= some).changes
    ('c', 'g')
    """
    search = _Search(tuple(changes), makes_it)
    try:
        search.try_few()
        search.ddmin()
    except OutOfTime:
        return Shrunk(search.best, is_smallest=False, tests=len(search.tried))
    return Shrunk(search.best, is_smallest=True, tests=len(search.tried))


class _Search(Generic[Change]):
    def __init__(
        self, changes: tuple[Change, ...], makes_it: Callable[[frozenset[Change]], bool]
    ) -> None:
        self.best = changes
        self.tried: dict[frozenset[Change], bool] = {}
        self._makes_it = makes_it

    def try_few(self) -> None:
        for change in self.best[:FEW] if len(self.best) > 1 else ():
            if self._keep((change,)):
                return

    def ddmin(self) -> None:
        parts = 2
        while len(self.best) > 1:
            pieces = _split(self.best, parts)
            if any(self._keep(piece) for piece in pieces):
                parts = 2
            elif any(self._keep(self._without(piece)) for piece in pieces):
                parts = max(parts - 1, 2)
            elif parts < len(self.best):
                parts = min(2 * parts, len(self.best))
            else:
                return

    def _without(self, piece: tuple[Change, ...]) -> tuple[Change, ...]:
        return tuple(change for change in self.best if change not in piece)

    def _keep(self, some: tuple[Change, ...]) -> bool:
        """Keep a smaller set if it makes the difference, and say so."""
        key = frozenset(some)
        if not key or len(key) == len(self.best):
            return False
        if key not in self.tried:
            self.tried[key] = self._makes_it(key)
        if self.tried[key]:
            self.best = some
        return self.tried[key]


def _split(changes: tuple[Change, ...], parts: int) -> list[tuple[Change, ...]]:
    size, more = divmod(len(changes), parts)
    ends = [0]
    for at in range(parts):
        ends.append(ends[-1] + size + (at < more))
    return [changes[a:b] for a, b in pairwise(ends)]
