"""A field given back its reference distribution, in rows that were asked.

Numbers keep their order: the row that holds the median gets the reference's median. Other
values keep as many rows as the reference leaves them, and only the rest are drawn anew. So
each row stays as much itself as it can, and what else changes in the answers is the drift.

Source: the monotone rearrangement and the maximal coupling are the changes of least cost;
Villani, "Topics in Optimal Transportation", 2003, sections 2.2 and 1.4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import numpy as np

from ketch.monitor.drift.measures.spread import Spread
from ketch.tables.frequent import Plain


def restored_numbers(
    values: Sequence[float | None], reference: Spread, missing: float, chance: Random
) -> list[float | None]:
    """Return numbers that lie as the reference's do; nothing counts as the smallest.

    Args:
        values: What the rows hold.
        reference: How numbers ought to lie.
        missing: The share of rows that ought to hold nothing.
        chance: Orders what is equal.
    """
    keys = [(one is not None, one or 0.0, chance.random()) for one in values]
    order = sorted(range(len(values)), key=keys.__getitem__)
    ranks = (np.arange(len(values)) + 0.5) / max(1, len(values))
    inside = np.clip((ranks - missing) / (1 - missing) if missing < 1 else ranks, 0, 1)
    numbers = reference.quantiles(inside).tolist()
    found: list[float | None] = [None] * len(values)
    for at, rank, number in zip(order, ranks.tolist(), numbers, strict=True):
        found[at] = None if rank < missing else number
    return found


def restored_values(
    values: Sequence[Plain | None], reference: Mapping[Plain | None, float], chance: Random
) -> list[Plain | None]:
    """Return values that are as frequent as in the reference; as few as possible change.

    Args:
        values: What the rows hold.
        reference: Value → its share; None for nothing, where rows may hold that.
        chance: Chooses.
    """
    counts = Counter(values)
    shares = {one: count / len(values) for one, count in counts.items()}
    lacking = {one: max(0.0, share - shares.get(one, 0.0)) for one, share in reference.items()}
    if not any(lacking.values()):
        return list(values)
    names, weights = list(lacking), list(lacking.values())
    return [
        one
        if chance.random() * shares[one] < reference.get(one, 0.0)
        else chance.choices(names, weights)[0]
        for one in values
    ]
