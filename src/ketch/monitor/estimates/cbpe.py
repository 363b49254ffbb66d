"""Metrics of a classifier before outcomes come, by what its scores meant so far.

Where an answer is as likely to be right as those that were scored alike, the metric of many
answers is known but for chance. This follows answers that differ from earlier ones, as long
as what a score means stays the same. It cannot see that this has changed.

Source: confidence-based performance estimation, as in NannyML 0.13; intervals are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import erf, exp, pi, sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.estimates.calibration import Calibration, calibration_of
from ketch.monitor.estimates.expected import GROUPS, Expect, Expected, Span, spanned
from ketch.monitor.metrics.measures.auc import twice_ranks
from ketch.monitor.metrics.measures.calibration import BINS
from ketch.monitor.metrics.measures.estimate import Floats
from ketch.rollout.metric import Scored

_KNOTS = 500
"""Scores that are told apart while the uncertainty is looked at."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What scores meant so far, by which a metric of later answers is expected.

    Attributes:
        measure: Accuracy, AUC or calibration.
        whole: What they meant.
        without: The same without each group of units in turn, which says how sure that is.
    """

    measure: Scored
    whole: Calibration
    without: Sequence[Calibration]

    @classmethod
    def learned(
        cls, measure: Scored, scores: Floats, happened: Floats, groups: NDArray[np.int64]
    ) -> Self:
        """Learn what scores mean.

        Args:
            measure: The metric.
            scores: Any finite numbers, more for what is more likely; at least one.
            happened: Whether each happened, 1 or 0.
            groups: The group of the unit of each, from 0 to 19.
        """
        return cls(
            measure, calibration_of(scores, happened), _without_each(scores, happened, groups)
        )

    def of(self, scores: Floats, said: Floats) -> Span | None:
        """Return the metric of answers whose outcomes are not known.

        Args:
            scores: Of each answer.
            said: Whether it was answered that it happens, 1 or 0; only of accuracy.

        Returns:
            With a 95 % interval for what will be realised, as if answers were independent of
            each other; None where it is not defined, such as where nothing is expected to
            happen.

        Accuracy: the AUC is NannyML's to five digits.

        >>> past = np.repeat([0.2, 0.8], 20), np.tile([0.0, 1.0, 1.0, 1.0], 10), np.arange(40) % 20
        >>> learned = Scores.learned(Scored.ACCURACY, *past)
        >>> learned.of(np.array([0.2, 0.8]), np.array([1.0, 1.0])).value
        0.75
        """
        expect = _EXPECT[self.measure](scores, said)
        expected = expect(self.whole.at(scores))
        if expected is None:
            return None
        return spanned(expected, [expect(one.at(scores)) for one in self.without], 1.0)


def _without_each(scores: Floats, happened: Floats, groups: NDArray[np.int64]) -> list[Calibration]:
    """Return the calibration without each group in turn, of scores that are close as one."""
    places, which = np.unique(scores, return_inverse=True)
    if len(places) > _KNOTS:
        order = np.argsort(scores, kind="stable")
        which[order] = np.arange(len(scores)) * _KNOTS // len(scores)
        places = np.bincount(which, scores) / np.bincount(which)
    cells = which * GROUPS + groups
    shape = len(places), GROUPS
    alls = np.bincount(cells, minlength=len(places) * GROUPS).reshape(shape)
    ups = np.bincount(cells, happened, minlength=len(places) * GROUPS).reshape(shape)
    found = []
    for group in np.flatnonzero(alls.sum(axis=0)):
        left = alls.sum(axis=1) - alls[:, group]
        has = left > 0
        if has.any():
            part = (ups.sum(axis=1) - ups[:, group])[has] / left[has]
            found.append(calibration_of(places[has], part, left[has]))
    return found


def _accuracy(_: Floats, said: Floats) -> Expect:
    def expect(chances: Floats) -> Expected | None:
        right = np.where(said > 0, chances, 1 - chances)
        return _mean(right, right * (1 - right)) if len(right) else None

    return expect


def _mean(values: Floats, variances: Floats) -> Expected:
    return Expected(float(values.mean()), float(variances.sum()) / len(values) ** 2)


def _auc(scores: Floats, _: Floats) -> Expect:
    """Return what is expected of pairs; how far chance moves it, by its slope in each answer."""
    below = twice_ranks(scores) / 2 - 0.5  # a half of those that score the same, itself too
    n = len(scores)

    def expect(chances: Floats) -> Expected | None:
        ups = float(chances.sum())
        downs = n - ups
        if min(ups, downs) < 1:
            return None
        value = float((chances * below).sum() - ups**2 / 2) / (ups * downs)
        slopes = (below - ups - value * (downs - ups)) / (ups * downs)
        return Expected(value, float((chances * (1 - chances) * slopes**2).sum()))

    return expect


def _calibration(scores: Floats, _: Floats) -> Expect:
    """Return what is expected of the calibration error, which chance alone lets grow."""
    edges = np.arange(1, BINS) / BINS
    places = np.searchsorted(edges, scores, side="right")

    def expect(chances: Floats) -> Expected | None:
        if not len(chances):
            return None
        off = np.bincount(places, scores - chances, BINS).tolist()
        doubt = np.bincount(places, chances * (1 - chances), BINS).tolist()
        bins = [_folded(*one) for one in zip(off, doubt, strict=True)]
        value = sum(mean for mean, _ in bins) / len(chances)
        return Expected(value, sum(variance for _, variance in bins) / len(chances) ** 2)

    return expect


def _folded(mean: float, variance: float) -> tuple[float, float]:
    """Return mean and variance of how far from 0 a normal number is."""
    if variance <= 0:
        return abs(mean), 0.0
    far = mean / sqrt(2 * variance)
    folded = sqrt(2 * variance / pi) * exp(-(far**2)) + mean * erf(far)
    return folded, max(mean**2 + variance - folded**2, 0.0)


_EXPECT: Mapping[Scored, Callable[[Floats, Floats], Expect]] = {
    Scored.ACCURACY: _accuracy,
    Scored.AUC: _auc,
    Scored.CALIBRATION: _calibration,
}
