"""Why an arm answered: how units were shared out, and where this one fell.

A log names nobody, so an assignment can be computed anew only where the unit stands among
the inputs in the clear, as it does where the schema does not call it personal data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ketch.monitor.decisions.keyed import Keyed
from ketch.monitor.decisions.table import Recorded
from ketch.monitor.trace.standing import Standing
from ketch.registry import Arm, Place
from ketch.rollout import Claim, Split
from ketch.rollout.assign import BUCKETS, UNIT, WHOLE, bucket

_rows = msgspec.json.Decoder(dict[str, object] | list[dict[str, object]]).decode


@dataclass(frozen=True, slots=True)
class Assigned:
    """Why an arm answered.

    Attributes:
        why: See ``rollout.Assignment.why``; also ``shadow`` and ``fallback``.
        unit: The keyed hash of the unit.
        shares: How the units of the route were shared out, by arm.
        probability: How likely a unit was to get this arm; None where it was not by chance.
        bucket: Where the unit falls, of 1,048,576, with the salt that decided; None where
            the unit is not known in the clear, or no salt decided.
        recomputed: The arm that the unit gets, computed anew from what the registry held.
    """

    why: str
    unit: str | None
    shares: Mapping[str, float]
    probability: float | None
    bucket: int | None = None
    recomputed: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch trace --json``."""
        return {
            "why": self.why,
            "unit": self.unit,
            "shares": dict(self.shares),
            "probability": self.probability,
            "bucket": self.bucket,
            "buckets": BUCKETS,
            "recomputed": self.recomputed,
        }


def assigned(decision: Recorded, standing: Standing, key: Keyed | None) -> Assigned:
    """Return why the arm of a decision answered.

    Args:
        decision: The decision.
        standing: What the registry said then.
        key: The hashes of its log, where they are at hand.
    """
    parts = (one.partition("=") for one in decision.shares.split())
    shares = {name: int(part) / WHOLE for name, _, part in parts}
    by_chance = decision.why == UNIT
    chance = shares.get(decision.arm) if by_chance else None
    unit = _unit(decision, standing, key) if by_chance else None
    arms = {str(arm.place): arm for arm in standing.arms}
    deciding = arms.get(decision.arm if decision.arm == Place.BASELINE else Place.LIMITED)
    split = _split(decision.route, standing.arms)
    if unit is None or split is None or deciding is None or deciding.salt is None:
        return Assigned(decision.why, decision.unit, shares, chance)
    return Assigned(
        decision.why,
        decision.unit,
        shares,
        chance,
        bucket(deciding.salt, unit),
        split.assign(unit).arm,
    )


def _split(route: str, arms: Sequence[Arm]) -> Split | None:
    """Return how a route shared its units out, as the gateway does it."""
    at = {arm.place: arm for arm in arms}
    rest = at.get(Place.PROD) or at.get(Place.BASELINE)
    if rest is None:
        return None
    claims = {
        place: Claim(str(place), arm.share.millionths, arm.salt or route)
        for place, arm in at.items()
        if arm is not rest
    }
    limited = at.get(Place.LIMITED)
    layer = None if limited is None else limited.layer
    return Split(str(rest.place), claims.get(Place.BASELINE), claims.get(Place.LIMITED), layer)


def _unit(decision: Recorded, standing: Standing, key: Keyed | None) -> str | None:
    """Return the unit in the clear, if the inputs name it: its hash is that of the decision."""
    field = None if standing.policy is None else standing.policy.unit
    if field is None or key is None or decision.inputs == "null":
        return None
    found = _rows(decision.inputs.encode())
    row = found[0] if isinstance(found, list) else found
    value = row.get(field)
    return None if value is None or key.unit(str(value)) != decision.unit else str(value)
