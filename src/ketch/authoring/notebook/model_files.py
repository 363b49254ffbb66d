"""Models and other things in files: taken along, and read in the way their bytes ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ketch.authoring.drafting.identify import identify
from ketch.authoring.drafting.literals import python
from ketch.authoring.drafting.model_file import Form
from ketch.errors import Finding, KetchError

_FROM_FILE = {
    Form.JOBLIB: ("import joblib", "joblib.load({path})"),
    Form.SKOPS: ("from skops.io import load as load_skops", "load_skops({path}, trusted=[])"),
    Form.LIGHTGBM: ("import lightgbm", "lightgbm.Booster(model_file={path})"),
    Form.XGBOOST: ("import xgboost", "xgboost.Booster(model_file={path})"),
    Form.ONNX: ("import onnxruntime", "onnxruntime.InferenceSession({path})"),
    Form.TORCH_SCRIPT: ("import torch", "torch.jit.load({path})"),
    Form.TORCH_EXPORT: ("import torch", "torch.export.load({path}).module()"),
}


@dataclass(slots=True)
class Loading:
    """How the states come to be.

    Attributes:
        lines: The body of ``load``, one statement each.
        missing: States that nobody knows how to make.
        imports: Import lines these need.
        files: Files to copy, by path in the package.
        findings: What could not be had, or is to be known.
        own: A function of the author's that is a ``load`` itself.
    """

    lines: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    own: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What a person handed over.

    Attributes:
        files: State → its file.
        lines: State → the lines that make it of its file, where that is known better than
            from the file, with ``{name}`` and ``{path}``.
        imports: State → the import that this line needs.
        params: Names that ``load`` takes from its parameters.
        load: The author's function that loads, by name.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)
    imports: Mapping[str, str] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    load: str | None = None


def ship(made: Loading, path: Path) -> str:
    """Take a file, or all files of a folder, along; return its name below ``model/``."""
    name = plain_name(path.name)
    inside = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else []
    for one in inside:
        made.files[f"model/{name}/{one.relative_to(path).as_posix()}"] = one
    if not inside:
        made.files[f"model/{name}"] = path
    if "from pathlib import Path" not in made.imports:
        made.imports.append("from pathlib import Path")
    return name


def plain_name(name: str) -> str:
    """Return a file's name as one in a package can be.

    >>> plain_name("my model (2).joblib")
    'my_model_2_.joblib'
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._-")[:100] or "file"


def from_file(made: Loading, name: str, path: Path, given: Given) -> None:
    """Read a state from its file in the way its bytes ask for."""
    shown = f"Path(model_dir) / {python(ship(made, path))}"
    if name in given.lines:
        made.imports += [line for line in [given.imports.get(name, "")] if line]
        made.lines.append(given.lines[name].format(name=name, path=shown))
        return
    if path.suffix == ".json" and not _is_model(path):
        made.imports.append("import json")
        made.lines.append(f"{name} = json.loads(({shown}).read_text())")
        return
    try:
        model = identify(path)
    except KetchError as problem:
        made.findings.append(
            Finding("init/notebook-state", problem.message, f"model/{path.name}", problem.hint)
        )
        made.missing.append(name)
        return
    made.findings += model.seen.findings
    made.versions |= model.seen.versions
    if model.form is Form.PICKLE:
        made.imports.append("import pickle")
        made.lines.append(f"{name} = pickle.loads(({shown}).read_bytes())")
    elif model.form in _FROM_FILE:
        line, call = _FROM_FILE[model.form]
        made.imports.append(line)
        made.lines.append(f"{name} = {call.format(path=shown)}")
    else:
        made.findings.append(_weights(name, path))
        made.missing.append(name)


def _is_model(path: Path) -> bool:
    try:
        identify(path)
    except KetchError:
        return False
    return True


def _weights(name: str, path: Path) -> Finding:
    return Finding(
        "init/notebook-state",
        f"`{path.name}` holds the weights of `{name}` and not the network",
        f"model/{path.name}",
        "make the network and load the weights in `load` of pipeline.py",
    )
