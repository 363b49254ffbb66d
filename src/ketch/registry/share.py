"""A share of the units of a route: 0 to 1, percent only on screen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol, Self

from ketch.errors import UsageError

WHOLE = 1_000_000
_TEXT = re.compile(r"(\d{1,3}(?:\.\d{1,4})?) ?%|(0(?:\.\d{1,6})?|1(?:\.0{1,6})?)", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """A share, counted in millionths so that shares add up to exactly one.

    ``Share.parse(str(s)) == s`` for every share ``s``.
    """

    millionths: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``10%``, ``10 %`` or ``0.1``.

        Raises:
            UsageError: ``share/syntax``: it is no share from 0 to 100 %.
        """
        found = _TEXT.fullmatch(text.strip())
        if found:
            percent, part = found.groups()
            share = round(float(percent) * WHOLE / 100) if percent else round(float(part) * WHOLE)
            if share <= WHOLE:
                return cls(share)
        raise UsageError(
            f"expected a share such as `10%` or `0.1`, found `{text[:40]}`", code="share/syntax"
        )

    @property
    def fraction(self) -> float:
        """The share as a number from 0 to 1."""
        return self.millionths / WHOLE

    def __str__(self) -> str:
        whole, rest = divmod(self.millionths, WHOLE // 100)
        return f"{whole}.{rest:04}".rstrip("0").rstrip(".") + "%"


NONE = Share(0)
ALL = Share(WHOLE)


class Part(Protocol):
    """A part of all units, in millionths."""

    @property
    def start(self) -> int:
        """Where it begins."""
        ...

    @property
    def end(self) -> int:
        """Where it ends."""
        ...


def room_of(held_out: Share, layer: Part | None) -> Share:
    """Return the largest share that a rollout can have beside a hold-out, in its layer."""
    width = WHOLE if layer is None else layer.end - layer.start
    return Share((WHOLE - held_out.millionths) * width // WHOLE)


def rest_of(*taken: Share) -> Share:
    """Return what is left of the whole."""
    return Share(WHOLE - sum(share.millionths for share in taken))
