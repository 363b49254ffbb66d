"""What is told of metrics that are not known yet, and of how far that could be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ketch.monitor.estimates.checking import STATED
from ketch.monitor.metrics.points import told
from ketch.rollout.metric import Metric, Scored
from ketch.rollout.spans import write_span


@dataclass(frozen=True, slots=True)
class Realised:
    """What a metric came to, of the answers of a stretch whose outcomes are known.

    Attributes:
        answers: How many rows.
        value: The metric.
        estimate, low, high: What it was expected to be, by what was known then.
    """

    answers: int
    value: float
    estimate: float
    low: float
    high: float

    @property
    def is_held(self) -> bool:
        """Whether it lies where it was expected."""
        return self.low <= self.value <= self.high

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {
            "n": self.answers,
            "value": self.value,
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "held": self.is_held,
        }


@dataclass(frozen=True, slots=True)
class EstimatePoint:
    """A metric of the answers of some time, estimated by what was known at its end.

    Attributes:
        time: When the time begins.
        answers: Rows that it is of.
        value, low, high: The estimate, and its 95 % interval; None where it is not defined.
        realised: What it came to; None for as long as outcomes may come.
    """

    time: datetime
    answers: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    realised: Realised | None = None

    def to_json(self) -> dict[str, object]:
        """Return the point in JSON form."""
        return {
            "time": told(self.time),
            "n": self.answers,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "realised": None if self.realised is None else self.realised.to_json(),
        }


@dataclass(frozen=True, slots=True)
class EstimateSeries:
    """A metric of one package without outcomes.

    Attributes:
        metric: Which.
        package, digest: Whose answers.
        is_shadow: Whether these are its answers as a shadow.
        reference: Rows of it by which the latest estimate was made.
        whole: Of all answers whose outcomes may still come; None where there is none.
        points: By day or hour.
        broken: Since when estimates cannot be trusted; None for no sign of that.
        lacks: Why there is no estimate; empty where there is one.
    """

    metric: Metric
    package: str
    digest: str
    is_shadow: bool
    reference: int
    whole: EstimatePoint | None
    points: tuple[EstimatePoint, ...] = ()
    broken: datetime | None = None
    lacks: str = ""

    @property
    def checked(self) -> tuple[Realised, ...]:
        """What was realised of the estimates that can be checked."""
        return tuple(one.realised for one in self.points if one.realised is not None)

    @property
    def held(self) -> int:
        """How many of these lie where they were expected."""
        return sum(one.is_held for one in self.checked)

    @property
    def is_trusted(self) -> bool | None:
        """Whether estimates held as often as they say; None where none could be checked."""
        return None if not self.checked else self.broken is None

    @property
    def note(self) -> str | None:
        """What there is to say of it; None for nothing."""
        return "; ".join(self._notes()) or None

    def _notes(self) -> Iterator[str]:
        if self.lacks:
            yield self.lacks
        if self.broken is not None:
            since = [one.realised for one in self.points if one.time >= self.broken]
            known = [one for one in since if one is not None]
            missed = sum(not one.is_held for one in known)
            yield (
                f"the estimate cannot be trusted: since {self.broken:%Y-%m-%d %H:%M} UTC what was "
                f"realised lay outside in {missed} of {len(known)} cases, where 1 in 20 is usual; "
                f"{self._why()}"
            )

    def _why(self) -> str:
        if self.method == "dle":
            return "how far such answers are off has changed since then"
        return "what the score means has changed since then"

    @property
    def method(self) -> str:
        """How it was estimated."""
        return "dle" if self.metric.measure in (Scored.RMSE, Scored.MAE) else "cbpe"

    def to_json(self) -> dict[str, object]:
        """Return the series in JSON form."""
        return {
            "metric": self.metric.name,
            "measure": str(self.metric.measure),
            "method": self.method,
            "output": self.metric.output,
            "outcome": self.metric.outcome,
            "window": write_span(self.metric.window),
            "package": self.package,
            "digest": self.digest,
            "shadow": self.is_shadow,
            "reference": self.reference,
            "whole": None if self.whole is None else self.whole.to_json(),
            "points": [one.to_json() for one in self.points],
            "stated": STATED,
            "checked": len(self.checked),
            "held": self.held,
            "trusted": self.is_trusted,
            "broken_since": None if self.broken is None else told(self.broken),
            "note": self.note,
        }
