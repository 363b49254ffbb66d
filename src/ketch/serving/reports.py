"""What the guard left of each route, as far as ``/metrics`` tells it.

The gateway computes nothing of it, and reads a file again only when it is another one. What
cannot be read, or is of another version, is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from ketch.files import read_file
from ketch.monitor.guard.reports import FOLDER, MOST_BYTES


class Rate(msgspec.Struct, frozen=True):
    """What an arm has of a measure."""

    units: int
    outcomes: int
    rate: float | None


class Arm(msgspec.Struct, frozen=True):
    """An arm of a route."""

    stage: str
    package: str
    units: int
    rates: dict[str, Rate]


class Guardrail(msgspec.Struct, frozen=True):
    """What a guardrail says."""

    metric: str
    log_e_harm: float | None
    lift: float | None
    interval: tuple[float | None, float | None]


class Verdict(msgspec.Struct, frozen=True):
    """What the evidence asks for."""

    action: str


class Split(msgspec.Struct, frozen=True):
    """Whether units were split as planned."""

    is_mismatch: bool


class Value(msgspec.Struct, frozen=True):
    """A model metric of recent answers."""

    n: int
    value: float | None
    low: float | None
    high: float | None


class ModelMetric(msgspec.Struct, frozen=True):
    """A model metric of a package."""

    metric: str
    package: str
    shadow: bool
    whole: Value


class Outcome(msgspec.Struct, frozen=True):
    """What the outcomes of one name came to recently."""

    count: int
    amount: float
    conversion: float | None
    amount_per_unit: float | None


class Came(msgspec.Struct, frozen=True):
    """What came of the recent answers of a package."""

    outcomes: dict[str, Outcome]


class Business(msgspec.Struct, frozen=True):
    """What came of the answers of a package."""

    package: str
    whole: Came


class Estimated(msgspec.Struct, frozen=True):
    """A model metric of a package before outcomes come.

    Attributes:
        trusted: Whether earlier estimates held; None where none could be checked.
    """

    metric: str
    package: str
    shadow: bool
    whole: Value | None
    trusted: bool | None


class Measured(msgspec.Struct, frozen=True):
    """Metrics without any rollout."""

    model: list[ModelMetric]
    business: list[Business]
    estimates: list[Estimated] = []


class Report(msgspec.Struct, frozen=True):
    """What is told of a route; see ``RolloutReport.to_json``."""

    route: str
    at: datetime
    arms: list[Arm]
    guardrails: list[Guardrail]
    e_value: float | None
    verdict: Verdict | None
    srm: Split | None
    metrics: Measured | None


OLD = timedelta(minutes=10)
"""From when on a report tells nothing of the present: nobody guards the route any more."""

_read = msgspec.json.Decoder(Report).decode


@dataclass
class Reports:
    """The reports in a ketch home.

    Args:
        home: The ketch home.
    """

    home: Path
    _known: dict[Path, tuple[tuple[int, int], Report | None]] = field(default_factory=dict)

    def read(self, now: datetime) -> Mapping[str, Report]:
        """Return the report of each route that a guard has reported on lately."""
        known: dict[Path, tuple[tuple[int, int], Report | None]] = {}
        for path in sorted((self.home / FOLDER).glob("*.json")):
            try:
                seen = path.stat()
            except OSError:
                continue
            mark = seen.st_ino, seen.st_mtime_ns
            before = self._known.get(path)
            known[path] = before if before and before[0] == mark else (mark, _report(path))
        self._known = known
        found = (one for _, one in known.values() if one is not None)
        return {one.route: one for one in found if now - one.at < OLD}


def _report(path: Path) -> Report | None:
    try:
        return _read(read_file(path, most=MOST_BYTES))
    except (OSError, msgspec.DecodeError):
        return None
