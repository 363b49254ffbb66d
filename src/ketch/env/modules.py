"""Which modules an environment offers, and which distribution brings each.

Read from files, never by importing: :mod:`ketch.authoring` compares it with what a
package's code imports. Names are those at the top level, as after ``import``.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from ketch.env.environment import Environment

_SUFFIXES = (".py", ".so", ".pyd")
_MADE_BY_UV = frozenset({"_virtualenv"})


def top_level_modules(environment: Environment) -> frozenset[str]:
    """Return every name that could be imported from the environment's distributions.

    The standard library is not among them.
    """
    names = set()
    with os.scandir(environment.site_packages) as entries:
        for entry in entries:
            name = entry.name.partition(".")[0]
            is_module = _holds_code(entry) if entry.is_dir() else entry.name.endswith(_SUFFIXES)
            if is_module and _can_be_imported(name):
                names.add(name)
    return frozenset(names - _MADE_BY_UV)


def module_owners(environment: Environment) -> dict[str, tuple[str, ...]]:
    """Return, for each top-level module, the distributions that bring it.

    Usually one; a namespace package such as ``google`` has several owners. Names are
    normalised as PyPA defines it, and sorted.
    """
    owners: dict[str, set[str]] = {}
    for folder in sorted(environment.site_packages.glob("*.dist-info")):
        distribution = canonicalize_name(folder.name.removesuffix(".dist-info").split("-")[0])
        for module in _modules_of(folder):
            owners.setdefault(module, set()).add(distribution)
    return {module: tuple(sorted(owners[module])) for module in sorted(owners)}


def _holds_code(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is a package; one without ``__init__`` must hold modules somewhere."""
    if not _can_be_imported(entry.name):
        return False
    folder = Path(entry.path)
    return (folder / "__init__.py").is_file() or any(
        path.suffix in _SUFFIXES for path in folder.rglob("*")
    )


def _modules_of(dist_info: Path) -> set[str]:
    """Return the top-level modules a distribution installed.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    try:
        with (dist_info / "RECORD").open(encoding="utf-8", newline="") as file:
            return set(_modules_in_record(row[0] for row in csv.reader(file) if row))
    except OSError:
        return _modules_named(dist_info / "top_level.txt")


def _modules_in_record(paths: Iterator[str]) -> Iterator[str]:
    for path in paths:
        first, slash, _ = path.partition("/")
        # Scripts and data go outside (`../../../bin/f2py`), so `..` is not a name here.
        if path.endswith(_SUFFIXES):
            name = first if slash else first.partition(".")[0]
            if _can_be_imported(name):
                yield name


def _modules_named(path: Path) -> set[str]:
    """Return what setuptools noted, for a distribution that has no record."""
    try:
        return {name for name in path.read_text("utf-8").split() if _can_be_imported(name)}
    except OSError:
        return set()


def _can_be_imported(name: str) -> bool:
    return name.isidentifier() and name != "__pycache__"
