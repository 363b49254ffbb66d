"""Which imports are libraries, and whether the environment holds them."""

import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache

from ketch.errors import Finding
from ketch.package.code.imports import Import, imports_of
from ketch.package.code.source import Source, parse_source

_REMOVED: Mapping[tuple[int, int], str] = {
    (3, 9): "_dummy_threading dummy_threading",
    (3, 10): "_bootlocale formatter macpath parser symbol",
    (3, 11): "binhex",
    (3, 12): "asynchat asyncore distutils imp smtpd",
    (3, 13): (
        "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib "
        "ossaudiodev pipes sndhdr spwd sunau telnetlib uu xdrlib"
    ),
}
"""Modules gone from the standard library, by the first version without them (PEP 594, 632)."""

_ADDED: Mapping[tuple[int, int], str] = {
    (3, 9): "graphlib zoneinfo",
    (3, 11): "tomllib",
    (3, 14): "annotationlib compression",
}
"""Modules new in the standard library, by the first version with them."""

_DISTRIBUTIONS = {
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.storage": "google-cloud-storage",
    "jwt": "pyjwt",
    "pkg_resources": "setuptools",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "snowflake": "snowflake-connector-python",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
"""Libraries whose import name differs from the name they are installed by."""


@cache
def standard_library(python: str) -> frozenset[str]:
    """Return the top-level modules that a Python version brings.

    Args:
        python: Such as ``3.11`` or ``3.11.7``; 3.9 and later are known.
    """
    version = _version(python)
    known = set(sys.stdlib_module_names)
    for gone, names in _REMOVED.items():
        (known.difference_update if version >= gone else known.update)(names.split())
    for new, names in _ADDED.items():
        (known.update if version >= new else known.difference_update)(names.split())
    return frozenset(known)


def distribution_for(module: str) -> str:
    """Return what to write in ``requirements.txt`` for an import, at a good guess."""
    top = module.partition(".")[0]
    return _DISTRIBUTIONS.get(module) or _DISTRIBUTIONS.get(top) or top.replace("_", "-")


def undeclared(
    imports: Iterable[Import], module_owners: Collection[str], *, python: str
) -> tuple[Finding, ...]:
    """Return the imported modules that nothing in the environment brings.

    One finding a module, code ``package/undeclared-import``, at the first line that
    imports it. It is advice when every such import is optional.

    Args:
        imports: What the shipped code imports and the folder does not hold.
        module_owners: The modules, top-level or dotted, that some distribution brings.
        python: The Python version of the environment.
    """
    standard = standard_library(python)
    missing: dict[str, list[Import]] = {}
    for one in imports:
        if one.top not in standard and not _is_owned(one, module_owners):
            missing.setdefault(one.top, []).append(one)
    return tuple(_finding(uses, python) for uses in missing.values())


def imported_distributions(
    code: Mapping[str, bytes], distributions: Collection[str], *, python: str
) -> tuple[str, ...]:
    """Return the distributions that code imports itself, as far as names tell.

    Args:
        code: Python files, by path.
        distributions: Those of the environment, normalised.
        python: The Python version of the environment.
    """
    files = [path for path in code if path.endswith(".py")]
    sources = (parse_source(code[path], path, python=python) for path in sorted(files))
    imports = (one for each in sources if isinstance(each, Source) for one in imports_of(each))
    found = dict.fromkeys(name for one in imports for name in _names(one))
    return tuple(name for name in found if name in distributions)


def unnamed(
    imports: Iterable[Import], distributions: Collection[str], *, python: str
) -> tuple[Finding, ...]:
    """Return the imported modules that no distribution is named like.

    What :func:`undeclared` knows from an environment, guessed before there is one. A
    distribution may bring a module of another name, so it is advice; but where there are
    no distributions at all it is certain.

    Args:
        imports: What the shipped code imports and the folder does not hold.
        distributions: Their names, normalised.
        python: The Python version of the environment.
    """
    if not distributions:
        return undeclared(imports, (), python=python)
    unlike = [one for one in imports if not _is_named(one, distributions)]
    return tuple(replace(one, blocks=False) for one in undeclared(unlike, (), python=python))


def _is_named(one: Import, distributions: Collection[str]) -> bool:
    return any(name in distributions for name in _names(one))


def _names(one: Import) -> tuple[str, ...]:
    """Return the distributions that an import would usually come from, normalised."""
    return distribution_for(one.module).lower(), one.top.replace("_", "-").lower()


def _is_owned(one: Import, owners: Collection[str]) -> bool:
    """Whether a distribution holds the module, a parent of it, or what is asked of it."""
    segments = one.module.split(".")
    prefixes = (".".join(segments[: end + 1]) for end in range(len(segments)))
    if any(prefix in owners for prefix in prefixes):
        return True
    wanted = {f"{one.module}.{name}" for name in one.names} or {one.module}
    return any(owner == name or owner.startswith(f"{name}.") for owner in owners for name in wanted)


def _finding(uses: list[Import], python: str) -> Finding:
    first = next((use for use in uses if not use.optional), uses[0])
    more = f", and {len(uses) - 1} more" if len(uses) > 1 else ""
    blocks = not all(use.optional for use in uses)
    message = f"`{first.top}` is imported but no requirement brings it{more}"
    if not blocks:
        message = f"`{first.top}` is optional and no requirement brings it{more}"
    return Finding(
        "package/undeclared-import", message, first.where, _hint(first, python), blocks=blocks
    )


def _hint(one: Import, python: str) -> str:
    for gone, names in _REMOVED.items():
        if one.top in names.split() and _version(python) >= gone:
            return f"Python {gone[0]}.{gone[1]} removed `{one.top}`; use another module"
    for new, names in _ADDED.items():
        if one.top in names.split() and _version(python) < new:
            return f"`{one.top}` came with Python {new[0]}.{new[1]}, the package runs on {python}"
    wanted = f"add `{distribution_for(one.module)}` to the requirements"
    if one.module in _DISTRIBUTIONS or one.top in _DISTRIBUTIONS:
        return wanted
    return f"{wanted}; when it is your own, put `{one.top}.py` into the folder"


def _version(python: str) -> tuple[int, int]:
    major, minor = python.split(".")[:2]
    return int(major), int(minor)
