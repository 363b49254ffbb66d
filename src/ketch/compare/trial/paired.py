"""How sure a number of some rows is, and the difference of two on the same rows.

One method for every measure, for each is computed as it always is: the delete-a-group
jackknife. Rows that answer for the same unit belong to one group, for they are not
independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.metrics.measures import Estimate
from ketch.monitor.metrics.measuring import MEANS, measured
from ketch.rollout.metric import Scored
from ketch.rollout.stats import jackknife_variance
from ketch.rollout.stats.special import student_t_quantile

GROUPS = 100
"""More rows, or units, than so many are left out some at a time."""

_FEW = 10
_SEED = 20_001

Table = NDArray[np.float64]
"""A line for each row: the numbers that a measure takes of it."""
Keep = NDArray[np.bool_]
Units = Sequence[str]


def value(measure: Scored, rows: Table) -> float | None:
    """Return a measure of rows."""
    return measured(measure, rows.ravel()).value


def alone(measure: Scored, rows: Table, units: Units | None = None) -> Estimate:
    """Return a measure with its interval: its own, or with units by the jackknife."""
    found = measured(measure, rows.ravel())
    if units is None or found.value is None or measure is Scored.CALIBRATION:
        return found
    around = jackknife(lambda keep: value(measure, rows[keep]), _groups(len(rows), units))
    low, high = around or (None, None)
    if measure in MEANS and low is not None and high is not None:
        low, high = max(0.0, low), min(1.0, high)
    return Estimate(found.n, found.value, low, high, found.more)


def difference(
    measure: Scored,
    first: Table,
    other: Table,
    units: Units | None = None,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Return how much more the other one has of a measure, on the same rows.

    Args:
        measure: Which.
        first: The numbers of the one.
        other: Of the same rows in the same order, those of the other.
        units: Whom each row is about, where several may be about one.
        confidence: Of the interval; for one look.

    Returns:
        The difference of the two values. Its interval is ``value ± t * se`` with the
        standard error of the jackknife; of MAE, up to 100 rows, that is Student's paired
        interval. For means of numbers from 0 to 1 a row that speaks for one and a row that
        speaks for the other are added first, so that a few rows answered alike prove
        nothing. A calibration error has no simple interval, and so has its difference none.

    Accuracy: covers the difference in 93 to 99 % of samples of 50 rows or more. Source: Kott,
    "The Delete-a-Group Jackknife", Journal of Official Statistics 2001; Bonett & Price,
    Journal of Educational and Behavioral Statistics 2012, for the rows that are added.
    """
    n = len(first)
    values = [value(measure, one) for one in (first, other)]
    if None in values:
        return Estimate(n)
    centre = values[1] - values[0]  # type: ignore[operator] # neither is None
    if measure is Scored.CALIBRATION:
        return Estimate(n, centre)
    labels = _groups(n, units)
    if measure in MEANS:
        first, other = np.vstack([first, [[1.0], [0.0]]]), np.vstack([other, [[0.0], [1.0]]])
        labels = _groups(n + 2, None if units is None else [*units, "\0first", "\0other"])

    def moved(keep: Keep) -> float | None:
        one, two = (value(measure, rows[keep]) for rows in (first, other))
        return None if one is None or two is None else two - one

    around = jackknife(moved, labels, confidence=confidence)
    if around is None:
        return Estimate(n, centre)
    low, high = around
    if low == high != 0.0 and n < _FEW:  # they moved alike, which a few rows may by chance
        return Estimate(n, centre)
    if measure in MEANS:
        low, high = max(-1.0, min(low, centre)), min(1.0, max(high, centre))
    return Estimate(n, centre, low, high)


def jackknife(
    statistic: Callable[[Keep], float | None],
    groups: NDArray[np.int64],
    *,
    confidence: float = 0.95,
) -> tuple[float, float] | None:
    """Return the interval of a statistic around its value.

    Args:
        statistic: Computes it of the rows that are kept; None where it has no value.
        groups: For each row the number of its group, from 0.
        confidence: Of the interval.

    Returns:
        Its ends; None with fewer than two groups, or where it has no value without one.
    """
    count = int(groups.max()) + 1 if len(groups) else 0
    whole = statistic(np.ones(len(groups), np.bool_))
    if count < 2 or whole is None:
        return None
    left = [statistic(groups != one) for one in range(count)]
    known = [one for one in left if one is not None]
    if len(known) < count:
        return None
    wide = student_t_quantile((1 + confidence) / 2, count - 1) * sqrt(jackknife_variance(known))
    return whole - wide, whole + wide


def _groups(n: int, units: Units | None) -> NDArray[np.int64]:
    """Return the group of each row; which share one is drawn, always the same."""
    if units is None:
        places, count = np.arange(n), n
    else:
        known, places = np.unique(np.asarray(units), return_inverse=True)
        count = len(known)
    if count <= GROUPS:
        return places.astype(np.int64)
    drawn = np.random.default_rng(_SEED).permutation(count) % GROUPS
    return drawn[places].astype(np.int64)
