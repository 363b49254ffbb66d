"""Many looks at once: which of some p-values are small enough, all together."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float], risk: float) -> list[bool]:
    """Return which of some hypotheses to reject, at this risk of rejecting any that holds.

    The smallest p-value has to be at most risk/k of k, the next risk/(k - 1), and so on to
    the first that is not. It holds whatever the tests have to do with each other.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.

    >>> holm([0.01, 0.04, 0.03, 0.005], 0.05)
    [True, False, False, True]
    """
    rejected = [False] * len(p_values)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for done, at in enumerate(order):
        if p_values[at] > risk / (len(p_values) - done):
            break
        rejected[at] = True
    return rejected
