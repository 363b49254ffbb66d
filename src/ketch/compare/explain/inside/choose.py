"""Which kind of change each component has."""

from __future__ import annotations

from ketch.compare.explain.inside.change import Inside
from ketch.compare.explain.inside.definitions import Definitions
from ketch.compare.explain.inside.libraries import Libraries
from ketch.compare.explain.inside.model_files import ModelFiles
from ketch.compare.explain.inside.parameters import Parameters
from ketch.env import Environment, Lock
from ketch.package import Package, imported_distributions
from ketch.runtime import Home


def inside(component: str, a: Package, b: Package, home: Home) -> Inside:
    """Return the single changes inside a component.

    Args:
        component: One of ``code``, ``model``, ``params``, ``environment``.
        a: What was there before.
        b: What came after.
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
            return Libraries(a, b, at_a, at_b, _imported(b))


def _environment(package: Package, home: Home) -> Environment:
    return home.environments.ensure(Lock.parse(package.lock.decode()))


def _imported(package: Package) -> tuple[str, ...]:
    """Return the libraries that the code imports by name."""
    lock = Lock.parse(package.lock.decode())
    names = {one.name for one in lock.packages}
    return imported_distributions(package.code(), names, python=lock.python)
