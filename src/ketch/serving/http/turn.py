"""What a reader and whoever answers tell each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ketch.errors import KetchError
from ketch.serving.http.messages import Request

Admit: TypeAlias = Callable[[Request], None]
"""Looks at the head of a request before its body is read; raises a `KetchError`."""


class Reading(Enum):
    """How far a request has come."""

    NOTHING = 0
    HEAD = 1
    BODY = 2
    OVER = 3


@dataclass(slots=True)
class Turn:
    """What is answered next on a connection.

    Attributes:
        request: What was asked; of a refused one as much as was read.
        error: Why it is refused.
        is_last: Whether the connection ends with its answer.
        is_bare: Whether its answer has no body (``HEAD``).
        is_old: Whether it came by HTTP/1.0, whose connections end unless the answer says not.
    """

    request: Request
    error: KetchError | None = None
    is_last: bool = False
    is_bare: bool = False
    is_old: bool = False


class Room:
    """The memory that bodies of all connections may take together."""

    __slots__ = ("most", "taken")

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
