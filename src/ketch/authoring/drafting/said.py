"""What an inspection said of a model: JSON from the model's own code, read with distrust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ketch.errors import UsageError
from ketch.schema import Type, parse_json, parse_type

Label = str | int | float | bool


@dataclass(frozen=True, slots=True)
class SaidArray:
    """What is known of one array: its name, its type, and its shape.

    The shape of what a model takes counts its rows; that of an answer is of one row.
    A length that may vary is -1. What is ``closed`` refuses texts it has never seen.
    """

    name: str
    type: Type | None
    shape: tuple[int, ...]
    classes: tuple[Label, ...] | None = None
    closed: bool = False

    @classmethod
    def read(cls, body: object) -> Self | None:
        """Read what an inspection said; None when it said nothing."""
        if not isinstance(body, dict):
            return None
        shape = [size for size in _list(body.get("shape")) if type(size) is int]
        return cls(
            name=_text(body.get("name")),
            type=_type(body.get("type")),
            shape=tuple(shape),
            classes=_labels(body),
            closed=body.get("closed") is True,
        )


@dataclass(frozen=True, slots=True)
class SaidColumn:
    """What is known of one column the model was trained on.

    Attributes:
        name: What it was called.
        type: Its type, when the model tells.
        values: The categories it knows, in its order.
        closed: Whether it refuses any other.
        tolerant: Whether it is known to take any other as none of them.
        coded: Whether a program has to turn them into numbers first.
        example: A typical value.
    """

    name: str
    type: Type | None = None
    values: tuple[Label, ...] = ()
    closed: bool = False
    tolerant: bool = False
    coded: bool = False
    example: float | None = None

    @classmethod
    def read(cls, body: object) -> Self:
        """Read what an inspection said."""
        said = body if isinstance(body, dict) else {}
        values = tuple(one for one in _list(said.get("values")) if isinstance(one, Label))
        example = said.get("example")
        return cls(
            name=_text(said.get("name")),
            type=_type(said.get("type")),
            values=values,
            closed=said.get("closed") is True,
            tolerant=said.get("tolerant") is True,
            coded=said.get("coded") is True,
            example=float(example) if isinstance(example, (int, float)) else None,
        )


@dataclass(frozen=True, slots=True)
class Said:
    """Everything an inspection said; what it did not say is None or empty.

    Attributes:
        class_name: Class of the model.
        problem: Why it could not be tried.
        takes: ``frame``, ``matrix`` or ``text``, of a model like scikit-learn's.
        columns: The columns it was trained on, in their order; None when it forgot.
        width: How many columns.
        prediction, probabilities, features: What it answers, of one row.
        classes: Labels, in the order of the probabilities.
        trusted: Types in a skops file that a person has to trust.
        objective: What a booster was trained for, such as ``binary:logistic``.
        rounds: How many rounds of trees answer; None is all.
        feeds, answers: What a graph or network takes and returns.
        key: Where in a checkpoint the weights lie.
        parameters: Weights, as lines for people.
    """

    class_name: str
    problem: str | None = None
    takes: str = ""
    columns: tuple[SaidColumn, ...] | None = None
    width: int | None = None
    prediction: SaidArray | None = None
    probabilities: SaidArray | None = None
    features: SaidArray | None = None
    classes: tuple[Label, ...] | None = None
    trusted: tuple[str, ...] = ()
    objective: str = ""
    rounds: int | None = None
    feeds: tuple[SaidArray, ...] = ()
    answers: tuple[SaidArray, ...] = ()
    key: str | None = None
    parameters: tuple[str, ...] = ()

    @classmethod
    def read(cls, reply: str, where: str) -> Self:
        """Read the reply of an inspection.

        Raises:
            UsageError: ``init/unknown-model``: the model's code made it something else.
        """
        body = parse_json(reply.encode("utf-8", "replace"))
        if not isinstance(body, dict):
            message = "expected an inspection to describe the model, found something else"
            raise UsageError(message, code="init/unknown-model", where=where)
        columns = body.get("columns")
        return cls(
            class_name=_text(body.get("class")),
            problem=_text(body.get("problem")) or None,
            takes=_text(body.get("takes")),
            columns=tuple(map(SaidColumn.read, columns)) if isinstance(columns, list) else None,
            width=_count(body.get("width")),
            prediction=SaidArray.read(body.get("prediction")),
            probabilities=SaidArray.read(body.get("probabilities")),
            features=SaidArray.read(body.get("features")),
            classes=_labels(body),
            trusted=tuple(_text(one) for one in _list(body.get("trusted"))),
            objective=_text(body.get("objective")),
            rounds=_count(body.get("rounds")),
            feeds=_arrays(body.get("feeds")),
            answers=_arrays(body.get("answers")),
            key=_text(body.get("key")) or None,
            parameters=tuple(_parameter(one) for one in _list(body.get("parameters"))),
        )


def _arrays(value: object) -> tuple[SaidArray, ...]:
    return tuple(one for one in map(SaidArray.read, _list(value)) if one is not None)


def _parameter(value: object) -> str:
    return " ".join(_text(part) if isinstance(part, str) else str(part) for part in _list(value))


def _labels(body: Mapping[str, object]) -> tuple[Label, ...] | None:
    found = body.get("classes")
    if not isinstance(found, list) or not found:
        return None
    return tuple(found) if all(isinstance(one, Label) for one in found) else None


def _type(value: object) -> Type | None:
    if not isinstance(value, str):
        return None
    try:
        return parse_type(value, "model")
    except UsageError:
        return None


def _text(value: object) -> str:
    """Return one line of printable text: it goes into files that people run."""
    text = value if isinstance(value, str) else ""
    return "".join(char if char.isprintable() else "?" for char in text[:500])


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= 10_000_000 else None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
