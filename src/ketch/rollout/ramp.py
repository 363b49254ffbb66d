"""A ramp: when the share of a candidate grows by itself, and to how much.

It grows by one step when all of this holds:

1. its step has **lasted** as long as the ramp says;
2. **nothing speaks against it**: the verdict is to continue, or to promote;
3. **enough was seen** at this share: at least one unit with the candidate, and its part of
   the minimum that promotion waits for, of which every step sees an equal part. So a share
   never grows on no data.

A ramp never lowers a share, never leaves out a step, and ends at its last one: from there
on a person promotes. A share that somebody chose between two steps grows to the next.
"""

from __future__ import annotations

from ketch.rollout.terms import Action, Exposure, Ramp

_GOING_WELL = frozenset({Action.CONTINUE, Action.PROMOTE_READY})


def next_share(
    ramp: Ramp, share: int, action: Action, seen: Exposure, minimum: Exposure
) -> int | None:
    """Return the share that a candidate gets now, in millionths; None while it keeps its own.

    Args:
        ramp: Its steps.
        share: The share it has, in millionths of all units.
        action: What the verdict asks for.
        seen: What was seen at this share: its units with the candidate, and how long it lasts.
        minimum: What must have been seen of the whole rollout before promotion.

    >>> from datetime import timedelta
    >>> ramp, day = Ramp((10_000, 50_000, 100_000)), timedelta(days=1)
    >>> least = Exposure(units=900)
    >>> next_share(ramp, 10_000, Action.CONTINUE, Exposure(units=300, lasted=day), least)
    50000
    >>> next_share(ramp, 10_000, Action.CONTINUE, Exposure(units=299, lasted=day), least)
    >>> next_share(ramp, 10_000, Action.HOLD, Exposure(units=300, lasted=day), least)
    """
    if action not in _GOING_WELL or seen.lasted < ramp.step:
        return None
    if seen.units < 1 or seen.units * len(ramp.shares) < minimum.units:
        return None
    return next((step for step in ramp.shares if step > share), None)
