"""Two packages, component by component: the same, or what is not.

A component is the same exactly when its digest is: then nothing of it is read. Of what
differs, declarations, code, scenarios and profiles are read, and of models the digests
alone. No code of a package runs, and nothing is unpickled.

Laws, for all packages: ``diff(a, a).same``; and ``diff(b, a)`` is ``diff(a, b).mirrored()``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self

from ketch.compare.diff.changes import MOST, Change, changes
from ketch.compare.diff.code import Side, diff_code
from ketch.compare.diff.data import Data, References, diff_references
from ketch.compare.diff.documents import diff_documents
from ketch.compare.diff.environment import diff_environments
from ketch.compare.diff.files import File, Files, diff_files
from ketch.compare.diff.scenarios import Scenarios, diff_scenarios, diff_traces
from ketch.compare.diff.schemas import diff_schemas
from ketch.display import card
from ketch.package import Digest, Package
from ketch.package.layers import README, TRACES


class Details(Protocol):
    """What is not the same in a component."""

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        ...

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        ...


@dataclass(frozen=True, slots=True)
class Values:
    """Values that are not the same: parameters, or what a package says it is."""

    changes: tuple[Change, ...]

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        return replace(self, changes=tuple(change.mirrored() for change in self.changes))

    def to_json(self) -> dict[str, object]:
        """Return them as a JSON object; what is beyond the bound is counted."""
        return {
            "changes": [change.to_json() for change in self.changes[:MOST]],
            "left_out": max(len(self.changes) - MOST, 0),
        }


@dataclass(frozen=True, slots=True)
class Component:
    """One component of two packages.

    Attributes:
        name: Such as ``code``.
        a, b: Its digest; ``None`` where a package has none of it.
        details: What is not the same; ``None`` when all is.
    """

    name: str
    a: Digest | None
    b: Digest | None
    details: Details | None = None

    @property
    def same(self) -> bool:
        """Whether both packages have the same, byte for byte."""
        return self.a == self.b

    def mirrored(self) -> Self:
        """Return the same component, on the way from ``b`` to ``a``."""
        details = None if self.details is None else self.details.mirrored()
        return replace(self, a=self.b, b=self.a, details=details)

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "same": self.same,
            "a": None if self.a is None else str(self.a),
            "b": None if self.b is None else str(self.b),
            **({} if self.details is None else self.details.to_json()),
        }


@dataclass(frozen=True, slots=True)
class Who:
    """A package that is compared: what it calls itself, and its digest."""

    package: str
    digest: Digest

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {"package": self.package, "digest": str(self.digest)}


@dataclass(frozen=True, slots=True)
class Diff:
    """How two packages differ, by component."""

    a: Who
    b: Who
    components: tuple[Component, ...]

    def _repr_html_(self) -> str:
        """Return what a notebook shows: which components are not the same."""
        rows = [(one.name, "same" if one.same else "differs") for one in self.components]
        facts = {"from": self.a.digest, "to": self.b.digest}
        return card(f"{self.a.package} → {self.b.package}", facts, rows)

    @property
    def same(self) -> bool:
        """Whether they are one package."""
        return self.a.digest == self.b.digest

    def mirrored(self) -> Self:
        """Return the way from ``b`` to ``a``."""
        components = tuple(one.mirrored() for one in self.components)
        return replace(self, a=self.b, b=self.a, components=components)

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch diff --json``."""
        return {
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "same": self.same,
            "components": {one.name: one.to_json() for one in self.components},
        }


def diff(a: Package, b: Package) -> Diff:
    """Return how two packages differ, component by component.

    Raises:
        NotFound, DigestMismatch: A document of either is missing, or damaged.
        PackageError: A document of either breaks the format.
    """
    components = tuple(_component(name, a, b) for name in _DETAILS)
    return Diff(Who(a.reference, a.digest), Who(b.reference, b.digest), components)


def _component(name: str, a: Package, b: Package) -> Component:
    one, other = a.components.get(name), b.components.get(name)
    return Component(name, one, other, None if one == other else _DETAILS[name](a, b))


def _code(a: Package, b: Package) -> Details:
    return diff_code(*(_code_of(package) for package in (a, b)))


def _code_of(package: Package) -> Side:
    manifest = package.manifest
    return Side(manifest.pipeline.to_json(), package.code(), manifest.environment.python)


def _params(a: Package, b: Package) -> Details:
    return Values(changes(a.manifest.params, b.manifest.params))


def _schema(a: Package, b: Package) -> Details:
    return diff_schemas(a.manifest.schema, b.manifest.schema)


def _model(a: Package, b: Package) -> Details:
    return _files(a, b, "model/")


def _data(a: Package, b: Package) -> Details:
    sides = (References(one.manifest.data_tables(), one.profiles) for one in (a, b))
    return Data(diff_references(*sides), _files(a, b, "data/"))


def _scenarios(a: Package, b: Package) -> Details:
    is_other = a.files.get(TRACES) != b.files.get(TRACES)
    traces = diff_traces(a.traces, b.traces) if is_other else ()
    return Scenarios(diff_scenarios(a.scenarios, b.scenarios), traces)


def _docs(a: Package, b: Package) -> Details:
    return diff_documents(_files(a, b, "docs/", README), a.read, b.read)


def _manifest(a: Package, b: Package) -> Details:
    return Values(changes(_identity(a), _identity(b)))


def _identity(package: Package) -> dict[str, object]:
    """Return what a package says it is, the table `package` without its name."""
    tables = package.manifest.identity_tables()
    who = tables.pop("package")
    return {**(who if isinstance(who, Mapping) else {}), **tables}


def _files(a: Package, b: Package, *starts: str) -> Files:
    return diff_files(*(tuple(_listed(package, starts)) for package in (a, b)))


def _listed(package: Package, starts: tuple[str, ...]) -> Iterator[File]:
    for path, layer in package.files.items():
        if path.startswith(starts):
            yield File(path, layer.digest, layer.size)


_DETAILS: Mapping[str, Callable[[Package, Package], Details]] = {
    "code": _code,
    "environment": diff_environments,
    "params": _params,
    "schema": _schema,
    "model": _model,
    "data": _data,
    "scenarios": _scenarios,
    "docs": _docs,
    "manifest": _manifest,
}
"""How each component is compared, in the order in which a reviewer asks."""
