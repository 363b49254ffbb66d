"""How uv is asked for a lock: requirements for the libraries of a lock, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ketch.compare.upgrade.moves import Held
from ketch.compare.upgrade.present import Present
from ketch.env import Lock, LockedPackage, Requirements, Resolving, resolve
from ketch.env.unsolved import explained
from ketch.errors import Refused

Limits = Mapping[str, Version | None]
"""Library → the version that it has to stay below; None where it has to stay as it is."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A lock that could be, and what could not move.

    Attributes:
        lock: The lock.
        held: Library → why it is not at a later version.
    """

    lock: Lock
    held: Mapping[str, Held]


def resolved(
    present: Present, asked: Requirements, how: Resolving, python: str | None = None
) -> Lock:
    """Return the lock for some requirements, without what it was made from.

    Raises:
        Refused: There is none; the findings name the lines that are to blame.
    """
    wanted = python or present.lock.python
    try:
        return resolve(asked, wanted, how).without_inputs()
    except Refused as problem:
        raise explained(problem, asked, wanted, how) from problem


def floor(pin: LockedPackage) -> str:
    """Return the requirement for a library at its version or later.

    >>> floor(LockedPackage("torch", "2.3.0+cpu", "sys_platform == 'linux'", ()))
    "torch>=2.3.0 ; sys_platform == 'linux'"
    """
    return f"{pin.name}>={Version(pin.version).public}{where(pin)}"


def pinned(pin: LockedPackage) -> str:
    """Return the requirement for a library as it is."""
    return f"{pin.name}=={pin.version}{where(pin)}"


def bounded(pin: LockedPackage, limits: Limits) -> str:
    """Return the requirement for a library between its version and the limit that it has."""
    if pin.name not in limits:
        return floor(pin)
    limit = limits[pin.name]
    if limit is None:
        return pinned(pin)
    return f"{pin.name}>={Version(pin.version).public},<{limit}{where(pin)}"


def where(pin: LockedPackage) -> str:
    """Return for which platforms a pin is, as a requirement says it."""
    return f" ; {pin.marker}" if pin.marker else ""


def moved(asked: Requirement, pins: Sequence[LockedPackage]) -> Iterator[str]:
    """Yield the requirements for a library that is named, one for each platform it is for."""
    name = canonicalize_name(asked.name)
    return (f"{name}{asked.specifier}{where(pin)}" for pin in pins if pin.name == name)


def is_exact(asked: Requirement) -> bool:
    """Whether somebody asks for one version, which may be an older one than now."""
    return any(one.operator in {"==", "==="} for one in asked.specifier)


def as_limits(lines: Sequence[str]) -> Iterator[str]:
    """Yield what requirements say of versions, in the form of constraints: without extras."""
    for line in lines:
        requirement = Requirement(line)
        if requirement.specifier:
            requirement.extras = set()
            yield str(requirement)


def line_that_limits(name: str, wanted: Requirements) -> str:
    """Return in words which line of a folder keeps a library from being newer."""
    for line in (*wanted.lines, *wanted.constraints):
        requirement = Requirement(line)
        if canonicalize_name(requirement.name) == name and requirement.specifier:
            return f"`{line}` (at `{wanted.place_of(line)}`)"
    return f"what `{wanted.source}` asks for"
