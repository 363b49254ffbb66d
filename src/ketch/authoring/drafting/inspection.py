"""Asking a model what it takes and answers: in its own environment, inside the sandbox.

The question is a package of its own, whose code is one of ``templates/inspect``; ketch
loads nothing. What that code finds comes back as one JSON text in a declared field.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ketch.authoring.drafting.model_file import Form, ModelFile
from ketch.authoring.drafting.said import Said
from ketch.authoring.drafting.templates import FOLDER
from ketch.env import Environment, compiling, top_level_modules
from ketch.package import imports_for_preload
from ketch.runtime import Launch, Worker
from ketch.schema import Field, Schema, String

DEADLINE_S = 120.0
_QUESTION = Schema((Field("request", String()),), (Field("reply", String()),))
_MODULE = "ketch_inspection"  # a name that no module of the author's has
_PIPELINE = {"load": f"{_MODULE}:load", "takes": "records", "steps": [f"{_MODULE}:inspect"]}
_CODE: Mapping[Form, str] = {
    Form.PICKLE: "sklearn.py",
    Form.JOBLIB: "sklearn.py",
    Form.SKOPS: "sklearn.py",
    Form.XGBOOST: "xgboost.py",
    Form.LIGHTGBM: "lightgbm.py",
    Form.ONNX: "onnx.py",
    Form.TORCH_STATE: "torch.py",
    Form.TORCH_SCRIPT: "torch.py",
    Form.TORCH_EXPORT: "torch.py",
}
_EXAMPLES = 20


def inspect(
    model: ModelFile,
    environment: Environment,
    room: Path,
    *,
    rows: Sequence[Mapping[str, object]] = (),
    code: Mapping[str, Path] | None = None,
) -> Said:
    """Load a model in an environment of its own, try it, and return what it said.

    Args:
        model: The model file.
        environment: An environment with the libraries it needs.
        room: An empty folder to work in.
        rows: Example rows to try it with; a few are enough.
        code: The author's own modules that a pickle names, by path.

    Raises:
        PackageCodeError: Loading it raised.
        Unavailable: It took too long, or killed its process.
    """
    question = Question(
        template=_CODE[model.form],
        request={"rows": list(rows[:_EXAMPLES]), "columns": list(rows[0]) if rows else []},
        params={"file": model.name, "form": model.form.value},
        model={model.name: model.path, **{path.name: path for path in model.companions}},
        code=code or {},
        pickles=(model.path,) if model.form in (Form.PICKLE, Form.JOBLIB) else (),
    )
    return Said.read(ask(question, environment, room), str(model.path))


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked before there is a package of it.

    Attributes:
        template: The code that asks, a file of ``templates/inspect``.
        request: JSON that the code gets.
        params: What its ``load`` gets.
        model: The files of the model, by path.
        code: The author's own modules, by path.
        pickles: Files that say which modules to import before the sandbox closes.
    """

    template: str
    request: Mapping[str, object]
    params: Mapping[str, object]
    model: Mapping[str, Path]
    code: Mapping[str, Path]
    pickles: Sequence[Path] = ()


def ask(question: Question, environment: Environment, room: Path) -> str:
    """Load a model in an environment, sandboxed, and return what the asking code replied.

    Raises:
        PackageCodeError: Loading it raised.
        Unavailable: It took too long, or killed its process.
    """
    folders = _lay_out(question, room)
    modules = imports_for_preload(
        [folders["code"] / f"{_MODULE}.py"], question.pickles, top_level_modules(environment)
    )
    launch = Launch(
        python=environment.python,
        env_dir=environment.path,
        code_dir=folders["code"],
        model_dir=folders["model"],
        scratch=folders["scratch"],
        variables={"OMP_NUM_THREADS": "1"},
        preimport=modules,
        start_timeout_s=DEADLINE_S,
    )
    with compiling(environment, modules) as bytecode, Worker.start(launch) as worker:
        worker.load(_PIPELINE, params=question.params, schema=_QUESTION, deadline_s=DEADLINE_S)
        asked = {"request": json.dumps(question.request)}
        answer = worker.predict([asked], deadline_s=DEADLINE_S)
        if bytecode.is_needed:
            bytecode.add(worker.modules().uncompiled)
    return str(answer.rows[0].get("reply"))


def _lay_out(question: Question, room: Path) -> dict[str, Path]:
    folders = {name: room / name for name in ("code", "model", "scratch")}
    for folder in folders.values():
        folder.mkdir(mode=0o700)
    for name, path in question.model.items():
        target = folders["model"] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        _share(path, target)
    for name, path in question.code.items():
        target = folders["code"] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    asking = FOLDER / "inspect" / question.template
    shutil.copyfile(asking, folders["code"] / f"{_MODULE}.py")
    shutil.copyfile(FOLDER / "inspect" / "common.py", folders["code"] / "ketch_common.py")
    return folders


def _share(source: Path, target: Path) -> None:
    """Put a file beside the worker: a link where the filesystem allows one."""
    try:
        target.hardlink_to(source.resolve())
    except OSError:  # another filesystem, or one without links
        shutil.copyfile(source, target)
