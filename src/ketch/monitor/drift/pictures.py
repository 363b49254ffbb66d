"""Both sides of a field as shares, bin by bin or value by value, for a picture."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from ketch.monitor.drift.measures.spread import Spread
from ketch.monitor.drift.measures.told import short
from ketch.monitor.drift.value import Bars
from ketch.tables.frequent import Plain

_MOST_BARS = 12


def listed(was: Mapping[Plain, int], now: Mapping[Plain, int]) -> Bars:
    """Return the values that are most frequent on either side, and the rest as one."""
    n, m = sum(was.values()), sum(now.values())
    shares = {one: (was.get(one, 0) / n, now.get(one, 0) / m) for one in was.keys() | now.keys()}
    order = sorted(shares, key=lambda one: (-max(shares[one]), str(one)))[:_MOST_BARS]
    names = [short(one) for one in order]
    sides = [[shares[one][at] for one in order] for at in (0, 1)]
    if len(shares) > _MOST_BARS:
        names.append("others")
        sides = [[*side, max(0.0, 1 - sum(side))] for side in sides]
    return Bars(tuple(names), tuple(sides[0]), tuple(sides[1]))


def histogram(was: Spread, now: Spread) -> Bars:
    """Return twelve bins of the same width; the outermost hold all that lies further out."""
    if was.counts is not None and now.counts is not None:
        values = sorted(was.counts.keys() | now.counts.keys())
        if len(values) <= _MOST_BARS:
            sides = [[one.get(at, 0) for at in values] for one in (was.counts, now.counts)]
            names = tuple(f"{one:g}" for one in values)
            return Bars(
                names,
                tuple(count / was.count for count in sides[0]),
                tuple(count / now.count for count in sides[1]),
            )
    ends = np.array([one.quantiles(np.array([0.01, 0.99])) for one in (was, now)])
    edges = np.unique(np.linspace(ends[:, 0].min(), ends[:, 1].max(), _MOST_BARS + 1))
    inner = edges[1:-1]
    shares = [np.diff(one.ranks(inner), prepend=0.0, append=1.0).tolist() for one in (was, now)]
    names = tuple(f"{a:.4g} … {b:.4g}" for a, b in pairwise(edges.tolist()))
    return Bars(names or (f"{edges[0]:.4g}",), tuple(shares[0]), tuple(shares[1]))
