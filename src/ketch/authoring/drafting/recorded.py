"""Whether a lock has the versions of the libraries that a model was made with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.version import Version

from ketch.authoring.drafting.identify import SUFFIXES, versions_of
from ketch.authoring.drafting.needs import is_version
from ketch.env import Lock
from ketch.errors import Finding

_EXACT = frozenset(["scikit-learn"])
"""Libraries that promise nothing for models of another version, older or newer; the others
read what older ones wrote."""

_ALSO = {"xgboost": ("xgboost-cpu",)}


def other_versions(models: Mapping[str, Path], lock: Lock) -> tuple[Finding, ...]:
    """Return advice on each model file that was made with other versions than the lock has.

    Files are told by their bytes, and only those that are called like a model; nothing is
    loaded.

    Args:
        models: Path in the package → file.
        lock: What the model will run with.
    """
    return tuple(
        finding
        for name, path in models.items()
        if path.suffix.lower() in SUFFIXES
        for finding in made_otherwise(name, versions_of(path), lock)
    )


def made_otherwise(name: str, versions: Mapping[str, str], lock: Lock) -> Iterator[Finding]:
    """Yield advice on each library that is not in the version that a model file records.

    Args:
        name: The path of the model file in the package.
        versions: What it records, by distribution.
        lock: What the model will run with.
    """
    locked = {package.name: package.version for package in lock.packages}
    for library, version in versions.items():
        if not is_version(version):
            continue
        names = (library, *_ALSO.get(library, ()))
        found = next((locked[one] for one in names if one in locked), None)
        if found is not None and not _differs(library, version, found):
            continue
        has = "none" if found is None else f"`{found}`"
        yield Finding(
            "package/model-version",
            f"the model was made with {library} `{version}`, the lock has {has}",
            name,
            f"write `{library}=={version}` into the requirements, or train the model again",
            blocks=False,
        )


def _differs(library: str, version: str, found: str) -> bool:
    made, has = Version(version), Version(found)
    return made != has if library in _EXACT else made > has
