"""The answers that an estimate takes: what was said, and when it was known what was right."""

from __future__ import annotations

import heapq
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby

import msgspec
import numpy as np

from ketch.monitor.estimates.tree import Column
from ketch.monitor.metrics.answers import (
    Right,
    Told,
    Unread,
    answered,
    number,
    picked,
    probability,
    right_of,
)
from ketch.monitor.metrics.attribution import Attribution, Row
from ketch.monitor.metrics.counting import Answerer, Counts
from ketch.monitor.metrics.measures import is_right
from ketch.monitor.metrics.measures.estimate import Floats
from ketch.rollout.metric import Metric, Scored

MOST = 50_000
"""How many answers of a package are looked at; of more, a part that is drawn by identity."""
ERRORS = (Scored.RMSE, Scored.MAE)
_MOST_INPUTS = 20
_LONGEST = 40
_MICROSECOND = timedelta(microseconds=1)


class _Read(msgspec.Struct, frozen=True):
    """One row of an answer: its score or number, what it says happens, and what was right."""

    score: float
    said: float
    right: float


@dataclass
class Answers:
    """Rows that one package answered, in the order of time; columns of one length.

    Attributes:
        us: When, in microseconds since 1970.
        known_us: When it was known what was right, with the window over; infinite for never.
        scores: What is looked at: a score, or a number.
        said: Of accuracy, whether it was answered that it happens, 1 or 0; NaN where the answer
            is neither.
        right: What was right, or of accuracy whether the answer was; NaN where that is not known.
        units: Whom they were for, or else which decision.
        inputs: What was asked, of an error only.
    """

    us: array[float] = field(default_factory=lambda: array("d"))
    known_us: array[float] = field(default_factory=lambda: array("d"))
    scores: array[float] = field(default_factory=lambda: array("d"))
    said: array[float] = field(default_factory=lambda: array("d"))
    right: array[float] = field(default_factory=lambda: array("d"))
    units: array[int] = field(default_factory=lambda: array("Q"))
    inputs: list[Mapping[str, float | str]] = field(default_factory=list)

    def happened(self) -> tuple[Floats, Floats]:
        """Return whether it was answered that it happens, and whether it did, 1 or 0.

        Where answers are of more than two kinds, that an answer is right is what happens: the
        score is how sure it is.
        """
        said, right = np.array(self.said), np.array(self.right)
        if np.isnan(said).any():
            return np.ones(len(said)), right
        return said, np.where(said > 0, right, 1 - right)

    def columns(self) -> list[Column]:
        """Return what was predicted, and the inputs that are numbers or texts."""
        names = sorted({name for one in self.inputs for name in one})[:_MOST_INPUTS]
        return [np.array(self.scores), *(_column(self.inputs, name) for name in names)]


def answers_of(
    found: Attribution, metric: Metric, counts: Counts
) -> Iterator[tuple[Answerer, Answers]]:
    """Yield the answers of each package, and of each in shadow, that can be read.

    Memory grows with the rows: about 50 bytes each, and the inputs where errors are estimated.
    """
    for answerer, rows in groupby(_rows(found, metric, counts), lambda row: Answerer(*row[:3])):
        answers = Answers()
        for _, some in groupby(rows, lambda row: row[3:5]):
            _take(answers, metric, list(some))
        yield answerer, answers


def _take(answers: Answers, metric: Metric, rows: Sequence[Row]) -> None:
    """Read one decision, which may have several outcomes and several rows."""
    _, _, _, _, tail, unit, us, outputs, inputs = rows[0][:9]
    outcomes = [Told(*row[11:14]) for row in rows if row[9] is not None]
    known = us + metric.window // _MICROSECOND
    if outcomes:
        known = max(known, *(row[9] for row in rows))
    elif metric.absent is None:
        known = math.inf
    try:
        read = [_read(metric, *one) for one in answered(metric, outputs, outcomes)]
    except Unread:
        return
    asked = _asked(inputs, len(read)) if metric.measure in ERRORS else []
    answers.us.extend([us] * len(read))
    answers.known_us.extend(math.inf if math.isnan(one.right) else known for one in read)
    answers.scores.extend(one.score for one in read)
    answers.said.extend(one.said for one in read)
    answers.right.extend(one.right for one in read)
    answers.units.extend([unit or tail] * len(read))
    answers.inputs.extend(asked)


def _read(metric: Metric, row: object, rights: Sequence[Right]) -> _Read:
    right = right_of(metric, rights)
    answer = picked(row, metric.output)
    if metric.measure is Scored.ACCURACY:
        score = number(picked(row, metric.score or metric.output), "the score is")
        said = float(bool(answer)) if answer in (0, 1) else math.nan
        return _Read(score, said, math.nan if right is None else float(is_right(answer, right)))
    is_chance = metric.measure is Scored.CALIBRATION
    score = probability(answer) if is_chance else number(answer, "the output is")
    if right is None:
        return _Read(score, 1.0, math.nan)
    truth = number(right, "the label is")
    return _Read(score, 1.0, truth if metric.measure in ERRORS else float(truth > 0))


def _asked(inputs: str | None, count: int) -> list[Mapping[str, float | str]]:
    """Return the inputs of each row that are numbers or short texts; none where none is kept."""
    rows = msgspec.json.decode(inputs) if inputs else None
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or len(rows) != count:
        return [{}] * count
    return [_plain(row) for row in rows]


def _plain(row: object) -> Mapping[str, float | str]:
    if not isinstance(row, dict):
        return {}
    told = ((name, value) for name, value in row.items() if isinstance(value, int | float | str))
    return {
        name: value[:_LONGEST] if isinstance(value, str) else float(value) for name, value in told
    }


def _column(inputs: Sequence[Mapping[str, float | str]], name: str) -> Column:
    values = [one.get(name) for one in inputs]
    if any(isinstance(one, str) for one in values):
        return np.array(["" if one is None else str(one) for one in values])
    return np.array([math.nan if one is None else one for one in values], np.float64)


def _rows(found: Attribution, metric: Metric, counts: Counts) -> Iterator[Row]:
    """Yield the answers with each outcome, sorted; of very many, a part."""
    parts = " ".join(
        f"WHEN '{mine.digest}' THEN {seen[None].decisions // MOST + 1:d}"
        for mine, seen in counts.items()
        if seen[None].decisions > MOST
    )
    each = f"CASE digest {parts} ELSE 1 END" if parts else "1"
    sql = f"""
        SELECT mine.package, mine.digest, is_shadow, moment, tail, mine.unit, us, outputs,
               {"inputs" if metric.measure in ERRORS else "NULL"}, at_us, key, value, label, by_unit
        FROM (SELECT * FROM answered WHERE {found.within} AND hash(moment, tail) % {each} = 0) mine
        LEFT JOIN attributed USING (of_moment, of_tail)
        ORDER BY 1, 2, 3, 4, 5, 10, 11
    """  # noqa: S608 - whole numbers, and digests
    each_log = found.select(sql, {metric.outcome: metric.window})
    return heapq.merge(*each_log, key=lambda row: row[:5])
