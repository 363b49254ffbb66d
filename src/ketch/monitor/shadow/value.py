"""What the shadow copies of a package say, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self

from ketch.monitor.shadow.fields import FieldResult
from ketch.registry.events import write_time


@dataclass(frozen=True, slots=True)
class Example:
    """One pair that differs.

    Attributes:
        decision: The answer that the caller got.
        copy: The decision of its shadow copy.
        field: Where they differ first.
        expected, found: What the caller got there, and the copy; None for personal data.
    """

    decision: str
    copy: str
    field: str
    expected: object
    found: object


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the answers of some decisions took, in milliseconds."""

    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, microseconds: Sequence[int]) -> Self | None:
        """Return it; None of nothing. Both are times that were measured, of the nearest rank."""
        if not microseconds:
            return None
        order = sorted(microseconds)
        at = [order[min(int(len(order) * part), len(order) - 1)] for part in (0.5, 0.95)]
        return cls(at[0] / 1000, at[1] / 1000)


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What became of the copies of live requests that a package at staging got.

    Attributes:
        route, package, digest: What was asked.
        since: From when on; None for the beginning.
        copies: Copies that were recorded.
        failed: Those without an answer.
        errors: Why: codes, and how many copies each, the most frequent first.
        not_copied: Live answers between the first and the last copy that have none: the
            gateway had too much to do, or the package did not run.
        compared: Pairs that were compared, the latest first.
        identical: Those in which no field differs by more than the schema tolerates.
        fields: The outputs, in the order of the schema.
        only_live, only_copy: Outputs that one of the two has and the other never had.
        live, copy: How long those answers took. A live one is counted from the arrival of
            its request, a copy from when it was begun.
        examples: Pairs that differ, the latest first.
    """

    route: str
    package: str
    digest: str
    since: datetime | None = None
    copies: int = 0
    failed: int = 0
    errors: tuple[tuple[str, int], ...] = ()
    not_copied: int = 0
    compared: int = 0
    identical: int = 0
    fields: tuple[FieldResult, ...] = ()
    only_live: tuple[str, ...] = ()
    only_copy: tuple[str, ...] = ()
    live: Latency | None = None
    copy: Latency | None = None
    examples: tuple[Example, ...] = ()

    @property
    def identical_share(self) -> float | None:
        """The share of pairs that are alike; None where nothing was compared."""
        return self.identical / self.compared if self.compared else None

    def to_json(self) -> dict[str, object]:
        """Return it as ``ketch report --json`` prints it below ``shadow``."""
        return {
            **asdict(self),
            "since": None if self.since is None else write_time(self.since),
            "errors": dict(self.errors),
            "fields": [one.to_json() for one in self.fields],
            "identical_share": self.identical_share,
        }
