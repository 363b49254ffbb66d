"""The break that a cause is looked for, and how near to it something happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import exp

import numpy as np
from numpy.typing import NDArray

from ketch.compare.incident.breaking import Found, told
from ketch.compare.incident.change_point import ChangePoint
from ketch.compare.incident.contrast import explained
from ketch.compare.incident.period import Period
from ketch.compare.incident.seen import Seen
from ketch.compare.incident.series import Level, Series
from ketch.compare.incident.value import Break

Labels = NDArray[np.object_]

UNKNOWN = 0.6
"""In place of the part of the change that goes with something, where nothing tells."""
_LEAST = 0.1


@dataclass(frozen=True, slots=True)
class Case:
    """A break, and the decisions around it.

    Attributes:
        route: The route.
        seen: The decisions.
        found: What broke.
    """

    route: str
    seen: Seen
    found: Found

    @property
    def period(self) -> Period:
        """When."""
        return self.seen.period

    @property
    def series(self) -> Series:
        """What broke."""
        return self.found.series

    @property
    def change(self) -> ChangePoint:
        """When it broke."""
        return self.found.change

    @property
    def broke(self) -> Break:
        """The same with its times."""
        return told(self.found, self.period)

    def near(self, when: datetime) -> float:
        """Return how near before the break something was: 1 at the break, 0 after it.

        An hour before a break in a window of six, it is a third.
        """
        first, last = self.broke.interval
        if when > last + self.period.step:
            return 0.0
        reach = (self.period.until - self.period.since) / 6
        return exp(-max((first - self.period.step - when) / reach, 0.0))

    def score(self, when: datetime, part: float | None, most: float = 1.0) -> float:
        """Return how likely something of a time is the cause.

        Args:
            when: When it happened.
            part: Which part of the change goes with it; None where nothing tells.
            most: The highest that a cause of its kind can have.
        """
        weight = UNKNOWN if part is None else part
        return most * self.near(when) * (_LEAST + (1 - _LEAST) * weight)

    def by_package(self) -> tuple[dict[str, Level], dict[str, Level]]:
        """Return what broke before and after, of each package."""
        at = self.change.index
        each = self.series.packages.items()
        size = len(self.series.amounts.sums)
        return (
            {name: one.within(0, at) for name, one in each},
            {name: one.within(at, size) for name, one in each},
        )

    def by_label(self, labels: Labels) -> tuple[dict[str, Level], dict[str, Level]] | None:
        """Return what broke before and after, of decisions with each label.

        None where what broke is no matter of single decisions.
        """
        hits, among = self.series.hits, self.series.among
        if hits is None or among is None:
            return None
        is_after = self.seen.index >= self.change.index
        sides: list[dict[str, Level]] = []
        for side in (~is_after, is_after):
            kept = among & side
            names, place = np.unique(labels[kept], return_inverse=True)
            sums = np.bincount(place, hits[kept], minlength=len(names))
            weights = np.bincount(place, minlength=len(names))
            sides.append(
                {
                    str(name): Level(float(total), float(weight))
                    for name, total, weight in zip(names, sums, weights, strict=True)
                }
            )
        return sides[0], sides[1]

    def part_of(self, labels: Labels) -> float | None:
        """Return which part of the change the shares of labels make; None where nothing tells."""
        sides = self.by_label(labels)
        return None if sides is None else explained(*sides)

    def changed(self, when: ChangePoint) -> datetime:
        """Return when another series changed."""
        return self.period.time(when.index)

    def is_near(self, other: ChangePoint) -> bool:
        """Whether another series can have changed no later than this one broke."""
        return other.first <= self.change.last + 1
