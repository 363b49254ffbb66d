"""What a comparison says, in sentences that a person can read."""

from __future__ import annotations

from ketch.compare.explain.sentence import listed, percent
from ketch.compare.trial.scoring import BETTER, UNCLEAR, WORSE
from ketch.compare.trial.timing import Latency, is_longer
from ketch.compare.trial.trial import Beside, Trial
from ketch.compare.trial.words import number


def sentence(found: Trial) -> str:
    """Return the answer: which is picked, or how each stands beside the first."""
    if found.choice is not None:
        return f"{found.choice.reason}."
    return f"{'; '.join(_stands(found, one) for one in found.beside)}."


def _stands(found: Trial, one: Beside) -> str:
    name, first = found.names[one.at], found.names[0]
    said = [*_by_metrics(found, one.at), _otherwise(one)]
    before, after = (found.ran[at].row for at in (0, one.at))
    if before is not None and after is not None:
        said.append(f"takes {_time(before, after)}")
    if one.lost:
        said.append(f"does not answer {one.lost:,} rows that `{first}` answers")
    return f"`{name}`, beside `{first}`, {listed(said)}"


def _time(before: Latency, after: Latency) -> str:
    one, other = before.median_ms, after.median_ms
    differs = is_longer(one, other) or is_longer(other, one)
    return f"{after.ratio:.1f} times as long" if differs else "about as long"


def _by_metrics(found: Trial, at: int) -> list[str]:
    words = {
        BETTER: "is better by {}",
        WORSE: "is worse by {}",
        UNCLEAR: "cannot be told apart by {}",
    }
    told = []
    unmeasured = [one.wanted.name for one in found.metrics if one.values[at].value is None]
    for says, form in words.items():
        names = [
            f"{one.wanted.name} ({number(one.values[at].value)}, not {number(one.values[0].value)})"
            if says != UNCLEAR
            else one.wanted.name
            for one in found.metrics
            if one.says[at] == says and one.wanted.name not in unmeasured
        ]
        if names:
            told.append(form.format(listed(names)))
    if unmeasured:
        told.append(f"cannot be measured by {listed(unmeasured)}")
    return told


def _otherwise(one: Beside) -> str:
    compared = len(one.differences.compared)
    if not compared:
        return "answers no row that both answer alike each time"
    rows = "the one row" if compared == 1 else f"all {compared:,} rows"
    if not one.differences.moved:
        return f"answers {rows} the same"
    if len(one.differences.moved) == compared:
        return f"answers {rows} otherwise"
    return f"answers {percent(one.differences.share)} of {compared:,} rows otherwise"
