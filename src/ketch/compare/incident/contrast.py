"""Which part of a change comes from who or what there was more of, and which from everybody.

Pure. Answers are in groups: those of each package, those with a field missing and those with
it. What they come to together changes because the groups have other shares than before, or
because groups changed themselves (Kitagawa, Journal of the American Statistical Association
1955). Where the first makes all of it, the groups that were there before did not move: that
is a difference in differences, and strong evidence.
"""

from __future__ import annotations

from collections.abc import Mapping

from ketch.compare.incident.series import Level
from ketch.rollout.stats import z_test

ENOUGH = 30.0
"""A group counts as there with so much weight."""


def explained(before: Mapping[str, Level], after: Mapping[str, Level]) -> float | None:
    """Return which part of a change the shares of the groups make, 0 to 1.

    Args:
        before: What each group came to before.
        after: And after.

    Returns:
        None where nothing tells: no group was there both before and after, or nothing changed.

    >>> old, new = Level(40, 1000), Level(10, 500)
    >>> round(explained({"1.2": old}, {"1.2": Level(20, 500), "1.3": new}), 6)
    1.0
    """
    groups = before.keys() | after.keys()
    none = Level(0.0, 0.0)
    sides = {one: (before.get(one, none), after.get(one, none)) for one in groups}
    if not any(min(one.weight, other.weight) >= ENOUGH for one, other in sides.values()):
        return None
    weights = [sum(pair[side].weight for pair in sides.values()) for side in (0, 1)]
    totals = [sum(pair[side].sum for pair in sides.values()) for side in (0, 1)]
    change = totals[1] / weights[1] - totals[0] / weights[0]
    if change == 0:
        return None
    mixed = 0.0
    for one, other in sides.values():
        share = other.weight / weights[1] - one.weight / weights[0]
        levels = [level.value for level in (one, other) if level.value is not None]
        mixed += share * sum(levels) / len(levels) if levels else 0.0
    return min(max(mixed / change, 0.0), 1.0)


def stayed(before: Level, after: Level, other: Level) -> bool:
    """Whether a group that was there all the time did not move, beside another that is off.

    Args:
        before: Hits and trials of the group.
        after: The same, after.
        other: Those of the other group, after.
    """
    if min(before.weight, after.weight, other.weight) < ENOUGH:
        return False
    was, now, off = before.value or 0.0, after.value or 0.0, other.value or 0.0
    if abs(now - was) > abs(off - was) / 2:
        return False
    hits = [(round(one.sum), round(one.weight)) for one in (before, after)]
    p_value = z_test(*hits).p_value
    return p_value is None or p_value > 0.01
