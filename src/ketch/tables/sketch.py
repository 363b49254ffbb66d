"""What a column holds, gathered in one pass and little memory, mergeable.

Two Apache DataSketches keep what can't be kept exactly: a t-digest for quantiles and a
HyperLogLog for the number of distinct values. Both are fed in the order of the rows and
draw no random numbers (KLL, the better known quantile sketch, does), so that the same
rows always give the same bytes. Their bytes are those of DataSketches' own format, which
its C++, Java, Go and Rust libraries read.

Frequent values are a Misra-Gries summary, kept as plain counts: readable in the package,
and the same on every platform, which the bytes of DataSketches' hash map are not.

Source: Dunning, Ertl, "Computing extremely accurate quantiles using t-digests", 2019.
Agarwal et al., "Mergeable Summaries", PODS 2012 (the merge of Misra-Gries summaries).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from datasketches import hll_sketch, hll_union, tdigest_double, tgt_hll_type

QUANTILE_K = 100
"""Compression of the t-digest: ranks err by 1 % in the middle and far less at the ends."""

DISTINCT_LG_K = 12
"""Registers of the HyperLogLog, as a power of two: relative error about 1.6 %."""

FREQUENT_VALUES = 128
"""How many values a frequency summary keeps."""

Plain = bool | int | float | str
"""A value that JSON has a notation for."""


@dataclass(frozen=True, slots=True)
class Frequent:
    """The most frequent values and how often they came.

    A count is never too high, and too low by at most ``error``. Values that came more
    than ``error`` times are all there; ``error`` is at most 1/129 of all values, and 0
    while there are no more than 128 different ones.
    """

    counts: Mapping[Plain, int]
    error: int = 0

    def add(self, values: Mapping[Plain, int], error: int = 0) -> Frequent:
        """Return the summary with these counts added."""
        counts = dict(self.counts)
        for value, count in values.items():
            counts[value] = counts.get(value, 0) + count
        cut = 0
        if len(counts) > FREQUENT_VALUES:
            cut = sorted(counts.values(), reverse=True)[FREQUENT_VALUES]
            counts = {value: count - cut for value, count in counts.items() if count > cut}
        return Frequent(counts, self.error + error + cut)

    def merge(self, other: Frequent) -> Frequent:
        """Return the summary of both."""
        return self.add(other.counts, other.error)

    def top(self, k: int) -> tuple[tuple[Plain, int], ...]:
        """Return the ``k`` most frequent values with their counts; equals in order of value."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], _order(item[0])))
        return tuple(ordered[:k])


class DistinctSketch:
    """Estimates the number of distinct values, within about 1.6 %; small numbers exactly."""

    def __init__(self, content: bytes | None = None) -> None:
        self._sketch = (
            hll_sketch(DISTINCT_LG_K, tgt_hll_type.HLL_8)
            if content is None
            else hll_sketch.deserialize(content)
        )

    def add(self, values: Iterable[Plain]) -> None:
        """Add values; one that came before changes nothing."""
        update = self._sketch.update
        for value in values:
            update(value if isinstance(value, (float, str)) else _signed(value))

    def merge(self, other: DistinctSketch) -> DistinctSketch:
        """Return the sketch of both."""
        union = hll_union(DISTINCT_LG_K)
        union.update(self._sketch)
        union.update(other._sketch)
        merged = DistinctSketch()
        merged._sketch = union.get_result(tgt_hll_type.HLL_8)
        return merged

    @property
    def estimate(self) -> float:
        """The number of distinct values."""
        return float(self._sketch.get_estimate())

    def to_bytes(self) -> bytes:
        """Return the sketch in DataSketches' compact format."""
        return bytes(self._sketch.serialize_compact())


class QuantileSketch:
    """Estimates quantiles; the smallest and largest value are exact."""

    def __init__(self, content: bytes | None = None) -> None:
        self._sketch = (
            tdigest_double(QUANTILE_K) if content is None else tdigest_double.deserialize(content)
        )

    def add(self, values: Sequence[float] | Sequence[int]) -> None:
        """Add finite numbers; integers beyond 53 bits are rounded to doubles."""
        self._sketch.update(np.array(values, dtype=np.float64))

    def merge(self, other: QuantileSketch) -> QuantileSketch:
        """Return the sketch of both."""
        merged = QuantileSketch(self.to_bytes())
        merged._sketch.merge(other._sketch)
        return merged

    def quantiles(self, ranks: Sequence[float]) -> tuple[float, ...]:
        """Return the values at ranks between 0 and 1; none when nothing was added."""
        if self._sketch.is_empty():
            return ()
        return tuple(float(self._sketch.get_quantile(rank)) for rank in ranks)

    def to_bytes(self) -> bytes:
        """Return the sketch in DataSketches' format."""
        return bytes(self._sketch.serialize())


def count(values: Sequence[Plain]) -> Counter[Plain]:
    """Return how often each value comes, in the order they first came.

    True is not 1 here, nor is 1.0: a column holds one type, so the question can't come up.
    """
    return Counter(values)


def _signed(value: int) -> int:
    """Return the same 64 bits as a signed integer, which is what DataSketches hashes."""
    return value - 2**64 if value >= 2**63 else int(value)


def _order(value: Plain) -> tuple[bool, float, str]:
    return (isinstance(value, str), 0 if isinstance(value, str) else value, str(value))
