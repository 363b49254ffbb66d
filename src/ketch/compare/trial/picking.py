"""The offline choice: which of several packages, by one metric. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ketch.compare.trial.scoring import BETTER, Scores
from ketch.compare.trial.timing import is_longer
from ketch.errors import UsageError

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Choice:
    """Which package is picked, and why.

    Attributes:
        metric: By what.
        picked: Which, by number.
        best: Which has the best value.
        alike: Those that cannot be told from the best, it included, by number.
        out: Those that do not answer rows that others answer.
        reason: In a sentence.
    """

    metric: str
    picked: int
    best: int
    alike: tuple[int, ...]
    out: tuple[int, ...]
    reason: str


def pick(
    scores: Scores, names: Sequence[str], costs: Sequence[float | None], failing: Sequence[int]
) -> Choice:
    """Return the package with the best value, or of those as good one of the quickest.

    A package is as good as the best when the paired interval of their difference holds zero;
    the intervals are widened for the number of comparisons with the best (Bonferroni). Of
    those as good and as quick the first named is picked: no reason, no change.

    Args:
        scores: The metric.
        names: Of the packages.
        costs: How long each takes for a row; None where it is not known.
        failing: Packages that do not answer rows that others answer.

    Raises:
        UsageError: ``compare/nothing-to-pick``: no row says what was right.
    """
    fit = [at for at in range(len(names)) if at not in failing] or list(range(len(names)))
    values = {at: value for at in fit if (value := scores.of(at).value) is not None}
    name = scores.wanted.name
    if not values:
        why = next((reason for one in scores.unread for reason in one), None)
        wanted = f"`{scores.wanted.target}` has to have a value on rows that all packages answer"
        raise UsageError(
            f"expected rows that say what was right by `{name}`, found none",
            code="compare/nothing-to-pick",
            hint=why or wanted,
        )
    best = max(values, key=lambda at: (scores.wanted.better(values[at], 0.0), -at))
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(values) - 1)
    alike = tuple(at for at in values if at == best or not _beats(scores, best, at, confidence))
    picked = _quick(alike, costs)
    out = tuple(at for at in range(len(names)) if at not in fit)
    reason = _reason(scores, names, picked, alike, fit)
    return Choice(name, picked, best, alike, out, reason)


def _beats(scores: Scores, best: int, other: int, confidence: float) -> bool:
    """Whether the best is surely better than another."""
    found = scores.difference(other, best, confidence=confidence)
    return scores.says(found) == BETTER


def _quick(alike: Sequence[int], costs: Sequence[float | None]) -> int:
    least = min((cost for at in alike if (cost := costs[at]) is not None), default=0.0)
    return next(at for at in alike if not is_longer(costs[at] or least, least))


def _reason(
    scores: Scores, names: Sequence[str], picked: int, alike: Sequence[int], fit: Sequence[int]
) -> str:
    name, n = scores.wanted.name, len(scores.rows)
    mine, rows = f"`{names[picked]}` is picked", "1 row" if n == 1 else f"{n:,} rows"
    if len(fit) == 1 < len(names):
        return f"{mine}: it alone answers every row that another one answers"
    if len(alike) == 1:
        others = len(fit) - 1
        beaten = "the other one" if others == 1 else f"each of the {others} others"
        return f"{mine}: by {name} it is better than {beaten}, on {rows}"
    listed = ", ".join(f"`{names[at]}`" for at in alike)
    told = f"{listed} cannot be told apart by {name}, on {rows}"
    return f"{told}; {mine}, the first named of the quickest of them"
