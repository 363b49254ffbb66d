"""How long answers take: one row alone, and many at once, in turns on the same rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ketch.compare.trial.asking import Contestant, rotated
from ketch.errors import PackageCodeError, Unavailable
from ketch.schema import Row

BATCH_ROWS = 100
ENOUGH_S = 3.0
"""When the turns of one kind have taken so long, there are no more of them."""
VARIES, VARIES_MS = 1.2, 0.1
"""Times of which one is not so many times, and not so much, longer are about the same."""
LEAST, MOST_ALONE, MOST_BATCHES = 3, 60, 12


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a package takes.

    Attributes:
        turns: How often it was asked.
        median_ms, p95_ms: Of the turns.
        ratio: The median, over turns, of its time to that of the first package on the same
            rows: 2 is twice as long.
    """

    turns: int
    median_ms: float
    p95_ms: float
    ratio: float

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {
            "turns": self.turns,
            "median_ms": round(self.median_ms, 4),
            "p95_ms": round(self.p95_ms, 4),
            "ratio": round(self.ratio, 4),
        }


def is_longer(one_ms: float, other_ms: float) -> bool:
    """Return whether a time is longer than another one by more than machines vary.

    >>> is_longer(10.0, 8.0), is_longer(10.0, 9.0), is_longer(0.1, 0.05)
    (True, False, False)
    """
    return one_ms > other_ms * VARIES and one_ms > other_ms + VARIES_MS


def alone(contestants: Sequence[Contestant], rows: Sequence[Row]) -> list[Latency]:
    """Return how long each takes for one row; nothing where there are no rows."""
    return _timed(contestants, [[row] for row in rows[:MOST_ALONE]], MOST_ALONE)


def at_once(
    contestants: Sequence[Contestant], rows: Sequence[Row], size: int = BATCH_ROWS
) -> list[Latency]:
    """Return how long each takes for so many rows at once; nothing of fewer than two."""
    size = min(size, len(rows))
    if size < 2:
        return []
    blocks = [rows[at : at + size] for at in range(0, len(rows) - size + 1, size)]
    return _timed(contestants, blocks[:MOST_BATCHES], MOST_BATCHES)


def batch_size(taken: Sequence[Latency]) -> int:
    """Return how many rows to ask at once, fewer of packages that are slow for one."""
    slowest = max((one.median_ms for one in taken), default=0.0)
    return BATCH_ROWS if not slowest else min(BATCH_ROWS, int(ENOUGH_S * 1e3 / slowest))


def _timed(
    contestants: Sequence[Contestant], blocks: Sequence[Sequence[Row]], most: int
) -> list[Latency]:
    """Return how long each takes for blocks of rows, asked again until it is enough."""
    if not blocks:
        return []
    taken: list[list[float]] = []
    until = time.monotonic() + ENOUGH_S * len(contestants)
    try:
        while len(taken) < most and (len(taken) < LEAST or time.monotonic() < until):
            turn = len(taken)
            block = blocks[turn % len(blocks)]
            found = {id(one): one.ask(block)[1] * 1e3 for one in rotated(contestants, turn)}
            taken.append([found[id(one)] for one in contestants])
    except (PackageCodeError, Unavailable):  # answered before, but not each time
        if not taken:
            return []
    return _summed(taken)


def _summed(taken: Sequence[Sequence[float]]) -> list[Latency]:
    turns = np.asarray(taken)
    ratios = np.median(turns / turns[:, :1], axis=0)
    medians, ends = np.quantile(turns, [0.5, 0.95], axis=0)
    return [
        Latency(len(taken), float(median), float(end), float(ratio))
        for median, end, ratio in zip(medians, ends, ratios, strict=True)
    ]
