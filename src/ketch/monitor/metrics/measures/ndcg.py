"""NDCG at k: how near the top what was wanted stood, more for what was wanted more."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import log2
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def ndcg_at(items: Sequence[Item], gains: Mapping[Item, float], k: int) -> float | None:
    """Return the gain of the first ``k`` items of one answer, beside the best there could be.

    Args:
        items: The answer, the best first. One that comes again gains once.
        gains: What was wanted: item → how much, 0 or more; 1 each where all count the same.
            Items that were not answered count in the best there could be.
        k: At least 1.

    Returns:
        From 0 to 1; None where nothing was wanted. A metric is the mean over the answers
        that have a value.

    Source: Järvelin & Kekäläinen, ACM TOIS 2002, with the gain itself (not two to the power
    of it) and the logarithm of base 2 of the place plus 1, as scikit-learn has it.

    >>> round(ndcg_at(["tea", "mug", "jar"], {"mug": 3, "tea": 1}, k=10), 4)
    0.7967
    """
    if k < 1 or any(gain < 0 for gain in gains.values()):
        raise ValueError(f"expected gains of 0 or more and a k of at least 1, found {k}")
    best = _discounted(sorted(gains.values(), reverse=True)[:k])
    if not best:
        return None
    left = dict(gains)
    return _discounted(left.pop(item, 0.0) for item in items[:k]) / best


def _discounted(gains: Iterable[float]) -> float:
    return sum(gain / log2(place + 2) for place, gain in enumerate(gains))
