"""Which versions an advisory speaks of, and the lowest that are free of it.

The rules are those of the `OSV schema <https://ossf.github.io/osv-schema/#evaluation>`_; versions
are compared as PEP 440 says. All of it is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

FIRST = Version("0.dev0")
"""What OSV writes as ``0``: a version before every other."""

Place = tuple[Version, bool]
"""A place among versions: at one, or right after it."""


@dataclass(frozen=True, slots=True)
class Event:
    """A place from which on versions are affected, or are not any more.

    Attributes:
        at: The place: ``fixed`` and ``introduced`` hold from their version on, ``last_affected``
            holds right after it.
        is_affected: Whether versions from there on are affected.
    """

    at: Place
    is_affected: bool


@dataclass(frozen=True, slots=True)
class Range:
    """Events, and where they end to count.

    Attributes:
        events: In any order.
        limits: Only versions before one of these are meant; without any, all are.
    """

    events: tuple[Event, ...]
    limits: tuple[Version, ...] = ()

    def holds(self, place: Place) -> bool:
        """Whether what is at a place is affected."""
        if self.limits and place >= (max(self.limits), False):
            return False
        affected = False
        for event in sorted(self.events, key=lambda event: event.at):
            if event.at <= place:
                affected = event.is_affected
        return affected

    def ends(self) -> Iterator[Place]:
        """Yield the places at which something may begin or end."""
        yield from (event.at for event in self.events)
        yield from ((limit, False) for limit in self.limits)


@dataclass(frozen=True, slots=True)
class Affected:
    """The versions of one library that an advisory speaks of.

    Attributes:
        ranges: Ranges of versions.
        versions: Single versions, whatever the ranges say.
    """

    ranges: tuple[Range, ...] = ()
    versions: frozenset[Version] = frozenset()

    def holds(self, version: Version) -> bool:
        """Whether a version is affected; what follows a ``+`` in it counts for nothing."""
        public = Version(version.public)
        return public in self.versions or any(one.holds((public, False)) for one in self.ranges)


@dataclass(frozen=True, slots=True)
class Span:
    """Versions that are free of every advisory.

    Attributes:
        low: Where they begin.
        high: The first version that is affected again; None where none is.
        without: Versions in between that are affected.
    """

    low: Place
    high: Version | None = None
    without: tuple[Version, ...] = ()

    def __str__(self) -> str:
        """Return the span as PEP 440 writes it: ``>=2.0,<3,!=2.1``."""
        version, is_after = self.low
        parts = [f"{'>' if is_after else '>='}{version}"]
        parts += [f"<{self.high}"] if self.high is not None else []
        return ",".join([*parts, *(f"!={one}" for one in self.without)])


def free_spans(current: Version, affected: Sequence[Affected]) -> tuple[Span, ...]:
    """Return where no version from the current one on is affected, the lowest first.

    Args:
        current: The version that is there now.
        affected: What all advisories say of its library.

    >>> fixed = [Event((FIRST, False), True), Event((Version("2.1"), False), False)]
    >>> [str(one) for one in free_spans(Version("1.0"), [Affected((Range(tuple(fixed)),))])]
    ['>=2.1']
    """
    here: Place = (Version(current.public), False)
    ranges = [one for each in affected for one in each.ranges]
    ends = sorted({here, *(end for one in ranges for end in one.ends() if end > here)})
    single = sorted({one for each in affected for one in each.versions if one >= here[0]})
    spans = []
    low: Place | None = None
    for end in ends:
        if any(one.holds(end) for one in ranges):
            if low is not None:
                spans.append(_span(low, end[0], single))
            low = None
        elif low is None:
            low = end
    return (*spans, _span(low, None, single)) if low is not None else tuple(spans)


def _span(low: Place, high: Version | None, single: Iterable[Version]) -> Span:
    inside = (one for one in single if one >= low[0] and (high is None or one < high))
    return Span(low, high, tuple(inside))
