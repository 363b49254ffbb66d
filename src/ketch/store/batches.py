"""Work on many files, cut into tasks that are worth handing to another thread."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

SMALL_BYTES = 1024 * 1024
"""Up to this size a file is quicker to read than to hand over."""

_BATCH = 32

T = TypeVar("T", bound=Hashable)


def batches(sizes: Mapping[T, int]) -> list[list[T]]:
    """Return every key once: large ones alone, the longest first; small ones in groups.

    The longest come first because one that starts last keeps one worker busy alone.

    >>> batches({"a": 5, "b": 10**9, "c": 2 * 10**9, "d": 6})
    [['c'], ['b'], ['a', 'd']]
    """
    large = sorted((key for key in sizes if sizes[key] > SMALL_BYTES), key=lambda k: -sizes[k])
    small = [key for key in sizes if sizes[key] <= SMALL_BYTES]
    groups = [small[start : start + _BATCH] for start in range(0, len(small), _BATCH)]
    return [*([key] for key in large), *groups]
