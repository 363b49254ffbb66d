"""Whether estimates held, once it was known what was realised."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

STATED = 0.95
"""In which part of cases what is realised lies in the interval of an estimate."""
_RARE = 0.01


def broken_since(held: Sequence[bool]) -> int | None:
    """Return since which estimate they can no longer be trusted.

    Args:
        held: Whether what was realised lay in the interval of each, in the order of time.

    Returns:
        The place from which on so many were missed as is least likely by chance, if that is
        rarer than 1 in 100, all places that it could be taken together; else None.

    Source: the binomial distribution of misses of 95 % intervals, with Bonferroni's bound.

    >>> broken_since([True] * 10 + [False] * 3)
    10
    >>> broken_since([True] * 18 + [False, True]) is None
    True
    """
    found: int | None = None
    rarest = _RARE
    for start in range(len(held)):
        chance = _at_least(sum(not one for one in held[start:]), len(held) - start) * len(held)
        if not held[start] and chance < rarest:
            found, rarest = start, chance
    return found


def _at_least(missed: int, n: int) -> float:
    """Return how likely that many are missed by chance, or more."""
    miss = 1 - STATED
    return sum(comb(n, k) * miss**k * STATED ** (n - k) for k in range(missed, n + 1))
