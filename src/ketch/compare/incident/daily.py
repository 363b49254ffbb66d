"""Whether what changed does so each day: then it is a pattern, and no break."""

from __future__ import annotations

from ketch.compare.incident.breaking import Found
from ketch.compare.incident.contrast import ENOUGH
from ketch.compare.incident.series import Series
from ketch.rollout.stats import z_test

_MUCH = 0.5
_LIKELY = 0.05


def did_so_before(found: Found, earlier: Series) -> bool:
    """Whether a measure moved as it did now at the same time of an earlier day or week.

    It did if it moved in the same direction, by half as much at least, and a rate by more than
    chance does. Where there was next to nothing to see then, nobody can say that it did.

    Args:
        found: What moved now.
        earlier: The same measure then, in the same stretches.
    """
    change, size = found.change, len(earlier.amounts.sums)
    before = earlier.amounts.within(0, change.index)
    after = earlier.amounts.within(change.index, size)
    if before.value is None or after.value is None or min(before.weight, after.weight) < ENOUGH:
        return False
    now, then = change.after - change.before, after.value - before.value
    if now * then <= 0 or abs(then) < _MUCH * abs(now):
        return False
    if earlier.kind == "mean":
        return True
    sides = [(round(one.sum), round(one.weight)) for one in (before, after)]
    p_value = z_test(sides[0], sides[1]).p_value
    return p_value is not None and p_value <= _LIKELY
