"""What changed in an environment: libraries, the Python, variables, settings.

A candidate has the pins of A, and those of B for some libraries; both are exact and with
hashes, so nothing is resolved. What cannot stand side by side is moved along: pandas 3 brings
the numpy that it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from packaging.utils import canonicalize_name

from ketch.compare.explain.inside.change import Change
from ketch.compare.explain.inside.installed import Installed, installed, unmet
from ketch.compare.explain.mixing import Files
from ketch.env import Environment, Lock, LockedPackage, make_lock
from ketch.package import EnvironmentDeclaration, Package
from ketch.package.layers import ENVIRONMENT, LOCK
from ketch.schema import canonical_json

PYTHON = "python"


class Libraries:
    """The environments of two packages.

    Args:
        a, b: The packages.
        at_a, at_b: Their environments, which are there.
        likely: Names of libraries that the code imports; they are suspected first.
    """

    def __init__(
        self,
        a: Package,
        b: Package,
        at_a: Environment,
        at_b: Environment,
        likely: Iterable[str] = (),
    ) -> None:
        self._manifest = a.manifest
        self._declared = a.manifest.environment, b.manifest.environment
        self._locks = tuple(Lock.parse(one.lock.decode()) for one in (a, b))
        self._here = installed(at_a), installed(at_b)
        named = {canonicalize_name(name) for name in likely}
        libraries = sorted(_libraries(*self._here), key=lambda one: one.name not in named)
        self.changes = (*libraries, *_others(*self._declared))
        self._number = {
            one.name: number
            for number, one in enumerate(self.changes)
            if one.kind in {"library", PYTHON}
        }

    def files(self, some: frozenset[int]) -> Files:
        """Return the environment of A with some changes, and those that come along."""
        made = some | self.along(some)
        taken = [self.changes[number] for number in made]
        declared = self._declaration(taken)
        libraries = {one.name for one in taken if one.kind == "library"}
        lock = make_lock(
            declared.python,
            self._pins(libraries),
            source_builds=declared.allow_source_builds,
        )
        table = replace(self._manifest, environment=declared).environment_table()
        return {ENVIRONMENT: canonical_json(table) + b"\n", LOCK: str(lock).encode()}

    def along(self, some: frozenset[int]) -> frozenset[int]:
        """Return the libraries without which these cannot be installed, or that they displace."""
        made = set(some)
        while more := self._displaced(made) - made:
            made |= more
        return frozenset(made) - some

    def _displaced(self, made: set[int]) -> set[int]:
        """Return the changes that would meet what is unmet now."""
        taken = (self.changes[number] for number in made)
        names = {one.name for one in taken if one.kind == "library"}
        before, after = self._here
        chosen: dict[str, Installed] = {}
        for name in sorted(before.keys() | after.keys()):
            found = (after if name in names else before).get(name)
            if found is not None:
                chosen[name] = found
        python = self._declared[self._number.get(PYTHON, -1) in made].python
        wanted = set()
        for needing, needed in unmet(chosen, python):
            # The other version of what is needed may do, else the other one of who needs it.
            for name in (needed, needing):
                if name in self._number and self._number[name] not in made:
                    wanted.add(self._number[name])
                    break
        return wanted

    def _pins(self, libraries: set[str]) -> list[LockedPackage]:
        before, after = self._locks
        kept = [one for one in before.packages if one.name not in libraries]
        return [*kept, *(one for one in after.packages if one.name in libraries)]

    def _declaration(self, taken: Iterable[Change]) -> EnvironmentDeclaration:
        before, after = self._declared
        variables = dict(before.variables)
        changed: dict[str, object] = {}
        for one in taken:
            if one.kind == "variable":
                variables.pop(one.name, None)
                if one.name in after.variables:
                    variables[one.name] = after.variables[one.name]
            elif one.kind in {PYTHON, "setting"}:
                changed[one.name] = getattr(after, one.name)
        return replace(before, variables=variables, **changed)  # type: ignore[arg-type] # by name


def _libraries(before: Mapping[str, Installed], after: Mapping[str, Installed]) -> list[Change]:
    return [
        Change("library", name, *versions)
        for name in sorted(before.keys() | after.keys())
        if (versions := tuple(_version(one, name) for one in (before, after)))[0] != versions[1]
    ]


def _version(there: Mapping[str, Installed], name: str) -> str | None:
    return there[name].version if name in there else None


def _others(before: EnvironmentDeclaration, after: EnvironmentDeclaration) -> list[Change]:
    found = []
    if before.python != after.python:
        found.append(Change(PYTHON, PYTHON, before.python, after.python))
    for name in sorted(before.variables.keys() | after.variables.keys()):
        pair = before.variables.get(name), after.variables.get(name)
        if pair[0] != pair[1]:
            found.append(Change("variable", name, *pair))
    for name in ("network", "required", "secrets", "allow_source_builds"):
        values = [getattr(one, name) for one in (before, after)]
        if values[0] != values[1]:
            told = [list(one) if isinstance(one, tuple) else one for one in values]
            found.append(Change("setting", name, *told))
    return found
