"""The largest change of the share of any one value, and which value it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ketch.monitor.drift.measures.rates import rate_p_value
from ketch.tables.frequent import Plain


class Moved(NamedTuple):
    """The value whose share changed most: by how much, and from where to where."""

    value: Plain
    distance: float
    before: float
    after: float


def l_infinity(reference: Mapping[Plain, int], live: Mapping[Plain, int]) -> Moved:
    """Return the value whose share changed most; both have counts.

    Source: the L-infinity distance of Chebyshev, as Vertex AI and NannyML measure drift of
    categories.

    >>> l_infinity({"a": 50, "b": 50}, {"a": 30, "b": 50, "c": 20})
    Moved(value='a', distance=0.2, before=0.5, after=0.3)
    """
    n, m = sum(reference.values()), sum(live.values())
    found = (
        Moved(one, abs(after - before), before, after)
        for one in sorted(reference.keys() | live.keys(), key=str)
        for before, after in [(reference.get(one, 0) / n, live.get(one, 0) / m)]
    )
    return max(found, key=lambda one: round(one.distance, 12))


def categories_p_value(
    reference: Mapping[Plain, int], live: Mapping[Plain, int], value: Plain
) -> float:
    """Return a bound on the chance that any value of the same shares moves as clearly as this one.

    It is tested by Fisher's exact test, and the p-value is multiplied by the number of values that
    it could have been (Bonferroni): so rare values need no bins, and few rows no approximation.
    """
    n, m = sum(reference.values()), sum(live.values())
    names = reference.keys() | live.keys()
    tests = len(names) if len(names) > 2 else 1  # of two, each is the other's mirror
    return min(1.0, tests * rate_p_value(reference.get(value, 0), n, live.get(value, 0), m))
