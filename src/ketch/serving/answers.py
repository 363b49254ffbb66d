"""Rows as a door read them, and the answer that a door writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ketch.schema import Row
from ketch.serving.contract import Contract


@dataclass(slots=True)
class Asked:
    """What a door read of a request.

    Attributes:
        rows: One dict a row, in JSON form.
        is_checked: Whether they are as the schema of every package of the route has them;
            otherwise nobody has checked them yet.
        single: Whether the caller sent one object, and gets one.
        request_id: The caller's own name for the request, where the door has one.
        wanted: The outputs the caller wants, in this order; None for all.
        style: What else the door needs to answer in the form it was asked in.
    """

    rows: list[Row]
    single: bool = False
    request_id: str | None = None
    wanted: Sequence[str] | None = None
    style: object = None
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of a request that one package answered, under one decision.

    Attributes:
        decision: Identity of the decision.
        contract: The package that answered.
        arm: Which arm of the route it is, such as ``prod``; ``direct`` where there is no route.
        rows: Positions of its rows in the request.
    """

    decision: str
    contract: Contract
    arm: str
    rows: Sequence[int]


@dataclass(slots=True)
class Answered:
    """The rows of an answer, in the order they were asked in.

    Attributes:
        rows: Checked by the schema of the package that answered, in JSON form.
        parts: Which package answered which rows; nearly always one.
    """

    rows: list[Row]
    parts: tuple[Part, ...] = field(default=())
