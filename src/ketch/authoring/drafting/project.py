"""A project folder as a source: its model, its own modules, and what it pins."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ketch.authoring.drafting.identify import SUFFIXES, identify
from ketch.authoring.drafting.model_file import ModelFile
from ketch.authoring.drafting.needs import pinned_versions
from ketch.authoring.drafting.notebooks import SUFFIX as NOTEBOOK
from ketch.env import read_requirements
from ketch.errors import UsageError
from ketch.package.code.closure import Closure
from ketch.package.code.modules import LocalModules

MOST_FILES = 20_000
_PASSED_OVER = frozenset(
    "node_modules venv env site-packages __pycache__ build dist scenarios tests wandb".split()  # noqa: SIM905 # reads better
)


_NEVER_OWN = sys.stdlib_module_names | {
    "__main__", "joblib", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "skops", "torch",
    "xgboost",
}  # fmt: skip
"""What a module beside the model never stands for, whatever it is called."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a project folder holds that a package needs.

    Attributes:
        folder: The folder.
        model: The one trained model in it; None when there is none.
        pinned: What its own requirements say, by distribution.
        notebooks: Its notebooks, relative to the folder; nothing in them is read.
    """

    folder: Path
    model: ModelFile | None
    pinned: dict[str, str]
    notebooks: tuple[str, ...] = ()


def read_project(folder: Path) -> Project:
    """Read a project folder; nothing in it is run.

    Raises:
        UsageError: ``init/several-models``, ``init/mlflow``, or ``init/too-many-files``.
    """
    if (folder / "MLmodel").is_file():
        raise UsageError(
            "expected a trained model or a project, found an MLflow model",
            code="init/mlflow",
            where=str(folder / "MLmodel"),
            hint=f"import it: `ketch import mlflow {folder} NEW-FOLDER`",
        )
    models = list(_models(folder))
    if len(models) > 1:
        named = ", ".join(f"`{one.path.relative_to(folder).as_posix()}`" for one in models[:10])
        raise UsageError(
            f"expected one trained model, found {len(models)}: {named}",
            code="init/several-models",
            where=str(folder),
            hint="name the one that answers: `--from FILE`",
        )
    notebooks = [path for path in _files(folder) if path.suffix.lower() == NOTEBOOK]
    names = tuple(path.relative_to(folder).as_posix() for path in notebooks)
    return Project(folder, models[0] if models else None, pins_of(folder), names)


def pins_of(folder: Path) -> dict[str, str]:
    """Return what the requirements of a folder pin, by distribution."""
    requirements = read_requirements(folder)
    return pinned_versions((*requirements.lines, *requirements.constraints))


def python_files(folder: Path) -> tuple[Path, ...]:
    """Return the Python files of a project."""
    return tuple(path for path in _files(folder) if path.suffix == ".py")


@dataclass(frozen=True, slots=True)
class OwnCode:
    """Modules of the author's that a model or a project needs.

    Attributes:
        files: Their files, by path in the package.
        modules: Those that were asked for.
        imports: The libraries' modules that they import.
    """

    files: dict[str, Path]
    imports: tuple[str, ...]
    modules: tuple[str, ...] = ()


def own_code(folder: Path, modules: Iterable[str]) -> OwnCode:
    """Return the modules of a folder that a pickle names, and those that they import."""
    local = LocalModules(folder)
    closure = Closure(folder, local)
    asked = []
    for name in modules:
        resolution = local.resolve(name)
        if resolution.found and resolution.is_local and name.partition(".")[0] not in _NEVER_OWN:
            closure.add(*resolution.modules)
            asked.append(name)
    closure.follow()
    files = {path.removeprefix("src/"): folder / path for path in closure.paths}
    imports = sorted({one.module for one in closure.imports if one.module})
    return OwnCode(files, tuple(imports), tuple(asked))


def _models(folder: Path) -> Iterator[ModelFile]:
    for path in _files(folder):
        if path.suffix.lower() in SUFFIXES:
            try:
                yield identify(path)
            except UsageError:  # a text or a JSON file that is something else
                continue


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for root, names, files in os.walk(folder):
        names[:] = sorted(n for n in names if n not in _PASSED_OVER and not n.startswith("."))
        names[:] = [name for name in names if not Path(root, name, "pyvenv.cfg").exists()]
        count += len(files)
        if count > MOST_FILES:
            message = f"expected at most {MOST_FILES} files, found more"
            raise UsageError(message, code="init/too-many-files", where=str(folder))
        yield from (Path(root, name) for name in sorted(files) if not name.startswith("."))
