"""Sample-ratio mismatch: whether the arms got the units that they should have got."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import lgamma, log

from ketch.rollout.stats.units import Units

ALARM = 1000.0
"""From this e-value on, no comparison of the arms may be read until it is explained."""

CONCENTRATION = 10_000.0
"""How close to the plan a mismatch is expected; 1,000 for shops with fewer visitors."""


def log_e_srm(
    counts: Sequence[int], shares: Sequence[float], *, concentration: float = CONCENTRATION
) -> float:
    """Return the evidence that units were not split as planned.

    A mismatch says that units are lost or counted twice in one of the arms, and then those
    that are left can no longer be compared.

    Args:
        counts: Units of each arm, under one plan.
        shares: The plan: a probability for each arm, 1 together.
        concentration: Of the mismatches that are looked for, around the plan.

    Returns:
        The natural logarithm of an e-value: 1,000 is reached in at most one of 1,000
        rollouts without a mismatch, however often one looks.

    Accuracy: exact up to rounding (1e-8). Source: Lindon & Malek, NeurIPS 2022 (arXiv
    2011.03567), the Dirichlet-multinomial mixture; default concentration of its reference
    implementation.

    >>> round(log_e_srm([5_000, 5_000], [0.5, 0.5]), 2)
    -0.35
    >>> log_e_srm([9_300, 700], [0.9, 0.1]) > log(ALARM)
    True
    """
    if len(counts) != len(shares) or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"expected a share for each of {len(counts)} arms, found {shares}")
    pairs = list(zip(counts, shares, strict=True))
    if any(count and not share for count, share in pairs):
        raise ValueError("expected no units where the share is 0")
    planned = [(count, share) for count, share in pairs if share]
    return log_marginal(
        [count for count, _ in planned], [concentration * share for _, share in planned]
    ) - sum(count * log(share) for count, share in planned)


def log_marginal(counts: Sequence[int], prior: Sequence[float]) -> float:
    """Return the logarithm of the probability of a sequence under a Dirichlet prior.

    Args:
        counts: How often each kind was seen.
        prior: The parameters of the Dirichlet distribution, above 0.

    Accuracy: 1e-15 of the largest ``lgamma``. Source: the Pólya urn; textbook.

    >>> round(log_marginal([20, 17, 9], [1, 1, 1]), 6)
    -51.338259
    """
    total = lgamma(sum(prior)) - lgamma(sum(prior) + sum(counts))
    return total + sum(
        lgamma(a + count) - lgamma(a) for a, count in zip(prior, counts, strict=True)
    )


def log_e_srm_of(units: Units, *, concentration: float = CONCENTRATION) -> float:
    """Return the evidence that units were not split as planned, over all shares they had.

    Each share that the candidate had is tested by itself, and the e-values multiplied.

    Accuracy, source: those of :func:`log_e_srm`.

    >>> ramp = [Unit(True, 0.1, 0, 100), Unit(False, 0.1, 0, 900)]
    >>> ramp += [Unit(True, 0.5, 0, 5000), Unit(False, 0.5, 0, 5000)]
    >>> round(log_e_srm_of(Units.of(ramp)), 2)
    -0.39
    """
    return sum(
        log_e_srm([theirs, mine], [1 - share, share], concentration=concentration)
        for share, theirs, mine in _plans(units)
    )


def _plans(units: Units) -> Iterable[tuple[float, int, int]]:
    for share in sorted(set(units.probability.tolist())):
        at = units.probability == share
        mine = at & units.candidate
        yield share, int(units.times[at & ~units.candidate].sum()), int(units.times[mine].sum())
