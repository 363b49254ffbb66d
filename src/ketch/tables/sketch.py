"""Quantiles and numbers of distinct values, in one pass and little memory, mergeable.

Two Apache DataSketches keep what can't be kept exactly: a t-digest for quantiles and a
HyperLogLog for the number of distinct values. Both are fed in the order of the rows and
draw no random numbers (KLL, the better known quantile sketch, does), so that the same
rows always give the same bytes. Their bytes are those of DataSketches' own format, which
its C++, Java, Go and Rust libraries read.

Source: Dunning, Ertl, "Computing extremely accurate quantiles using t-digests", 2019.
Heule et al., "HyperLogLog in Practice", EDBT 2013.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

import numpy as np
from datasketches import hll_sketch, hll_union, tdigest_double, tgt_hll_type

from ketch.tables.frequent import Plain

QUANTILE_K = 500
"""Compression of the t-digest, measured on sorted, shuffled and skewed numbers: ranks err by up
to 1 % in the middle and 0.2 % at the ends, in 10 kB; at the usual 100 it was nearly 4 %."""

DISTINCT_LG_K = 12
"""Registers of the HyperLogLog, as a power of two: relative error about 1.6 %."""

DISTINCT_ERROR = 0.016


class DistinctSketch:
    """Estimates the number of distinct values, within about 1.6 %; small numbers exactly."""

    def __init__(self, content: bytes | None = None) -> None:
        self._sketch = (
            hll_sketch(DISTINCT_LG_K, tgt_hll_type.HLL_8)
            if content is None
            else hll_sketch.deserialize(content)
        )

    def add(self, values: Collection[Plain]) -> None:
        """Add values; one that came before changes nothing."""
        update = self._sketch.update
        for value in _hashable(values):
            update(value)

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

    def ranks(self, values: Sequence[float]) -> tuple[float, ...]:
        """Return which share lies below each value, and half of what equals it."""
        if self._sketch.is_empty():
            return ()
        return tuple(float(self._sketch.get_rank(value)) for value in values)

    def to_bytes(self) -> bytes:
        """Return the sketch in DataSketches' format."""
        return bytes(self._sketch.serialize())


def _hashable(values: Collection[Plain]) -> Collection[Plain]:
    """Return values as DataSketches takes them; most are so already."""
    types = set(map(type, values))
    if types <= {float, str} or (types == {int} and max(cast("Collection[int]", values)) < 2**63):
        return values
    return [one if isinstance(one, float | str) else _signed(one) for one in values]


def _signed(value: int) -> int:
    """Return the same 64 bits as a signed integer, which is what DataSketches hashes."""
    return value - 2**64 if value >= 2**63 else int(value)
