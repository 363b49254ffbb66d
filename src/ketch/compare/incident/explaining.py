"""From a route and a time to what broke then, and to what changed around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch.compare.incident.breaking import RISK, Found, changes, chosen, told
from ketch.compare.incident.causes import Case, errors, gateways, inputs, outcomes, packages, units
from ketch.compare.incident.causes.errors import kinds
from ketch.compare.incident.daily import did_so_before
from ketch.compare.incident.fields import Followed, followed
from ketch.compare.incident.looking import Looked, looking
from ketch.compare.incident.period import WINDOW, Period
from ketch.compare.incident.seen import Seen
from ketch.compare.incident.series import OTHER, Series
from ketch.compare.incident.value import Cause, Incident
from ketch.errors import KetchError, NotFound, UsageError
from ketch.progress import Progress, Silent
from ketch.registry import Desk, Event, Policy
from ketch.runtime import Home

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """Which incident is asked for.

    Attributes:
        route: The route.
        at: When something was seen to be wrong; None for now.
        metric: What was; None for what changed most.
        window: How far back it may have begun.
    """

    route: str
    at: datetime | None = None
    metric: str | None = None
    window: timedelta = WINDOW


def explain_incident(
    asked: Asked,
    logs: Sequence[Path],
    desk: Desk,
    *,
    home: Home | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Incident:
    """Say what broke on a route around a time, and what changed before it, likeliest first.

    Args:
        asked: Where and when.
        logs: The folders of the decision logs, with the outcomes beside them.
        desk: Where the history of the route is asked for.
        home: Where its packages are, to say which components differ; None for nowhere.
        now: The present.
        progress: Told what is being done.

    Raises:
        NotFound: ``route/not-found``: neither the registry nor the logs know it.
        UsageError: ``compare/no-metric``: there is none of this name on the route.
        Unavailable: ``decisions/busy``, ``outcomes/…``, ``disk/…``.
    """
    now = now or datetime.now(UTC)
    at = min(asked.at or now, now)
    period = Period.around(at, asked.window, now)
    events, policy, notes = _history(desk, asked.route, period)
    (progress or Silent()).step("reading decisions and outcomes")
    with looking(logs, asked.route, period, policy, now) as looked:
        if not len(looked.seen) and not events:
            desk.route(asked.route)  # or nobody knows it
        study = _Study(asked, at, looked, logs, events, home)
        wanted = study.wanted()
        moved = study.moved(wanted)
        if moved:
            (progress or Silent()).step(f"looking at {period.day_before}")
            with looking(logs, asked.route, period.earlier(), policy, now) as earlier:
                moved, daily = _apart(moved, earlier, period)
            notes = (*notes, *daily)
        (progress or Silent()).step("looking for what changed")
        return study.incident(wanted, moved, notes)


def _apart(
    moved: Sequence[Found], earlier: Looked, period: Period
) -> tuple[list[Found], tuple[str, ...]]:
    """Return what changed and did not at the same time before, and notes of what did."""
    then = {one.name: one for one in earlier.series}
    daily = [
        one
        for one in moved
        if one.series.name in then and did_so_before(one, then[one.series.name])
    ]
    names = sorted({one.series.name for one in daily})
    told = tuple(f"`{name}` moved so {period.day_before}, too: that is no break" for name in names)
    return [one for one in moved if one not in daily], told


@dataclass(frozen=True, slots=True)
class _Study:
    """What there is to find something out from."""

    asked: Asked
    at: datetime
    looked: Looked
    logs: Sequence[Path]
    events: Sequence[Event]
    home: Home | None

    @property
    def seen(self) -> Seen:
        """The decisions."""
        return self.looked.seen

    def moved(self, wanted: Sequence[Series]) -> list[Found]:
        """Return what changed: what people suffer by at half of the risk, all else at the other."""
        period = self.seen.period
        places = [period.index(one.time) for one in self.events if one.time >= period.since]
        halves = ([one for one in wanted if (one.tier == OTHER) == mine] for mine in (True, False))
        return [one for series in halves for one in changes(series, RISK / 2, places)]

    def incident(
        self, wanted: Sequence[Series], moved: Sequence[Found], notes: Sequence[str]
    ) -> Incident:
        """Return what broke, and what changed around it."""
        period = self.seen.period
        main = chosen(moved, period, self.at)
        causes = sorted(self._causes(main), key=lambda one: -one.score)
        return Incident(
            self.asked.route,
            self.at,
            period.since,
            period.until,
            period.step,
            len(self.seen) * self.seen.every,
            None if main is None else told(main, period),
            tuple(told(one, period) for one in moved if one is not main),
            tuple(causes),
            tuple(one.name for one in wanted),
            (*notes, *self._incomplete()),
            self.seen.every,
        )

    def wanted(self) -> list[Series]:
        """Return the measures that are asked for.

        Raises:
            UsageError: ``compare/no-metric``.
        """
        looked = self.looked.series
        metric = self.asked.metric
        if metric is None:
            return [one for one in looked if one.amounts.weights.any()]
        mine = [one for one in looked if one.name == metric]
        if not mine:
            names = ", ".join(f"`{one.name}`" for one in looked)
            raise UsageError(
                f"expected a metric of `{self.asked.route}`: {names}; found `{metric}`",
                code="compare/no-metric",
            )
        return mine

    def _causes(self, main: Found | None) -> Iterator[Cause]:
        """Yield what changed around the break; only what was told late, where there is none."""
        route, period = self.asked.route, self.seen.period
        if main is None:
            yield from outcomes(route, period, self.looked.told, None)
            return
        case = Case(route, self.seen, main)
        yield from packages(case, self.events, self.home)
        yield from inputs(case, self.looked.found, self._moved_inputs())
        yield from errors(case, changes(kinds(self.seen), RISK))
        yield from outcomes(route, period, self.looked.told, case)
        yield from gateways(case, self.logs)
        yield from units(case)

    def _moved_inputs(self) -> list[tuple[Followed, Found]]:
        fields = {
            one.series.name: one for one in followed(self.looked.found, self.seen.period, "input")
        }
        moved = changes([one.series for one in fields.values()], RISK)
        return [(fields[one.series.name], one) for one in moved]

    def _incomplete(self) -> Iterator[str]:
        """Yield which outcomes are not known to the end of the period."""
        period = self.seen.period
        for one in self.looked.told:
            if not one.is_complete(period):
                until = max(one.complete_until, period.since)
                yield (
                    f"`{one.name}` is complete for answers until {until:%Y-%m-%d %H:%M:%S} UTC; "
                    "later ones are not counted"
                )


def _history(
    desk: Desk, route: str, period: Period
) -> tuple[tuple[Event, ...], Policy, tuple[str, ...]]:
    """Return what the registry says of a route: who answered, the oldest first; and its rules."""
    try:
        events = list(_since(desk, route, period))
        known = desk.route(route)
        tried = f"a rollout is under way: `ketch report {route}` says how its packages compare"
        notes = () if known.rollout is None else (tried,)
        return tuple(reversed(events)), known.policy, notes
    except NotFound:
        return (), Policy(), (f"the registry does not know `{route}`: nothing is said of events",)
    except KetchError as problem:  # it is away, or lets nobody in
        return (), Policy(), (f"the registry could not be asked: {problem.message}",)


def _since(desk: Desk, route: str, period: Period) -> Iterator[Event]:
    """Yield the events that say who answered in a period, the newest first."""
    before: int | None = None
    while True:
        page = desk.history(
            subject=f"route:{route}", until=period.until, before=before, limit=_PAGE
        )
        for one in page:
            if "arms" in one.body:
                yield one
                if one.time < period.since:
                    return
        if len(page) < _PAGE:
            return
        before = page[-1].seq
