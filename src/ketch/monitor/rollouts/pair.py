"""Which two packages are compared, and how likely each of them was for a unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ketch.monitor.decisions.following import Brief
from ketch.monitor.outcomes.outcome import microseconds
from ketch.rollout.assign import OUTSIDE, UNIT, Split
from ketch.tables.engine import literal

if TYPE_CHECKING:
    from ketch.registry.rollouts import Rollout

LIMITED, PROD, BASELINE = "limited", "prod", "baseline"
LATE = timedelta(hours=1)
"""How much later than the history says a rollout may begin or end in the log."""
_FOREVER = 1 << 62


class Side(NamedTuple):
    """A package, and what it is on the route.

    Attributes:
        arm: Such as ``limited``.
        package: ``name:version``.
        digest: The package, exactly.
    """

    arm: str
    package: str
    digest: str


class Odds(NamedTuple):
    """What a decision says of its unit.

    Attributes:
        candidate: Whether it had the candidate.
        probability: That it would.
    """

    candidate: bool
    probability: float


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared with what, on which route and over which time.

    Attributes:
        route: The route.
        candidate: What is judged.
        against: What it is compared with; None where there is nothing, and units are counted.
        began, ended: Since when, and until when; None for no end.
        rollout: The identity of the rollout; empty where it is none.
    """

    route: str
    candidate: Side
    against: Side | None = None
    began: datetime | None = None
    ended: datetime | None = None
    rollout: str = ""

    @classmethod
    def of(cls, rollout: Rollout) -> Pair:
        """Return the two packages of a rollout."""
        return cls(
            rollout.route,
            Side(LIMITED, rollout.candidate.package, str(rollout.candidate.digest)),
            Side(PROD, rollout.against.package, str(rollout.against.digest)),
            rollout.began,
            rollout.ended,
            rollout.id,
        )

    def has(self, one: Brief) -> bool:
        """Whether a decision drew one of the two by chance."""
        if one.route != self.route or one.unit is None:
            return False
        if self.rollout:
            return one.rollout == self.rollout and one.why == UNIT
        first, last = self.times
        return (
            one.why in (UNIT, OUTSIDE)
            and any((one.arm, one.digest) == (side.arm, side.digest) for side in self.sides)
            and first <= one.at < last
        )

    def where(self, at: str) -> str:
        """Return :meth:`has` in SQL; the time in microseconds is given in SQL, too."""
        if self.rollout:
            return f"rollout = {literal(self.rollout)} AND why = '{UNIT}' AND unit IS NOT NULL"
        first, last = self.times
        sides = " OR ".join(
            f"(arm = {literal(side.arm)} AND digest = {literal(side.digest)})"
            for side in self.sides
        )
        return (
            f"({sides}) AND why IN ('{UNIT}', '{OUTSIDE}') AND unit IS NOT NULL"
            f" AND {at} >= {first} AND {at} < {last}"
        )

    def odds(self, arm: str, shares: str) -> Odds | None:
        """Return what chance a unit had, by the shares of its decision; None for no chance."""
        if self.against is None:
            return Odds(candidate=True, probability=1.0)
        try:
            split = Split.told(shares)
        except ValueError:
            return None
        chance = split.probability
        if self.candidate.arm == PROD:  # against the hold-out
            held, layer = split.held_out_probability, split.layer
            width = 1.0 if layer is None else (layer.end - layer.start) / 1_000_000
            prod = (1 - held) * (1 - width * chance)
            chance = prod / (prod + held)
        mine = arm == self.candidate.arm
        return Odds(mine, chance) if (chance if mine else 1 - chance) > 0 else None

    @property
    def sides(self) -> tuple[Side, ...]:
        """Both packages, or the only one."""
        return (self.candidate,) if self.against is None else (self.candidate, self.against)

    @property
    def times(self) -> tuple[int, int]:
        """Since when and until when, in microseconds since 1970."""
        first = 0 if self.began is None else microseconds(self.began)
        return first, _FOREVER if self.ended is None else microseconds(self.ended)


def halves(decision: str | None) -> tuple[int, int]:
    """Return the halves of an identity as numbers; 0 where there is none."""
    return (0, 0) if decision is None else (int(decision[:16], 16), int(decision[16:], 16))
