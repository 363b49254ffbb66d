"""The environments of two packages: Python, libraries by version, variables and policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from ketch.compare.diff.changes import Change, Kind, changes, kind_of
from ketch.env import Lock, LockedPackage
from ketch.package import Package, imported_distributions

_SETS = ("required", "secrets")


@dataclass(frozen=True, slots=True)
class LibraryChange:
    """A library that is not locked as it was.

    Attributes:
        name: Its normalised name.
        kind: Added, removed or changed.
        a, b: Its versions, each with its marker where it has one; empty where it is not there.
        direct: Whether the package's own code imports it, in ``a`` or in ``b``: a package
            carries its lock, not the requirements that the lock was made from.
        files: Whether the versions are the same, and their files are others.
    """

    name: str
    kind: Kind
    a: tuple[str, ...]
    b: tuple[str, ...]
    direct: bool

    @property
    def files(self) -> bool:
        """Whether the versions are the same, and the files that a lock allows are others."""
        return self.a == self.b

    def mirrored(self) -> Self:
        """Return the same library, on the way from ``b`` to ``a``."""
        return replace(self, kind=self.kind.mirrored, a=self.b, b=self.a)

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object."""
        return {
            "name": self.name,
            "change": str(self.kind),
            "a": list(self.a),
            "b": list(self.b),
            "direct": self.direct,
            "files": self.files,
        }


@dataclass(frozen=True, slots=True)
class Environments:
    """How two environments differ.

    Attributes:
        settings: Python, variables, required variables, names of secrets, and policies.
        libraries: The libraries that are not the same: direct ones first, then by name.
    """

    settings: tuple[Change, ...]
    libraries: tuple[LibraryChange, ...]

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        return replace(
            self,
            settings=tuple(change.mirrored() for change in self.settings),
            libraries=tuple(change.mirrored() for change in self.libraries),
        )

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "settings": [change.to_json() for change in self.settings],
            "libraries": [change.to_json() for change in self.libraries],
        }


def diff_environments(a: Package, b: Package) -> Environments:
    """Return how the environments of two packages differ."""
    one, other = (Lock.parse(package.lock.decode()) for package in (a, b))
    direct = {*_imported(a, one), *_imported(b, other)} if one != other else set()
    return Environments(changes(_settings(a), _settings(b)), diff_locks(one, other, direct))


def diff_locks(a: Lock, b: Lock, direct: Iterable[str] = ()) -> tuple[LibraryChange, ...]:
    """Return the libraries that two locks do not hold alike.

    Args:
        a: A lock.
        b: What it became.
        direct: Names of those that the code imports itself.
    """
    named = frozenset(direct)
    there, here = _by_name(a), _by_name(b)
    found = [
        LibraryChange(
            name,
            kind_of(in_a=name in there, in_b=name in here),
            _pins(there.get(name, ())),
            _pins(here.get(name, ())),
            name in named,
        )
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name)
    ]
    return tuple(sorted(found, key=lambda change: not change.direct))


def _imported(package: Package, lock: Lock) -> tuple[str, ...]:
    names = {one.name for one in lock.packages}
    return imported_distributions(package.code(), names, python=lock.python)


def _by_name(lock: Lock) -> Mapping[str, tuple[LockedPackage, ...]]:
    named: dict[str, tuple[LockedPackage, ...]] = {}
    for one in lock.packages:
        named[one.name] = (*named.get(one.name, ()), one)
    return named


def _pins(packages: Iterable[LockedPackage]) -> tuple[str, ...]:
    return tuple(f"{one.version} ; {one.marker}" if one.marker else one.version for one in packages)


def _settings(package: Package) -> dict[str, object]:
    """Return the table of the environment; of what is a set of names, no order counts."""
    table = package.manifest.environment_table()["environment"]
    settings = dict(table) if isinstance(table, Mapping) else {}
    for name in _SETS:
        settings[name] = {str(one): True for one in settings.get(name, ())}
    return settings
