"""Which of many measures broke, and when: none by chance more often than is said.

All changes of one question together have a risk of 5 %: each p-value is multiplied by the
number of measures that were looked at (Bonferroni), and is told so. A change is looked for
everywhere, and once more only where the history says that something happened: there are few
such places, so that less evidence is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ketch.compare.incident.change_point import ChangePoint
from ketch.compare.incident.period import Period
from ketch.compare.incident.series import OTHER, Series
from ketch.compare.incident.value import Break

RISK = 0.05
_DEEPEST = 1
"""Changes before and after the strongest are looked for, and none before and after those."""
_FEWEST_HITS = 5


@dataclass(frozen=True, slots=True)
class Found:
    """A series and one of its changes."""

    series: Series
    change: ChangePoint

    @property
    def is_worse(self) -> bool | None:
        """Whether it got worse; None where nobody can say."""
        if self.series.worse is None:
            return None
        return (self.change.after > self.change.before) == (self.series.worse == "higher")


@dataclass(frozen=True, slots=True)
class _Test:
    """How changes are told from chance.

    Attributes:
        tried: How many series are looked at.
        risk: That any of them shows a change although there is none.
        places: The stretches in which something is known to have happened.
    """

    tried: int
    risk: float
    places: Sequence[int]

    def of(self, series: Series, begin: int, end: int, parts: int) -> ChangePoint | None:
        """Return the strongest change that is no chance; one at a known place needs less."""
        found = [series.change(begin, end)]
        if self.places:
            found.append(series.change(begin, end, self.places))
        p_values = self.tried * len(found) * parts
        rare = (
            replace(one, p_value=one.p_value * p_values)
            for one in found
            if one is not None and one.is_step and one.p_value * p_values <= self.risk
        )
        return max(rare, key=lambda one: one.strength, default=None)


def changes(all_: Sequence[Series], risk: float, places: Sequence[int] = ()) -> list[Found]:
    """Return every change of every series that is no chance, the strongest first.

    Args:
        all_: The series that are looked at.
        risk: That any of them shows a change although there is none.
        places: Stretches in which something is known to have happened.
    """
    test = _Test(len(all_), risk, places)
    found = [one for series in all_ for one in _of(series, test, 0, None, _DEEPEST)]
    return sorted(found, key=lambda one: -one.change.strength)


def _of(series: Series, test: _Test, begin: int, end: int | None, deep: int) -> Iterator[Found]:
    end = len(series.amounts.sums) if end is None else end
    parts = 1 if deep == _DEEPEST else 2
    change = test.of(series, begin, end, parts) if _has_enough(series, begin, end) else None
    if change is None:
        return
    yield Found(series, change)
    if deep:
        yield from _of(series, test, begin, change.index, deep - 1)
        yield from _of(series, test, change.index, end, deep - 1)


def _has_enough(series: Series, begin: int, end: int) -> bool:
    level = series.amounts.within(begin, end)
    return series.kind == "mean" or min(level.sum, level.weight - level.sum) >= _FEWEST_HITS


def chosen(found: Sequence[Found], period: Period, at: datetime) -> Found | None:
    """Return what broke: what people suffer by first, and what began before the time asked for.

    Args:
        found: All changes, the strongest first.
        period: When.
        at: The time that was asked for.
    """
    last = period.index(at)
    return min(
        found,
        key=lambda one: (
            one.series.tier == OTHER,
            one.is_worse is False,
            one.series.tier,
            one.change.index > last,
            -one.change.strength,
        ),
        default=None,
    )


def told(found: Found, period: Period) -> Break:
    """Return a change with its times."""
    change = found.change
    return Break(
        found.series.name,
        found.series.kind,
        period.time(change.index),
        (period.time(change.first), period.time(change.last) + period.step),
        change.before,
        change.after,
        min(change.p_value, 1.0),
        found.is_worse,
    )
