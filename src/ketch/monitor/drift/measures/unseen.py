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
_RARE = 1e-15


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
    (Chernoff's bound). Values so frequent that they are hardly ever alone there are left out
    of the sum, and their chances added.

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
    is_rare = alone < _RARE
    counts, chances = counts[~is_rare], alone[~is_rare]
    with np.errstate(divide="ignore"):  # of no row at all, of which one of two logarithms is -inf
        grown = np.logaddexp(np.log1p(-chances), np.log(chances) + np.outer(_TILTS, counts))
    logs = np.sum(grown, axis=1) - _TILTS * found
    return min(1.0, exp(min(0.0, float(np.min(logs)))) + float(np.sum(alone[is_rare])))


def all_on_one_side(count: int, m: int, whole: int) -> float:
    """Return the chance that rows, dealt out at random, are all among ``m`` of the whole.

    >>> all_on_one_side(2, 2, 4) == 1 / 6 or round(all_on_one_side(2, 2, 4), 12)
    0.166666666667
    """
    if count > m:
        return 0.0
    chance = lgamma(m + 1) - lgamma(m - count + 1) - lgamma(whole + 1) + lgamma(whole - count + 1)
    return exp(min(0.0, chance))  # rounding may end above


def _unseen(reference: Mapping[Plain, int], live: Mapping[Plain, int]) -> int:
    return sum(count for value, count in live.items() if value not in reference)
