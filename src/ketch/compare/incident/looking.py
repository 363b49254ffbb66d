"""Everything that is looked at of a route in a period: decisions, outcomes, and their series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ketch.compare.incident.fields import followed
from ketch.compare.incident.period import Period
from ketch.compare.incident.seen import Seen, seen
from ketch.compare.incident.series import Series
from ketch.compare.incident.symptoms import answers, measured, outcome, traffic
from ketch.compare.incident.telling import Telling, telling
from ketch.monitor.metrics.attribution import Attribution
from ketch.registry import Policy


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What there is of a period.

    Attributes:
        found: The decisions and outcomes, to be asked more.
        seen: The decisions in columns.
        told: How the outcomes of each name were told.
        series: Every measure over time.
    """

    found: Attribution
    seen: Seen
    told: tuple[Telling, ...]
    series: tuple[Series, ...]


@contextmanager
def looking(
    logs: Sequence[Path], route: str, period: Period, policy: Policy, now: datetime
) -> Iterator[Looked]:
    """Yield what there is of a route in a period, as it is known now.

    Args:
        logs: The decision logs, with the outcomes beside them.
        route: The route.
        period: When.
        policy: The rules of the route, which name metrics and limits.
        now: What was told later is not seen.

    Raises:
        Unavailable: ``decisions/busy``, ``outcomes/…``, ``disk/…``.
    """
    reach = period.until - period.since
    end = min(now, period.until + reach)
    with Attribution(logs, route, period.since, period.until, now=end, most=reach) as found:
        names = sorted(found.names)
        decided = seen(found, route, period, names)
        told = tuple(telling(logs, decided, name, now) for name in names)
        series = (
            *answers(decided, policy),
            *(outcome(decided, one, policy) for one in told),
            *measured(found, policy, period),
            traffic(decided),
            *(one.series for one in followed(found, period, "output")),
        )
        yield Looked(found, decided, told, series)
