"""Values that the reference never held.

A value may be missing there by chance: whoever holds one half of some data against the other
finds rare values in one of them only. So what is asked is how likely so many rows are all on
the live side, if all rows had been dealt out by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, lgamma

import numpy as np

from ketch.tables.frequent import Plain

_TILTS = np.geomspace(0.01, 20, 200)


def unseen_share(reference: Mapping[Plain, int], live: Mapping[Plain, int]) -> float:
    """Return the share of live rows whose value is not in the reference.

    >>> unseen_share({"a": 5}, {"a": 3, "b": 1})
    0.25
    """
    rows = sum(live.values())
    return _unseen(reference, live) / rows if rows else 0.0


def unseen_p_value(reference: Mapping[Plain, int], live: Mapping[Plain, int]) -> float:
    """Return a bound on the chance of as many rows with unseen values, if nothing changed.

    Given how often each value came in both together, a value that came c times is on the
    live side alone with probability (m)c / (n + m)c, of falling factorials. Whether one is
    says less for the next, so the chance of a sum is at most that of independent ones
    (Chernoff's bound).

    Source: Joag-Dev, Proschan, "Negative association of random variables", 1983.

    >>> round(unseen_p_value({"a": 99}, {"a": 90, "b": 9}), 4)
    0.0016
    >>> round(unseen_p_value({"a": 9}, {"b": 1}), 4)
    0.1
    """
    n, m = sum(reference.values()), sum(live.values())
    found = _unseen(reference, live)
    if not found or not n:
        return 1.0
    names = reference.keys() | live.keys()
    counts = np.array([reference.get(one, 0) + live.get(one, 0) for one in names], dtype=float)
    alone = np.array([all_on_one_side(int(count), m, n + m) for count in counts])
    exponents = np.minimum(np.outer(_TILTS, counts), 700)
    with np.errstate(over="ignore"):
        logs = np.sum(np.log1p(alone * np.expm1(exponents)), axis=1) - _TILTS * found
    return min(1.0, exp(min(0.0, float(np.min(logs)))))


def all_on_one_side(count: int, m: int, whole: int) -> float:
    """Return the chance that rows, dealt out at random, are all among ``m`` of the whole.

    >>> all_on_one_side(2, 2, 4) == 1 / 6 or round(all_on_one_side(2, 2, 4), 12)
    0.166666666667
    """
    if count > m:
        return 0.0
    return exp(
        lgamma(m + 1) - lgamma(m - count + 1) - lgamma(whole + 1) + lgamma(whole - count + 1)
    )


def _unseen(reference: Mapping[Plain, int], live: Mapping[Plain, int]) -> int:
    return sum(count for value, count in live.items() if value not in reference)
