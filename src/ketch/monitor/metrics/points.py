"""What is told of a route: model metrics and business metrics over time, per package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ketch.monitor.metrics.measures import Estimate
from ketch.rollout.metric import Metric, Scored

FEW = 30
"""Below so many labels a number is told to be of few."""
FEW_OF_ONE = 10
"""The same of positives, and of negatives, of an AUC."""


def told(when: datetime) -> str:
    """Return a time in JSON form."""
    return when.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Point:
    """A model metric of one package in one stretch of time.

    Attributes:
        time: When the stretch begins.
        decisions: Answers of the package in it, and shadow answers where it is in shadow.
        known: Those of them of which it is known what was right.
        estimate: The metric, of those that could be read.
        unread: Why others could not be → how many.
    """

    time: datetime
    decisions: int
    known: int
    estimate: Estimate
    unread: Mapping[str, int] = field(default_factory=dict)

    @property
    def coverage(self) -> float | None:
        """For which part of the decisions it is known what was right; labels may come late."""
        return self.known / self.decisions if self.decisions else None

    @property
    def note(self) -> str | None:
        """Why not to rely on the number; None for no reason."""
        return "; ".join(self._notes()) or None

    def _notes(self) -> Iterator[str]:
        n, positives = self.estimate.n, self.estimate.more.get("positives")
        if not self.known:
            yield "no labels"
        elif n < FEW:
            yield f"few labels: {n}"
        elif isinstance(positives, int) and min(positives, n - positives) < FEW_OF_ONE:
            yield f"few of one kind: {positives} of {n} positive"
        for why, count in self.unread.items():
            yield f"{count} not read: {why}"

    def to_json(self) -> dict[str, object]:
        """Return the point in JSON form."""
        one = self.estimate
        return {
            "time": told(self.time),
            "decisions": self.decisions,
            "known": self.known,
            "coverage": self.coverage,
            "n": one.n,
            "value": one.value,
            "low": one.low,
            "high": one.high,
            **one.more,
            "unread": dict(self.unread),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """A model metric of one package over time.

    Attributes:
        metric: Which.
        package, digest: Whose answers.
        is_shadow: Whether these are its answers as a shadow, which nobody saw.
        whole: Of the whole period; its labels are not a mean of the points.
        points: By day or hour, those that have decisions.
    """

    metric: Metric
    package: str
    digest: str
    is_shadow: bool
    whole: Point
    points: tuple[Point, ...]

    def to_json(self) -> dict[str, object]:
        """Return the series in JSON form."""
        one = self.metric
        is_ranked = one.measure in (Scored.PRECISION, Scored.NDCG)
        return {
            "metric": one.name,
            "measure": str(one.measure),
            "output": one.output,
            "outcome": one.outcome,
            **({"k": one.k} if is_ranked else {}),
            "package": self.package,
            "digest": self.digest,
            "shadow": self.is_shadow,
            "whole": self.whole.to_json(),
            "points": [point.to_json() for point in self.points],
        }


@dataclass(frozen=True, slots=True)
class Happened:
    """What the outcomes of one name came to.

    Attributes:
        count: Outcomes of more than 0.
        units: Units that had one.
        amount: The sum of all values.
    """

    count: int
    units: int
    amount: float


@dataclass(frozen=True, slots=True)
class BusinessPoint:
    """What came of the answers of one package in one stretch of time.

    Attributes:
        time: When the stretch begins; outcomes belong to the time of their decision.
        decisions: Answers that somebody got.
        units: Different units among them.
        outcomes: Name → what happened to them.
    """

    time: datetime
    decisions: int
    units: int
    outcomes: Mapping[str, Happened] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return the point in JSON form."""
        return {
            "time": told(self.time),
            "decisions": self.decisions,
            "units": self.units,
            "outcomes": {name: self._outcome(one) for name, one in self.outcomes.items()},
        }

    def _outcome(self, one: Happened) -> dict[str, object]:
        return {
            "count": one.count,
            "units": one.units,
            "amount": one.amount,
            "conversion": one.units / self.units if self.units else None,
            "amount_per_unit": one.amount / self.units if self.units else None,
        }


@dataclass(frozen=True, slots=True)
class BusinessSeries:
    """What came of the answers of one package over time.

    Attributes:
        package, digest: Whose answers.
        whole: Of the whole period; a unit that came on two days is one.
        points: By day or hour, those that have decisions.
    """

    package: str
    digest: str
    whole: BusinessPoint
    points: tuple[BusinessPoint, ...]

    def to_json(self) -> dict[str, object]:
        """Return the series in JSON form."""
        return {
            "package": self.package,
            "digest": self.digest,
            "whole": self.whole.to_json(),
            "points": [point.to_json() for point in self.points],
        }


@dataclass(frozen=True, slots=True)
class RouteMetrics:
    """All that is told of a route, without any rollout.

    Attributes:
        route: Which.
        since, until: The time of the decisions, its end excluded.
        step_s: How long the stretch of a point is, in seconds: a day or an hour, of UTC.
        model: By metric, package and whether it is in shadow.
        business: By package.
    """

    route: str
    since: datetime
    until: datetime
    step_s: int
    model: tuple[MetricSeries, ...]
    business: tuple[BusinessSeries, ...]

    def to_json(self) -> dict[str, object]:
        """Return all of it in JSON form."""
        return {
            "route": self.route,
            "since": told(self.since),
            "until": told(self.until),
            "step_s": self.step_s,
            "model": [one.to_json() for one in self.model],
            "business": [one.to_json() for one in self.business],
        }
