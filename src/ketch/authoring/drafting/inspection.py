"""Asking a model what it takes and answers: in its own environment, inside the sandbox.

The question is a package of its own, whose code is one of ``templates/inspect``; ketch
loads nothing. What that code finds comes back as one JSON text in a declared field.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
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
    folders = _lay_out(model, room, code or {})
    request = {"rows": list(rows[:_EXAMPLES]), "columns": list(rows[0]) if rows else []}
    params = {"file": model.name, "form": model.form.value}
    files = [model.path] if model.form in (Form.PICKLE, Form.JOBLIB) else []
    modules = imports_for_preload(
        [folders["code"] / f"{_MODULE}.py"], files, top_level_modules(environment)
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
        worker.load(_PIPELINE, params=params, schema=_QUESTION, deadline_s=DEADLINE_S)
        asked = {"request": json.dumps(request)}
        answer = worker.predict([asked], deadline_s=DEADLINE_S)
        if bytecode.is_needed:
            bytecode.add(worker.modules().uncompiled)
    return Said.read(str(answer.rows[0].get("reply")), str(model.path))


def _lay_out(model: ModelFile, room: Path, code: Mapping[str, Path]) -> dict[str, Path]:
    folders = {name: room / name for name in ("code", "model", "scratch")}
    for folder in folders.values():
        folder.mkdir(mode=0o700)
    _share(model.path, folders["model"] / model.name)
    for path in model.companions:
        _share(path, folders["model"] / path.name)
    for name, path in code.items():
        target = folders["code"] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shutil.copyfile(FOLDER / "inspect" / _CODE[model.form], folders["code"] / f"{_MODULE}.py")
    shutil.copyfile(FOLDER / "inspect" / "common.py", folders["code"] / "ketch_common.py")
    return folders


def _share(source: Path, target: Path) -> None:
    """Put a file beside the worker: a link where the filesystem allows one."""
    try:
        target.hardlink_to(source.resolve())
    except OSError:  # another filesystem, or one without links
        shutil.copyfile(source, target)
