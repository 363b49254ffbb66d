"""Running a pipeline whose outputs are not known yet, where the package itself will run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.authoring.drafting.templates import FOLDER
from ketch.env import Environment, compiling, top_level_modules
from ketch.errors import Finding
from ketch.package import imports_for_preload
from ketch.runtime import Launch, Worker
from ketch.schema import Field, Float, List, Schema, String, Type, decode, infer_fields

DEADLINE_S = 120.0
MODULE = "ketch_answers"  # a name that no module of the author's has
TEMPLATE = FOLDER / "inspect" / "answers.py"
VALUES = "values"
_REPLY = (Field("reply", String()),)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the last step returned.

    Attributes:
        rows: One answer a row, as names and values.
        is_values: Whether it returned one value a row, not names and values.
        is_narrow: Whether it held floats of fewer than 64 bits.
    """

    rows: tuple[dict[str, object], ...]
    is_values: bool
    is_narrow: bool

    def fields(self) -> tuple[tuple[Field, ...], tuple[Finding, ...]]:
        """Return the declarations that these answers fit, floats with a tolerance."""
        fields, findings = infer_fields(self.rows, "ketch.toml: outputs")
        rtol, atol = (1e-4, 1e-6) if self.is_narrow else (1e-6, 1e-9)
        return (
            tuple(
                replace(one, rtol=rtol, atol=atol) if _is_float(one.type) else one for one in fields
            ),
            findings,
        )


def tried(
    folder: Path,
    pipeline: Mapping[str, object],
    inputs: Sequence[Field],
    rows: Sequence[Mapping[str, object]],
    *,
    params: Mapping[str, object],
    environment: Environment,
    room: Path,
) -> Answers:
    """Ask a folder's steps in its own environment, inside the sandbox.

    Args:
        folder: The folder in the making, with its code and model.
        pipeline: ``load``, ``takes`` and ``steps``, as in ``ketch.toml``.
        inputs: The declared inputs.
        rows: Rows in JSON form that fit them.
        params: What ``load`` receives.
        environment: The environment of its lock.
        room: An empty folder to work in.

    Raises:
        PackageCodeError: Its code raised.
        Unavailable: It took too long, or killed its process.
    """
    code = room / "code"
    shutil.copytree(folder, code, ignore=shutil.ignore_patterns("model", "data", "scenarios"))
    shutil.copyfile(TEMPLATE, code / f"{MODULE}.py")
    (folder / "model").mkdir(exist_ok=True)
    steps = [*_listed(pipeline["steps"]), f"{MODULE}:reply"]
    sources = sorted(code.rglob("*.py"))
    modules = imports_for_preload(sources, [], top_level_modules(environment))
    launch = Launch(
        python=environment.python,
        env_dir=environment.path,
        code_dir=code,
        model_dir=folder / "model",
        scratch=room / "scratch",
        variables={"OMP_NUM_THREADS": "1"},
        preimport=modules,
        start_timeout_s=DEADLINE_S,
    )
    schema = Schema(tuple(inputs), _REPLY)
    asked, _ = decode(inputs, list(rows))
    with compiling(environment, modules) as bytecode, Worker.start(launch) as worker:
        asks = {**pipeline, "steps": steps}
        worker.load(asks, params=dict(params), schema=schema, deadline_s=DEADLINE_S)
        answer = worker.predict(asked, deadline_s=DEADLINE_S)
        if bytecode.is_needed:
            bytecode.add(worker.modules().uncompiled)
    return answers_of([str(row.get("reply")) for row in answer.rows])


def answers_of(replies: Sequence[str]) -> Answers:
    """Read what ``templates/inspect/answers.py`` replied, one text a row."""
    read = [json.loads(reply) for reply in replies]
    is_values = any(shape == VALUES for shape, _, _ in read)
    rows = tuple({"prediction": row} if is_values else dict(row) for _, row, _ in read)
    return Answers(rows, is_values, any(narrow for _, _, narrow in read))


def _is_float(kind: Type) -> bool:
    while isinstance(kind, List):
        kind = kind.item
    return isinstance(kind, Float)


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else []
