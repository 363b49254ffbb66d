"""Which arm of a route answers a unit: a pure function of salts, shares and the unit.

The same unit gets the same arm on every machine, after every restart and in every replay,
without anything being remembered. In this order:

1. A unit in the **hold-out** gets the baseline. Its salt belongs to the route and outlives
   every rollout, so that the same units are held out for months.
2. Outside its **layer**, where it has one, a rollout touches nobody: rollouts whose ranges
   of one layer do not overlap never share a unit.
3. Units whose bucket lies below the **limited** arm's share get it. A growing share only
   ever adds units; a shrinking one first gives back those that came last.
4. All others get the arm that answers the rest.

A request without a unit gets the rest, and a tester may force an arm; neither counts as
assigned by chance, which is what ``why`` tells.

Shares are those of all units, as the route shows them. The hold-out is drawn apart, so
among the units that are left the limited arm takes ``share / (1 - held out)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, Self

BUCKETS = 1 << 20
"""Into how many parts units fall; each millionth of a share moves a border."""

WHOLE = 1_000_000
"""All units, in millionths."""

UNIT = "unit"
NO_UNIT = "no-unit"
FORCED = "forced"
OUTSIDE = "outside"


def bucket(salt: str, unit: str) -> int:
    """Return where a unit falls, from 0 to :data:`BUCKETS` - 1.

    The first 20 bits of the SHA-256 of salt, unit separator (U+001F) and unit, in UTF-8.

    >>> bucket("salt", "ana")
    655301
    """
    digest = sha256(f"{salt}\x1f{unit}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:3], "big") >> 4


def rollout_id(salt: str, candidate: str, against: str) -> str:
    """Return what tells a rollout from all others: 12 hexadecimal digits.

    The first of the SHA-256 of salt, candidate and the package it is compared with, joined
    by U+001F. Another package on either side, or a salt that was drawn anew, is another one.

    Args:
        salt: Decides which units have the candidate.
        candidate: Its digest, such as ``sha256:9f2c…``.
        against: The digest of what it is compared with.

    >>> rollout_id("salt", "sha256:ab", "sha256:cd")
    '6dc5bbc02d96'
    """
    return sha256(f"{salt}\x1f{candidate}\x1f{against}".encode()).hexdigest()[:12]


class Assignment(NamedTuple):
    """The arm that answers, and why that one.

    Attributes:
        arm: Such as ``prod``.
        why: ``unit``: by chance, and for good; ``outside``: the unit is not in the layer of
            the rollout; ``no-unit``: nobody said who asks; ``forced``: a tester chose.
    """

    arm: str
    why: str


@dataclass(frozen=True, slots=True)
class Claim:
    """An arm with a share of the units.

    Attributes:
        arm: Such as ``limited``.
        share: Its share of all units, in millionths.
        salt: Decides which units; drawn once, and recorded.
    """

    arm: str
    share: int
    salt: str

    def __post_init__(self) -> None:
        if not 0 <= self.share <= WHOLE:
            raise ValueError(f"expected a share of 0 to {WHOLE} millionths, found {self.share}")


@dataclass(frozen=True, slots=True)
class Layer:
    """The part of the units that a rollout may touch.

    Attributes:
        salt: Of the layer; rollouts that must not meet have the same.
        start, end: Which part, in millionths; ``end`` is no longer in it.
    """

    salt: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= WHOLE:
            raise ValueError(f"expected a part of {WHOLE}, found {self.start} to {self.end}")

    def holds(self, unit: str) -> bool:
        """Whether the rollout may touch a unit."""
        return _border(self.start) <= bucket(self.salt, unit) < _border(self.end)


@dataclass(frozen=True, slots=True)
class Split:
    """How the units of a route are shared out.

    Attributes:
        rest: The arm of all units that no other arm has.
        held_out: The hold-out, which always gets the baseline.
        limited: The rollout that is under way.
        layer: Where the rollout may take its units; everywhere by default.
        shares: All of it in one line, as decisions record it:
            ``baseline=50000 limited=100000 prod=850000``, and ``layer=250000`` where the
            rollout has only that part of the units to choose from.

    Raises:
        ValueError: The shares are more than there is.
    """

    rest: str
    held_out: Claim | None = None
    limited: Claim | None = None
    layer: Layer | None = None
    shares: str = field(init=False)
    _held_out_end: int = field(init=False, repr=False, compare=False)
    _limited_end: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        held = 0 if self.held_out is None else self.held_out.share
        share = 0 if self.limited is None else self.limited.share
        width = WHOLE if self.layer is None else self.layer.end - self.layer.start
        room = (WHOLE - held) * width  # for the rollout, in millionths of millionths
        if share * WHOLE > room:
            raise ValueError(f"expected shares of {WHOLE} together, found {share} beside {held}")
        end = (share * WHOLE * BUCKETS + room // 2) // room if room else 0
        object.__setattr__(self, "_held_out_end", _border(held))
        object.__setattr__(self, "_limited_end", end)
        object.__setattr__(self, "shares", self._told(WHOLE - held - share, width))

    def _told(self, rest: int, width: int) -> str:
        parts = {self.rest: rest}
        parts |= {one.arm: one.share for one in (self.held_out, self.limited) if one is not None}
        told = [f"{arm}={share}" for arm, share in sorted(parts.items())]
        return " ".join(told if width == WHOLE else [*told, f"layer={width}"])

    @classmethod
    def told(cls, shares: str, rest: str = "prod") -> Self:
        """Read what :attr:`shares` tells; which units are whose it does not tell.

        Raises:
            ValueError: It tells nothing, or more than there is.
        """
        parts = {
            name: int(part) for name, _, part in (one.partition("=") for one in shares.split())
        }
        width = parts.get("layer", WHOLE)
        held, limited = (
            Claim(arm, parts[arm], "") if arm in parts and arm != rest else None
            for arm in ("baseline", "limited")
        )
        return cls(rest, held, limited, None if width == WHOLE else Layer("", 0, width))

    @property
    def probability(self) -> float:
        """How likely the limited arm is for a unit that may have it, exactly as units fall.

        >>> split = Split("prod", Claim("baseline", 50_000, "h"), Claim("limited", 190_000, "l"))
        >>> round(split.probability, 5), Split.told(split.shares).probability == split.probability
        (0.2, True)
        """
        return self._limited_end / BUCKETS

    @property
    def held_out_probability(self) -> float:
        """How likely the hold-out is, exactly as units fall."""
        return self._held_out_end / BUCKETS

    def assign(self, unit: str | None, *, forced: str | None = None) -> Assignment:
        """Return the arm of a unit.

        Args:
            unit: Who asks; None, or an empty text, when nobody knows.
            forced: The arm that a tester chose.
        """
        if forced is not None:
            return Assignment(forced, FORCED)
        if not unit:
            return Assignment(self.rest, NO_UNIT)
        held_out, limited = self.held_out, self.limited
        if held_out is not None and bucket(held_out.salt, unit) < self._held_out_end:
            return Assignment(held_out.arm, UNIT)
        if limited is None:
            return Assignment(self.rest, UNIT)
        if self.layer is not None and not self.layer.holds(unit):
            return Assignment(self.rest, OUTSIDE)
        has_it = bucket(limited.salt, unit) < self._limited_end
        return Assignment(limited.arm if has_it else self.rest, UNIT)


def _border(millionths: int) -> int:
    return (millionths * BUCKETS + WHOLE // 2) // WHOLE
