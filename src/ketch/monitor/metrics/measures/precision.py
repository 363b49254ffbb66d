"""Precision at k: which part of the first items was wanted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def precision_at(items: Sequence[Item], gains: Mapping[Item, float], k: int) -> float:
    """Return which part of the first ``k`` items of one answer was wanted.

    Args:
        items: The answer, the best first. One that comes again is wanted once.
        gains: What was wanted: item → more than 0.
        k: At least 1. An answer of fewer items is not spared: it is always ``k`` parts.

    Returns:
        From 0 to 1; a metric is the mean over answers.

    Source: Manning, Raghavan & Schütze, "Introduction to Information Retrieval", 8.4.

    >>> precision_at(["tea", "mug", "jar", "pan"], {"mug": 1, "pan": 1, "cup": 1}, k=3)
    0.3333333333333333
    """
    if k < 1:
        raise ValueError(f"expected a k of at least 1, found {k}")
    return sum(gains.get(item, 0) > 0 for item in set(items[:k])) / k
