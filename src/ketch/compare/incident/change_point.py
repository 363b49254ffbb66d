"""Where a series changes its level for good: the likeliest place, how sure, and since when.

Pure. A series has a sum and a weight in each stretch of time: hits of trials, or the sum of
some numbers and how many they were. The place is the one at which two levels explain it best
(likelihood ratio: Hinkley, Biometrika 1970). How rare that is where nothing changed is told by
shuffling the stretches (Antoch and Hušková, Statistics & Probability Letters 2001), which
takes the noise between stretches as it is. The interval holds the places that fit nearly as
well (Siegmund, International Statistical Review 1988, with the limit of Yao 1987).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ketch.rollout.stats.special import student_t_two_sided

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Kind = Literal["rate", "mean"]

ROUNDS = 9_999
_FIRST_ROUNDS = 199
_AT_ONCE = 500
_LIKELY = 0.05
_LARGEST = 50.0
_FEWEST = 4
"""Stretches without which nothing is looked for."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of level.

    Attributes:
        index: The first stretch of the new level.
        first, last: The 95 % interval of it.
        before, after: The two levels: hits by trials, or means.
        strength: Twice the logarithm of the likelihood ratio, in units of the noise.
        p_value: How often a series that never changes is as strong, at most.
        is_step: Whether a step explains the series better than a parabola, or a line where the
            place was known; a slow drift is none.
    """

    index: int
    first: int
    last: int
    before: float
    after: float
    strength: float
    p_value: float
    is_step: bool

    def moved(self, by: int) -> ChangePoint:
        """Return the same change of a series that has so many stretches before it."""
        return replace(self, index=self.index + by, first=self.first + by, last=self.last + by)


def change_point(
    sums: Floats,
    weights: Floats,
    kind: Kind,
    *,
    places: Sequence[int] | None = None,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> ChangePoint | None:
    """Return the likeliest change of level; None where a series is too short or too even.

    Args:
        sums: Of each stretch: hits, or the sum of numbers.
        weights: Of each stretch: trials, or how many numbers; at least 0. Stretches without
            any are passed over.
        kind: ``rate``: hits of trials; ``mean``: anything else.
        places: The stretches that may be the first of the new level, where it is known before
            when something happened: fewer places are fewer chances. All by default.
        rounds: How often stretches are shuffled, at most. What is not rare after 199 rounds is
            left at that; what none of all reached is bounded by the tail of the t-test, at all
            places together (Bonferroni).
        seed: Of the shuffles; the same series gives the same numbers.

    Raises:
        ValueError: The two are not of one length.

    >>> hits = np.array([2, 1, 3, 2, 2, 9, 8, 11, 9, 8.0])
    >>> found = change_point(hits, np.full(10, 100.0), "rate")
    >>> found.index, found.before, found.after, found.p_value < 0.02
    (5, 0.02, 0.09, True)
    """
    if sums.shape != weights.shape:
        raise ValueError(f"expected two of one length, found {len(sums)} and {len(weights)}")
    kept = np.flatnonzero(weights > 0)
    s, w = sums[kept], weights[kept]
    if len(kept) < _FEWEST or np.ptp(s / w) == 0:
        return None
    where = _places(kept, places)
    if not len(where):
        return None
    gains = _gains(s[None], w[None], kind)[0]
    at = int(where[gains[where].argmax()])
    noise = _noise(s, w, at + 1, kind)
    near = np.flatnonzero(gains >= gains[at] - likely_limit(0.95) * noise)
    left, right = slice(None, at + 1), slice(at + 1, None)
    return ChangePoint(
        int(kept[at + 1]),
        int(kept[near[0] + 1]),
        int(kept[near[-1] + 1]),
        float(s[left].sum() / w[left].sum()),
        float(s[right].sum() / w[right].sum()),
        float(gains[at] / noise),
        _rare(_Test(s, w, kind, where), float(gains[at]), noise, rounds=rounds, seed=seed),
        _is_step(s / w, w, at + 1, degree=2 if places is None else 1),
    )


def likely_limit(level: float) -> float:
    """Return how much less likely a place may be than the likeliest, to be in the interval.

    Twice the logarithm of the likelihood ratio of the likeliest place and the true one is at
    most ``x`` with probability ``(1 - exp(-x / 2)) ** 2``, where levels are far apart.

    Source: Yao, Annals of Statistics 1987; the same limit is printed in Hansen,
    Econometrica 2000, table 1.

    >>> [round(likely_limit(level), 2) for level in (0.90, 0.95, 0.99)]
    [5.94, 7.35, 10.59]
    """
    return -2 * log(1 - sqrt(level))


def _gains(sums: Floats, weights: Floats, kind: Kind) -> Floats:
    """Return twice the log-likelihood ratio of each place, of each row of series."""
    s, w = sums.cumsum(axis=1), weights.cumsum(axis=1)
    all_s, all_w = s[:, -1:], w[:, -1:]
    s, w = s[:, :-1], w[:, :-1]
    if kind == "rate":
        parts = _fit(s, w) + _fit(all_s - s, all_w - w) - _fit(all_s, all_w)
        return 2 * parts
    means = s / w - (all_s - s) / (all_w - w)
    between = w * (all_w - w) / all_w * means**2
    total = (sums**2 / weights).sum(axis=1, keepdims=True) - all_s**2 / all_w
    within = np.maximum(total - between, 1e-12 * total + 1e-300)
    return np.asarray(sums.shape[1] * np.log1p(between / within))


def _fit(hits: Floats, trials: Floats) -> Floats:
    """Return the log-likelihood of hits at their own rate."""
    misses = trials - hits
    with np.errstate(divide="ignore", invalid="ignore"):
        some = np.where(hits > 0, hits * np.log(hits / trials), 0.0)
        rest = np.where(misses > 0, misses * np.log(misses / trials), 0.0)
    return np.asarray(some + rest)


def _noise(s: Floats, w: Floats, at: int, kind: Kind) -> float:
    """Return how much wider stretches scatter than trials would by themselves; at least 1."""
    if kind == "mean":
        return 1.0  # the scatter is in the likelihood already
    chi = 0.0
    for part in (slice(None, at), slice(at, None)):
        rate = s[part].sum() / w[part].sum()
        if 0 < rate < 1:
            chi += float(((s[part] - w[part] * rate) ** 2 / (w[part] * rate * (1 - rate))).sum())
    return max(1.0, chi / max(len(s) - 2, 1))


def _places(kept: Ints, places: Sequence[int] | None) -> Ints:
    """Return after which of the stretches that are looked at the level may change."""
    if places is None:
        return np.arange(len(kept) - 1)
    before = np.searchsorted(kept, np.array(sorted(places), np.int64)) - 1
    return np.unique(before[(before >= 0) & (before < len(kept) - 1)])


@dataclass(frozen=True, slots=True, eq=False)
class _Test:
    """A series, and the places at which its level may change."""

    sums: Floats
    weights: Floats
    kind: Kind
    where: Ints

    def strongest(self, order: Ints) -> Floats:
        """Return the strongest change of each shuffled series."""
        gains = _gains(self.sums[order], self.weights[order], self.kind)
        return np.asarray(gains[:, self.where].max(axis=1))


def _rare(test: _Test, seen: float, noise: float, *, rounds: int, seed: int) -> float:
    """Return how often a shuffled series has a change that is as strong, at most."""
    draw = np.random.default_rng(seed)
    reached, done, size = 0, 0, len(test.sums)
    while done < rounds:
        number = min(_AT_ONCE if done else _FIRST_ROUNDS, rounds - done)
        order = draw.permuted(np.tile(np.arange(size), (number, 1)), axis=1)
        reached += int((test.strongest(order) >= seen * (1 - 1e-9)).sum())
        done += number
        if reached > _LIKELY * rounds or (done == _FIRST_ROUNDS and reached > _LIKELY * done):
            break
    shuffled = (reached + 1) / (done + 1)
    return shuffled if reached else min(shuffled, _tail(test, seen, noise))


def _tail(test: _Test, seen: float, noise: float) -> float:
    """Return a bound for what no shuffle reached: that of one place, times all places.

    The gain of a place is that of a t-test between its two sides.
    """
    size = len(test.sums)
    per_stretch = min(seen / size, _LARGEST)
    ratio = (size - 2) * float(np.expm1(per_stretch)) if test.kind == "mean" else seen / noise
    return len(test.where) * student_t_two_sided(sqrt(ratio), size - 2)


def _is_step(levels: Floats, weights: Floats, at: int, degree: int) -> bool:
    """Whether two levels fit better than a smooth bend that has as many numbers to choose.

    A parabola has three, as two levels and a place; a line has two, where the place is known.
    """
    time = np.linspace(-1, 1, len(levels))
    after = (np.arange(len(levels)) >= at).astype(np.float64)
    step = np.stack([np.ones_like(time), after], axis=1)
    bend = np.stack([time**power for power in range(degree + 1)], axis=1)
    return _left(levels, weights, step) <= _left(levels, weights, bend)


def _left(levels: Floats, weights: Floats, terms: Floats) -> float:
    """Return the weighted squares that a least-squares fit leaves."""
    root = np.sqrt(weights)
    fitted, *_ = np.linalg.lstsq(terms * root[:, None], levels * root, rcond=None)
    return float((((levels - terms @ fitted) * root) ** 2).sum())
