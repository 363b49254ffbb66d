"""What was answered beside what was right, as the numbers that a measure takes.

- A decision of one row: its outcomes say what was right; where there are several, the
  latest, or of lists all of them together.
- A decision of many rows: an outcome that names the decision, and whose label is a list with
  one entry for each row, null where it is not known. An outcome of a unit cannot say which
  row it is of.
- What was right is the label of an outcome, or its value where it has none. Of lists it is a
  list of items, each worth the value; one item alone, the same; or an object that says what
  each is worth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from ketch.monitor.metrics.measures import is_right, ndcg_at, precision_at
from ketch.rollout.metric import RANKED, Metric, Scored

Pair: TypeAlias = tuple[float, ...]
"""What a measure takes of one row: an answer and what was right, or what they came to."""


class Unread(ValueError):
    """An answer, or what was right, is not of the form that the measure takes."""


class Told(NamedTuple):
    """An outcome that belongs to a decision.

    Attributes:
        value: How much.
        label: As JSON text; None for nothing.
        by_unit: Whether it is told of the unit, and not of the decision.
    """

    value: float
    label: str | None
    by_unit: bool


class Right(NamedTuple):
    """What one outcome says of one row."""

    value: float
    label: object


def pairs(metric: Metric, outputs: str, outcomes: Sequence[Told]) -> list[Pair]:
    """Return what a measure takes of one decision, one for each row that it has a value for.

    Args:
        metric: The metric.
        outputs: Of the decision, as JSON.
        outcomes: Of it, the earliest first; none where it is known that there is none.

    Raises:
        Unread: Why there is nothing; it says nothing of what was answered.
    """
    found = (
        _pair(metric, row, right)
        for row, right in answered(metric, outputs, outcomes)
        if right or not outcomes
    )
    return [one for one in found if one is not None]


def answered(
    metric: Metric, outputs: str, outcomes: Sequence[Told]
) -> list[tuple[object, Sequence[Right]]]:
    """Return each row that was answered, and what outcomes say of it; see :func:`pairs`."""
    answer = msgspec.json.decode(outputs)
    if answer is None:
        raise Unread("the outputs are no longer kept")
    return list(zip(*_rows(metric, answer, outcomes), strict=True))


def _rows(
    metric: Metric, answer: object, outcomes: Sequence[Told]
) -> tuple[Sequence[object], Sequence[Sequence[Right]]]:
    """Return the rows of an answer, and what is said of each."""
    read = [
        (one, None if one.label is None else msgspec.json.decode(one.label)) for one in outcomes
    ]
    rows = answer if isinstance(answer, list) else [answer]
    if len(rows) == 1:
        is_list = answer is rows
        return rows, [[Right(one.value, _alone(metric, label, is_list)) for one, label in read]]
    rights: list[list[Right]] = [[] for _ in rows]
    for one, label in read:
        if one.by_unit:
            raise Unread("a decision of many rows, and an outcome that does not name it")
        if not isinstance(label, list) or len(label) != len(rows):
            raise Unread("a decision of many rows, and a label that is no list of as many")
        for right, entry in zip(rights, label, strict=True):
            if entry is not None:
                right.append(Right(one.value, entry))
    return rows, rights


def _alone(metric: Metric, label: object, is_list: bool) -> object:  # noqa: FBT001 - a fact
    """Return the label of a list of one row, which may be in a list of one itself."""
    if not is_list or not isinstance(label, list) or len(label) != 1:
        return label
    is_wrapped = metric.measure not in RANKED or isinstance(label[0], list | dict)
    return label[0] if is_wrapped else label


def _pair(metric: Metric, row: object, rights: Sequence[Right]) -> Pair | None:
    answer = picked(row, metric.output)
    if metric.measure in RANKED:
        gains = _gains(rights)
        measure = precision_at if metric.measure is Scored.PRECISION else ndcg_at
        value = measure(_items(answer), gains, metric.k)
        return None if value is None else (value,)
    return _SCORES[metric.measure](answer, right_of(metric, rights))


def right_of(metric: Metric, rights: Sequence[Right]) -> object:
    """Return what was right: what the latest outcome says, or what the silence means."""
    if not rights:
        return metric.absent
    return rights[-1].value if rights[-1].label is None else rights[-1].label


def picked(row: object, path: str) -> object:
    """Return an output field; a dot looks into structs, and into each of a list of them."""
    if isinstance(row, list):
        return [picked(one, path) for one in row]
    if isinstance(row, dict):
        if path in row:
            return row[path]
        head, _, rest = path.partition(".")
        if rest and head in row:
            return picked(row[head], rest)
    raise Unread(f"no output `{path}`")


def _items(answer: object) -> list[Hashable]:
    if not isinstance(answer, list) or not all(isinstance(one, Hashable) for one in answer):
        raise Unread("the output is no list of items")
    return answer


def _gains(rights: Sequence[Right]) -> Mapping[Hashable, float]:
    """Return what each item was worth; of several outcomes, the most."""
    gains: dict[Hashable, float] = {}
    for value, label in rights:
        for item, gain in _worth(value, label).items():
            if not gain >= 0:
                raise Unread("an item that is worth less than nothing")
            gains[item] = max(gain, gains.get(item, 0.0))
    return gains


def _worth(value: float, label: object) -> Mapping[Hashable, float]:
    if label is None:
        raise Unread("an outcome without a label, which names no item")
    if isinstance(label, dict):
        return {item: number(gain, "the worth of an item is") for item, gain in label.items()}
    return dict.fromkeys(_items(label if isinstance(label, list) else [label]), value)


def number(value: object, what: str) -> float:
    """Return a finite number; what is none is :class:`Unread`."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    raise Unread(f"{what} no number")


def probability(answer: object) -> float:
    """Return an answer from 0 to 1; what is none is :class:`Unread`."""
    chance = number(answer, "the output is")
    if not 0 <= chance <= 1:
        raise Unread("the output is no probability")
    return chance


def _hit(answer: object, right: object) -> Pair:
    return (float(is_right(answer, right)),)


def _numbers(answer: object, right: object) -> Pair:
    return number(answer, "the output is"), number(right, "the label is")


def _score(answer: object, right: object) -> Pair:
    return number(answer, "the output is"), float(number(right, "the label is") > 0)


def _chance(answer: object, right: object) -> Pair:
    return probability(answer), float(number(right, "the label is") > 0)


_SCORES: Mapping[Scored, Callable[[object, object], Pair]] = {
    Scored.ACCURACY: _hit,
    Scored.AUC: _score,
    Scored.CALIBRATION: _chance,
    Scored.RMSE: _numbers,
    Scored.MAE: _numbers,
}
