"""What a number is expected to be before it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.metrics.measures.estimate import Z
from ketch.rollout.stats import jackknife_variance

GROUPS = 20
"""Into how many the reference is divided to see how sure it is."""


class Expected(NamedTuple):
    """A metric that is not known yet.

    Attributes:
        value: What it is expected to be.
        variance: How far what is realised will lie from that by chance, squared.
    """

    value: float
    variance: float


class Span(NamedTuple):
    """An expected metric, and what what is realised lies between in 95 of 100 cases."""

    value: float
    low: float
    high: float


def spanned(expected: Expected, without: Sequence[Expected | None], most: float) -> Span:
    """Return an expected metric with its interval, within 0 and the most that it can be.

    Args:
        expected: By the whole reference.
        without: By the reference without one of its groups, each in turn; None where it is
            not defined without it.
        most: What the metric cannot be above.

    Returns:
        The interval has the chance of what is realised, and that of the reference by the
        delete-a-group jackknife: answers of one unit are of one group.

    Source: Efron & Stein, Annals of Statistics 1981; Kott, Journal of Official Statistics
    2001.

    >>> found = spanned(Expected(0.5, 0.01), [Expected(0.4, 0.01), Expected(0.6, 0.01)], 1.0)
    >>> round(found.low, 4), round(found.high, 4)
    (0.2228, 0.7772)
    """
    numbers = [one.value for one in without if one is not None]
    among = jackknife_variance(numbers) if len(numbers) > 1 else 0.0
    wide = Z * sqrt(expected.variance + among)
    value = expected.value
    return Span(value, max(value - wide, 0.0), min(value + wide, most))


def groups_of(units: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the group of each unit, the same whenever it comes."""
    mixed = units * np.uint64(0x9E3779B97F4A7C15)  # Knuth: by the golden ratio, which mixes
    found: NDArray[np.int64] = ((mixed >> np.uint64(33)) % np.uint64(GROUPS)).astype(np.int64)
    return found


Expect = Callable[[NDArray[np.float64]], Expected | None]
"""What is expected of answers, given how likely each of them is."""
