"""What is installed in an environment, and whether distributions can stand side by side.

The rule is that of ``pip check``: each requirement that the metadata of a distribution states
for this Python and platform is met. No index is asked, for whatever could be mixed lies in one
of two environments already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from typing import cast

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from ketch.env import Environment


@dataclass(frozen=True, slots=True)
class Installed:
    """One distribution: its version, and what it needs."""

    name: str
    version: str
    needs: tuple[Requirement, ...] = ()
    python: SpecifierSet | None = None


def installed(environment: Environment) -> dict[str, Installed]:
    """Return the distributions of an environment by normalised name."""
    found = distributions(path=[str(environment.site_packages)])
    named = (one for one in found if one.metadata["Name"])  # else it was half removed
    read = [_read(one, environment.interpreter.version) for one in named]
    return {one.name: one for one in sorted(read, key=lambda one: one.name)}


def unmet(chosen: Mapping[str, Installed], python: str) -> Iterator[tuple[str, str]]:
    """Yield who needs what that is not there: the name that needs, and the name that is needed.

    Args:
        chosen: Distributions by name.
        python: The version of Python; what refuses it needs ``python``.
    """
    for one in chosen.values():
        if one.python is not None and python not in one.python:
            yield one.name, "python"
        for need in one.needs:
            name = canonicalize_name(need.name)
            there = chosen.get(name)
            if there is None or not need.specifier.contains(there.version, prereleases=True):
                yield one.name, name


def _read(found: Distribution, python: str) -> Installed:
    metadata = found.metadata
    return Installed(
        canonicalize_name(metadata["Name"]),
        found.version,
        tuple(_needs(found.requires or [], python)),
        _specifier(metadata["Requires-Python"]),
    )


def _needs(lines: list[str], python: str) -> Iterator[Requirement]:
    versions = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    here = {**cast("dict[str, str]", default_environment()), **versions, "extra": ""}
    for line in lines:
        try:
            need = Requirement(line)
        except InvalidRequirement:  # an old distribution; it stood beside the others so far
            continue
        if need.marker is None or need.marker.evaluate(here):
            yield need


def _specifier(text: str | None) -> SpecifierSet | None:
    try:
        return SpecifierSet(text) if text else None
    except InvalidSpecifier:
        return None
