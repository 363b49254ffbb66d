"""Which libraries a model needs, in which version, and who says so.

A version recorded in the model file counts most; then what the project's own requirements
pin, then what is installed in the active virtual environment. Without any of these the
newest that fits is taken, and the finding says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ketch.authoring.drafting.model_file import Form
from ketch.env.well_known import WELL_KNOWN
from ketch.errors import Finding
from ketch.package.code.libraries import distribution_for, standard_library

ALWAYS: Mapping[Form, tuple[str, ...]] = {
    Form.PICKLE: ("numpy",),
    Form.JOBLIB: ("joblib", "numpy"),
    Form.SKOPS: ("skops", "numpy"),
    Form.XGBOOST: ("xgboost", "numpy"),
    Form.LIGHTGBM: ("lightgbm", "numpy"),
    Form.ONNX: ("onnxruntime", "numpy"),
    Form.TORCH_STATE: ("torch", "numpy"),
    Form.TORCH_SCRIPT: ("torch", "numpy"),
    Form.TORCH_EXPORT: ("torch", "numpy"),
}
"""What the code that reads a model imports, whatever the model is."""

_KNOWN = WELL_KNOWN
"""Libraries that may be fetched because a file names their modules.

Any other name comes from whoever wrote the file. Fetching it would hand the index, and
everybody who can register a name there, a way in; so a person has to write it down.
"""

_BY_MODULE = {"imblearn": "imbalanced-learn", "surprise": "scikit-surprise"}
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
        firm: What of the specifier the model file itself says, and stays as long as it can.
    """

    distribution: str
    specifier: str = ""
    why: str = ""
    marker: str = ""
    firm: str = ""

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
        recorded: What the model file itself records, by distribution.
        installed: What the active virtual environment holds, by distribution.
    """

    pinned: Mapping[str, str] = field(default_factory=dict)
    recorded: Mapping[str, str] = field(default_factory=dict)
    installed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Needed:
    """The libraries a model needs, and what to say about those that nobody vouches for."""

    needs: tuple[Need, ...]
    findings: tuple[Finding, ...] = ()


def needs_of(
    distributions: Iterable[str], modules: Collection[str], known: Known, where: str
) -> Needed:
    """Return the libraries that loading and asking a model needs.

    Args:
        distributions: Libraries it needs in any case.
        modules: Modules that a file or code names; only well-known ones become libraries.
        known: Versions known from around it.
        where: The file that names the modules.
    """
    named = libraries(modules)
    vouched = _KNOWN | known.pinned.keys() | known.installed.keys()
    names = {*distributions, *(name for name in named if name in vouched)}
    if any(module in ("xgboost.sklearn", "lightgbm.sklearn") for module in modules):
        names |= {"scikit-learn", "numpy"}
    if "scikit-learn" in names:
        names.add("numpy")
    needs = (_need(name, known, modules) for name in sorted(names))
    unknown = sorted(module for name, module in named.items() if name not in names)
    return Needed(
        tuple(one for need in needs for one in _for_processors(need)),
        tuple(_unknown(module, where) for module in unknown),
    )


def libraries(modules: Iterable[str]) -> dict[str, str]:
    """Return the distributions that modules seem to come from → what they import as."""
    standard = standard_library("3.11") | _PSEUDO_MODULES
    tops = {module: module.partition(".")[0] for module in modules}
    return {
        _plain(_BY_MODULE.get(top) or distribution_for(module)): top
        for module, top in tops.items()
        if top not in standard
    }


def _unknown(module: str, where: str) -> Finding:
    message = f"`{module[:60]}` is needed, and nobody says which library it is"
    hint = (
        f"put `{module[:60]}.py` beside the model when it is your own; else write its library "
        "into a requirements.txt beside the model, and run init again"
    )
    return Finding("init/unknown-module", message, where, hint)


def relaxed(needs: Iterable[Need], blamed: str | None = None) -> tuple[Need, ...]:
    """Return the same libraries in any version that the model file does not speak against.

    Args:
        needs: The libraries, in the versions that were found.
        blamed: Only those that this text names; without it, all.
    """
    return tuple(
        replace(need, specifier=need.firm, why="")
        if need.specifier != need.firm and (blamed is None or _is_named(need, blamed))
        else need
        for need in needs
    )


def _is_named(need: Need, text: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(need.distribution)}(?![\w-])", text) is not None


def unbound(needs: Iterable[Need]) -> tuple[Need, ...]:
    """Return the same libraries in any version."""
    return tuple(replace(need, specifier="", why="", firm="") for need in needs)


def training_python() -> str | None:
    """Return the Python of the active virtual or conda environment, such as ``3.10``."""
    names = [Path(one).parent.name.removeprefix("python") for one in _site_packages()]
    return names[0] if names and re.fullmatch(r"3\.\d{1,2}", names[0]) else None


def installed_versions() -> dict[str, str]:
    """Return what the active virtual or conda environment holds, by distribution."""
    folders = _site_packages()
    if not folders:
        return {}
    from importlib.metadata import distributions  # 8 ms that only `init` needs

    found = {}
    for one in distributions(path=folders):
        is_published = one.read_text("direct_url.json") is None  # not from a folder of this machine
        if one.name and is_published and is_version(one.version):
            found[_plain(one.name)] = one.version
    return found


def _site_packages() -> list[str]:
    """Return the folders of libraries of the active environment, the newest Python's first."""
    root = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if not root:
        return []
    found = Path(root).glob("lib/python3.*/site-packages")
    return [str(path) for path in sorted(found, key=_minor, reverse=True)]


def _minor(folder: Path) -> int:
    minor = folder.parent.name.removeprefix("python3.")
    return int(minor) if minor.isdecimal() else 0


def pinned_versions(lines: Iterable[str]) -> dict[str, str]:
    """Return the specifiers of requirement lines, by distribution."""
    found = {}
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if str(requirement.specifier) and requirement.url is None:
            found[_plain(requirement.name)] = str(requirement.specifier)
    return found


def _need(name: str, known: Known, modules: Iterable[str]) -> Need:
    if is_version(known.recorded.get(name, "")):
        exact = f"=={known.recorded[name]}"
        return Need(name, exact, "recorded in the model file", firm=exact)
    firm = _numpy_generation(modules) if name == "numpy" else ""
    if name in known.pinned:
        return Need(name, known.pinned[name], "within the project's requirements", firm=firm)
    if name in known.installed:
        version = known.installed[name].partition("+")[0]
        return Need(name, f"=={version}", "as in the active environment", firm=firm)
    return Need(name, firm, firm=firm)


def _numpy_generation(modules: Iterable[str]) -> str:
    """Numpy 2 moved the module that pickled arrays name."""
    names = tuple(modules)
    if any(name.startswith("numpy._core") for name in names):
        return ">=2"
    return "<2" if any(name.startswith("numpy.core") for name in names) else ""


def _for_processors(need: Need) -> tuple[Need, ...]:
    """Return XGBoost without its gigabyte of GPU libraries, where that is published."""
    text = re.sub(r"^[=~>]=", "", need.specifier)
    if need.distribution != "xgboost" or (is_version(text) and Version(text) < _CPU_ONLY_SINCE):
        return (need,)
    return (
        replace(need, distribution="xgboost-cpu", marker=_LINUX),
        replace(need, marker=_ELSEWHERE),
    )


def _plain(name: str) -> str:
    return str(canonicalize_name(name))


def is_version(text: str) -> bool:
    """Whether a text is a version as PyPA defines it; files hold all kinds of things."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
