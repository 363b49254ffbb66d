"""How one lock became another, library by library, and why some libraries stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from packaging.version import Version

from ketch.env import Lock

PYTHON = "python"


class Kind(StrEnum):
    """What becomes of a library."""

    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    ADDED = "added"
    REMOVED = "removed"
    KEPT = "kept"


class Reason(StrEnum):
    """Why a library stays as it is."""

    ANSWERS = "answers"
    CONTRACT = "contract"
    REQUIREMENTS = "requirements"
    CONSTRAINT = "constraint"
    NO_FIX = "no-fix"


@dataclass(frozen=True, slots=True)
class Held:
    """Why a library is not at the version that it could have.

    Attributes:
        version: That version, as far as one is known.
        reason: The kind of reason.
        message: The reason in words.
        rows: In how many rows answers changed with it, where that is the reason.
        of: How many rows were asked.
        outputs: The outputs that changed.
    """

    version: str | None
    reason: Reason
    message: str
    rows: int | None = None
    of: int | None = None
    outputs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        return {
            "version": self.version,
            "reason": str(self.reason),
            "message": self.message,
            "rows": self.rows,
            "of": self.of,
            "outputs": list(self.outputs),
        }


@dataclass(frozen=True, slots=True)
class Move:
    """One library, or the Python.

    Attributes:
        name: Its normalised name.
        before: Its version now; None where it is new. Several, where platforms have their own.
        after: Its version in the candidate; None where it is gone.
        kind: What becomes of it; ``kept`` where it stays as it is.
        advisories: Identities of the advisories that its version now is affected by.
        held: Why it is not at a later version; None where nothing holds it back.
    """

    name: str
    before: str | None
    after: str | None
    kind: Kind
    advisories: tuple[str, ...] = ()
    held: Held | None = None

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        return {
            "name": self.name,
            "from": self.before,
            "to": self.after,
            "kind": str(self.kind),
            "advisories": list(self.advisories),
            "held": None if self.held is None else self.held.to_json(),
        }


def moves(before: Lock, after: Lock) -> tuple[Move, ...]:
    """Return what has another version in a lock: the Python, then libraries by name."""
    one, other = versions(before), versions(after)
    found = [
        Move(name, one.get(name), other.get(name), _kind(one.get(name), other.get(name)))
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]
    if before.python != after.python:
        kind = _kind(before.python, after.python)
        found.insert(0, Move(PYTHON, before.python, after.python, kind))
    return tuple(found)


def kept(name: str, lock: Lock) -> Move:
    """Return that a library stays as it is."""
    version = versions(lock).get(name)
    return Move(name, version, version, Kind.KEPT)


def versions(lock: Lock) -> Mapping[str, str]:
    """Return each library's version; where platforms have their own, all of them in order."""
    found: dict[str, set[str]] = {}
    for pin in lock.packages:
        found.setdefault(pin.name, set()).add(pin.version)
    return {name: ", ".join(sorted(some, key=Version)) for name, some in found.items()}


def _kind(before: str | None, after: str | None) -> Kind:
    if before == after:
        return Kind.KEPT
    if before is None:
        return Kind.ADDED
    if after is None:
        return Kind.REMOVED
    return Kind.UPGRADED if newest(after) >= newest(before) else Kind.DOWNGRADED


def newest(said: str) -> Version:
    """Return the newest of the versions that :func:`versions` lists."""
    return Version(said.rpartition(", ")[2])
