"""What a measure says: a number, how sure it is, and of how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Z = 1.959963984540054
"""Of 95 % intervals: the 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number of what was answered.

    Attributes:
        n: Of how many answers.
        value: None where it is not defined, such as the AUC where all were right.
        low, high: Its 95 % interval, for one look, as if answers were independent of each
            other; None where no simple one is valid.
        more: What else belongs to it, in JSON form.
    """

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    more: Mapping[str, object] = field(default_factory=dict)


def checked(*columns: Floats | Bools) -> int:
    """Return how many numbers each column has.

    Raises:
        ValueError: They differ, or one of them is not finite.
    """
    sizes = {len(one) for one in columns}
    if len(sizes) != 1:
        raise ValueError(f"expected columns of one length, found {sorted(sizes)}")
    if not all(isfinite(one.sum()) and np.isfinite(one).all() for one in columns):
        raise ValueError("expected finite numbers, found others")
    return sizes.pop()
