"""Which kind of change each component has."""

from __future__ import annotations

from collections.abc import Iterator

from ketch.compare.explain.inside.change import Inside
from ketch.compare.explain.inside.definitions import Definitions
from ketch.compare.explain.inside.libraries import Libraries
from ketch.compare.explain.inside.model_files import ModelFiles
from ketch.compare.explain.inside.parameters import Parameters
from ketch.env import Environment, Lock, module_owners
from ketch.package import Package
from ketch.package.code.imports import imports_of
from ketch.package.code.source import Source, parse_source
from ketch.runtime import Home


def inside(component: str, a: Package, b: Package, home: Home) -> Inside:
    """Return the single changes inside a component.

    Args:
        component: One of ``code``, ``model``, ``params``, ``environment``.
        a, b: The packages.
        home: Where their environments are; they were made before.
    """
    match component:
        case "params":
            return Parameters(a.manifest.params, b.manifest.params)
        case "model":
            return ModelFiles(a, b)
        case "code":
            return Definitions(a, b)
        case _:
            at_a, at_b = (_environment(one, home) for one in (a, b))
            return Libraries(a, b, at_a, at_b, _likely(b, at_b))


def _environment(package: Package, home: Home) -> Environment:
    return home.environments.ensure(Lock.parse(package.lock.decode()))


def _likely(package: Package, environment: Environment) -> Iterator[str]:
    """Yield the libraries that the code imports by name."""
    owners = module_owners(environment)
    for path, content in package.code().items():
        source = parse_source(content, path)
        if isinstance(source, Source):
            for one in imports_of(source):
                yield from owners.get(one.top, ())
