"""Which libraries a model needs, in which version, and who says so.

A version recorded in the model file counts most; then what the project's own requirements
pin, then what is installed in the active virtual environment. Without any of these the
newest that fits is taken, and the finding says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ketch.authoring.drafting.model_file import Form, ModelFile
from ketch.package.libraries import distribution_for, standard_library

_ALWAYS: Mapping[Form, tuple[str, ...]] = {
    Form.PICKLE: (),
    Form.JOBLIB: ("joblib",),
    Form.SKOPS: ("skops",),
    Form.XGBOOST: ("xgboost", "numpy"),
    Form.LIGHTGBM: ("lightgbm", "numpy"),
    Form.ONNX: ("onnxruntime", "numpy"),
    Form.TORCH_STATE: ("torch", "numpy"),
    Form.TORCH_SCRIPT: ("torch", "numpy"),
    Form.TORCH_EXPORT: ("torch", "numpy"),
}
_PSEUDO_MODULES = frozenset({"__main__", "__builtin__", "copy_reg", "__torch__"})
_CPU_ONLY_SINCE = Version("3.0")  # of xgboost-cpu
_LINUX, _ELSEWHERE = "sys_platform == 'linux'", "sys_platform != 'linux'"


@dataclass(frozen=True, slots=True)
class Need:
    """One library.

    Attributes:
        distribution: Its normalised name.
        specifier: Such as ``==1.9.1``; empty for the newest.
        why: Who says so, for the comment in ``requirements.txt``.
        marker: Where it is needed; empty means everywhere.
    """

    distribution: str
    specifier: str = ""
    why: str = ""
    marker: str = ""

    @property
    def line(self) -> str:
        """The line of a requirements file."""
        condition = f" ; {self.marker}" if self.marker else ""
        return f"{self.distribution}{self.specifier}{condition}"


@dataclass(frozen=True, slots=True)
class Known:
    """Versions that are known from around the model file.

    Attributes:
        pinned: What the project's own requirements say, by distribution.
        installed: What the active virtual environment holds, by distribution.
    """

    pinned: Mapping[str, str] = field(default_factory=dict)
    installed: Mapping[str, str] = field(default_factory=dict)


def needs_of(model: ModelFile, known: Known, extra_modules: Iterable[str] = ()) -> tuple[Need, ...]:
    """Return the libraries that loading and asking a model needs.

    Args:
        model: The model file.
        known: Versions known from around it.
        extra_modules: Further modules that its code imports.
    """
    modules = (*model.seen.modules, *extra_modules)
    names = {canonicalize_name(name) for name in (*_ALWAYS[model.form], *libraries(modules))}
    if any(module in ("xgboost.sklearn", "lightgbm.sklearn") for module in modules):
        names |= {"scikit-learn", "numpy"}
    if "scikit-learn" in names:
        names.add("numpy")
    recorded = {canonicalize_name(name): text for name, text in model.seen.versions.items()}
    needs = (_need(name, recorded, known, modules) for name in sorted(names))
    return tuple(one for need in needs for one in _for_processors(need))


def libraries(modules: Iterable[str]) -> set[str]:
    """Return the distributions that modules come from, the standard library left out."""
    standard = standard_library("3.11") | _PSEUDO_MODULES
    return {
        canonicalize_name(distribution_for(module))
        for module in modules
        if module.partition(".")[0] not in standard
    }


def relaxed(needs: Iterable[Need]) -> tuple[Need, ...]:
    """Return the same libraries in any version."""
    return tuple(replace(need, specifier="", why="") for need in needs)


def installed_versions() -> dict[str, str]:
    """Return what the active virtual or conda environment holds, by distribution."""
    root = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if not root:
        return {}
    folders = [str(path) for path in Path(root).glob("lib/python3.*/site-packages")]
    folders += [str(path) for path in Path(root).glob("Lib/site-packages")]
    found = {}
    for one in distributions(path=folders):
        if one.name and _is_version(one.version):
            found[canonicalize_name(one.name)] = one.version
    return found


def pinned_versions(lines: Iterable[str]) -> dict[str, str]:
    """Return the specifiers of requirement lines, by distribution."""
    found = {}
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if str(requirement.specifier) and requirement.url is None:
            found[canonicalize_name(requirement.name)] = str(requirement.specifier)
    return found


def _need(
    name: str, recorded: Mapping[str, str], known: Known, modules: Iterable[str]
) -> Need:
    if name in recorded and _is_version(recorded[name]):
        return Need(name, f"=={recorded[name]}", "recorded in the model file")
    if name in known.pinned:
        return Need(name, known.pinned[name], "as the project's requirements say")
    if name in known.installed:
        version = known.installed[name].partition("+")[0]
        return Need(name, f"=={version}", "as in the active environment")
    if name == "numpy":
        return Need(name, _numpy_generation(modules))
    return Need(name)


def _numpy_generation(modules: Iterable[str]) -> str:
    """Numpy 2 moved the module that pickled arrays name."""
    names = tuple(modules)
    if any(name.startswith("numpy._core") for name in names):
        return ">=2"
    return "<2" if any(name.startswith("numpy.core") for name in names) else ""


def _for_processors(need: Need) -> tuple[Need, ...]:
    """Return XGBoost without its gigabyte of GPU libraries, where that is published."""
    text = re.sub(r"^[=~>]=", "", need.specifier)
    if need.distribution != "xgboost" or (_is_version(text) and Version(text) < _CPU_ONLY_SINCE):
        return (need,)
    return (
        replace(need, distribution="xgboost-cpu", marker=_LINUX),
        replace(need, marker=_ELSEWHERE),
    )


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
