"""Everything about a route, gathered into one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch.errors import KetchError
from ketch.monitor.estimates import EstimateSeries, estimates_of
from ketch.monitor.metrics import RouteMetrics, metrics_of
from ketch.monitor.report.missing import Hint, missing, next_steps
from ketch.monitor.rollouts import RolloutReport, report_of
from ketch.monitor.rollouts.reporting import PERIOD
from ketch.monitor.shadow import ShadowReport, compare_shadow
from ketch.package import Package, open_package
from ketch.registry import Arm, Desk, Place
from ketch.runtime import Home

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RouteReport:
    """All that there is to say of a route at a time.

    Attributes:
        of: Who answers, and the rollout.
        shadow: What stands at staging, beside the answers of prod; None where nothing does.
        metrics: What is known of answers without any rollout.
        estimates: What of them is expected whose outcomes may still come.
        missing: What is missing before more can be said.
        next: What can be done now.
    """

    of: RolloutReport
    shadow: ShadowReport | None
    metrics: RouteMetrics
    estimates: tuple[EstimateSeries, ...]
    missing: tuple[Hint, ...]
    next: tuple[Hint, ...]

    def to_json(self) -> dict[str, object]:
        """Return the report as ``ketch report --json`` prints it."""
        return {
            **self.of.to_json(),
            "shadow": None if self.shadow is None else self.shadow.to_json(),
            "metrics": self.metrics.to_json(),
            "estimates": [one.to_json() for one in self.estimates],
            "missing": [one.to_json() for one in self.missing],
            "next": [one.to_json() for one in self.next],
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """Which report of a route is asked for.

    Attributes:
        at: As of when; None for now.
        since: From when on answers are looked at; by default since the rollout began, or 28
            days before. Units of a rollout count from its beginning, whatever is said here.
        rollout: The identity of a rollout, also of one that is over; None for that of the time.
    """

    at: datetime | None = None
    since: datetime | None = None
    rollout: str | None = None


def gather(logs: Sequence[Path], home: Home, desk: Desk, route: str, asked: Asked) -> RouteReport:
    """Return all that there is to say of a route.

    Args:
        logs: The folders of its decision logs, one for each gateway.
        home: Where packages are whose answers are compared.
        desk: Where its history is asked for.
        route: The route.
        asked: As of when, and of which rollout.

    Raises:
        NotFound: ``route/not-found``; ``rollout/not-found``.
        Unavailable: ``decisions/busy``, ``outcomes/…``, ``disk/…``.
    """
    standing = desk.route(route)
    of = report_of(logs, desk, route, at=asked.at, rollout=asked.rollout)
    now = asked.at or datetime.now(UTC)
    since = min(asked.since or of.since or now - PERIOD, now - _MOMENT)
    arms = standing.arms if asked.at is None else desk.arms_at(route, asked.at)
    staging = next((arm for arm in arms if arm.place is Place.STAGING), None)
    staged = None if staging is None else _staged(home, staging)
    shadow = None
    if isinstance(staged, Package):
        shadow = compare_shadow(
            logs, route, staged, since=asked.since or now - PERIOD, until=asked.at
        )
    is_past = asked.at is not None or asked.rollout is not None
    return RouteReport(
        of,
        shadow,
        metrics_of(logs, route, standing.policy, since=since, until=now),
        estimates_of(logs, route, standing.policy, since=since, until=now),
        (*missing(of, standing.policy), *([staged] if isinstance(staged, Hint) else [])),
        () if is_past else tuple(next_steps(of, standing)),
    )


def _staged(home: Home, staged: Arm) -> Package | Hint:
    """Return what stands at staging, whose schema says how to compare; or what is missing."""
    name, digest = staged.package, staged.digest
    if home.store.size(digest) is None:
        return Hint(f"{name} is not here, so its answers cannot be compared", f"ketch pull {name}")
    try:
        return open_package(digest, home.store)
    except KetchError as problem:
        return Hint(f"{name} cannot be opened: {problem.message}", "ketch fsck --repair")
