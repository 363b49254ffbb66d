"""How outcomes were told: up to when they are complete, and whether they came late.

An outcome that is still on its way looks as if nothing had happened. So answers count only as
far as outcomes of their time are complete, and outcomes that are told later than before, or
no longer, are themselves something that is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from ketch.compare.incident.change_point import ChangePoint
from ketch.compare.incident.period import Period
from ketch.compare.incident.seen import Ints, Seen
from ketch.compare.incident.series import OTHER, Series, gathered
from ketch.monitor.outcomes import Outcomes
from ketch.monitor.outcomes.outcome import instant, microseconds

_MOST_LAGS = 0.9
"""An answer has its outcome when it came as soon as this part of all."""
_NEWEST = 200
_IN_ORDER = 0.95
_EXPECTED = 8.0
"""So many outcomes would have to be there before their want says anything."""
_LATER = 2.0
_LITTLE = 20
"""A twentieth of the period that outcomes lag behind is nothing to speak of."""


@dataclass(frozen=True, slots=True, eq=False)
class Telling:
    """How the outcomes of one name were told.

    Attributes:
        name: Which.
        horizon: An outcome counts if it came so soon after its answer.
        complete_until: Answers before this time have all of theirs.
        latest: When the latest of them happened; None where there is none.
        expected: How many answers since any was told would have one, had all gone on.
        delays: The time between happening and being told, in seconds, by stretch.
        late: When they began to be told later; None where they did not.
    """

    name: str
    horizon: timedelta
    complete_until: datetime
    latest: datetime | None
    expected: float
    delays: Series
    late: ChangePoint | None

    def is_complete(self, period: Period) -> bool:
        """Whether next to nothing of a period is missing."""
        return period.until - self.complete_until <= (period.until - period.since) / _LITTLE

    @property
    def is_silent(self) -> bool:
        """Whether none is told any more."""
        return self.expected >= _EXPECTED


def telling(logs: Sequence[Path], seen: Seen, name: str, now: datetime) -> Telling:
    """Return how the outcomes of a name were told until now.

    Args:
        logs: The decision logs that they lie beside.
        seen: The decisions of the period.
        name: Of the outcomes.
        now: When it is asked.
    """
    period = seen.period
    at, told = _times(logs, seen, name, now)
    lags = seen.lags[name]
    came = lags[lags >= 0]
    most = period.until - period.since
    usual = timedelta(microseconds=float(np.quantile(came, _MOST_LAGS))) if len(came) else most
    horizon = min(max(usual, period.step), most / 3)
    if not len(at):
        return Telling(name, horizon, period.since, None, 0.0, _delays(period, at, told), None)
    frontier = instant(int(at.max()) - _disorder(at))
    complete = min(frontier - horizon, period.until)
    delays = _delays(period, at, told)
    latest, heard = instant(int(at.max())), instant(int(told.max()))
    expected = _expected(seen, name, max(latest, heard), horizon, now)
    return Telling(name, horizon, complete, latest, expected, delays, _late(period, delays))


def _times(logs: Sequence[Path], seen: Seen, name: str, now: datetime) -> tuple[Ints, Ints]:
    """Return when outcomes happened and when they were told, in the order of telling."""
    period = seen.period
    until = min(now, period.until + (period.until - period.since))
    columns = []
    for log in logs:
        with Outcomes(log) as known:
            some = known.of_route(seen.route, period.since, until, name=name)
            columns.append(np.stack([some.at, some.told]))
    at, told = np.concatenate(columns, axis=1)
    kept = told <= microseconds(now)
    order = np.lexsort((at[kept], told[kept]))
    return at[kept][order], told[kept][order]


def _disorder(at: Ints) -> int:
    """Return by how much outcomes come after later ones, in microseconds.

    Those that are told at once, such as a file, are in order among themselves.
    """
    behind = np.maximum.accumulate(at) - at
    return int(np.quantile(behind[-_NEWEST:], _IN_ORDER))


def _expected(seen: Seen, name: str, heard: datetime, horizon: timedelta, now: datetime) -> float:
    """Return how many outcomes the answers since any was told would have had."""
    lags = seen.lags[name]
    before = seen.us < microseconds(heard - horizon)
    end = microseconds(min(now, seen.period.until) - horizon)
    since = (seen.us >= microseconds(heard)) & (seen.us < end)
    had = (lags[before] >= 0) & (lags[before] <= horizon / timedelta(microseconds=1))
    return float(had.mean() * since.sum()) if before.any() else 0.0


def _delays(period: Period, at: Ints, told: Ints) -> Series:
    step = period.step / timedelta(microseconds=1)
    index = (at // step).astype(np.int64) - period.first
    inside = (index >= 0) & (index < len(period))
    seconds = np.log1p(np.maximum(told - at, 0)[inside] / 1e6)
    amounts = gathered(index[inside], seconds, len(period))
    return Series("delay", "mean", amounts, tier=OTHER)


def _late(period: Period, delays: Series) -> ChangePoint | None:
    found = delays.change()
    if found is None or found.p_value > 0.01:
        return None
    before, after = np.expm1(found.before), np.expm1(found.after)
    is_later = after > _LATER * before and after - before > period.step.total_seconds()
    return found if is_later else None
