"""From a source to a draft: libraries, one look at the model, a plan, and what was unclear."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.authoring.drafting import literals
from ketch.authoring.drafting.drafts import draft_scenarios, unused
from ketch.authoring.drafting.examples import Examples
from ketch.authoring.drafting.inspection import inspect
from ketch.authoring.drafting.model_file import Form, ModelFile
from ketch.authoring.drafting.needs import ALWAYS, Known, Needed, installed_versions, needs_of
from ketch.authoring.drafting.plan import Piece, Plan
from ketch.authoring.drafting.plan_table import plan_lightgbm, plan_sklearn, plan_xgboost
from ketch.authoring.drafting.plan_tensors import plan_onnx, plan_torch
from ketch.authoring.drafting.project import OwnCode, own_code, python_files
from ketch.authoring.drafting.recorded import made_otherwise
from ketch.authoring.drafting.said import Said
from ketch.authoring.drafting.solve import Solved, solve
from ketch.errors import Finding, PackageCodeError
from ketch.package import Scenario
from ketch.package.code.imports import imports_of
from ketch.package.code.modules import LocalModules
from ketch.package.code.source import Source, read_source
from ketch.progress import Progress
from ketch.runtime import Home
from ketch.schema import Field, Float

_PLANS = {
    Form.PICKLE: plan_sklearn,
    Form.JOBLIB: plan_sklearn,
    Form.SKOPS: plan_sklearn,
    Form.XGBOOST: plan_xgboost,
    Form.LIGHTGBM: plan_lightgbm,
    Form.ONNX: plan_onnx,
    Form.TORCH_STATE: plan_torch,
    Form.TORCH_SCRIPT: plan_torch,
    Form.TORCH_EXPORT: plan_torch,
}
_WRITTEN_TO = "pipeline.py"


@dataclass(frozen=True, slots=True)
class Draft:
    """A package folder before it is written.

    Attributes:
        title: What it is, in a line.
        plan: Its code and schema.
        solved: Its libraries.
        files: Files to copy, by path in the folder.
        scenarios: Inputs to try it with.
        findings: Everything that was assumed or could not be decided.
    """

    title: str
    plan: Plan
    solved: Solved
    files: Mapping[str, Path]
    scenarios: tuple[Scenario, ...]
    findings: tuple[Finding, ...]


def draft_model(
    model: ModelFile,
    *,
    pinned: Mapping[str, str],
    examples: Examples,
    home: Home,
    progress: Progress,
) -> Draft:
    """Draft the package of one trained model.

    Args:
        model: The model file.
        pinned: What the project around it pins, by distribution.
        examples: Example rows.
        home: Where environments are kept.
        progress: Told what is being done.

    Raises:
        Refused: The libraries it needs do not install on this machine.
        Unavailable: The package index or an interpreter cannot be reached.
    """
    own = own_code(model.path.parent, model.seen.modules)
    needed = _needed(model, own, pinned)
    solved = solve(needed.needs, progress)
    progress.step("building the environment")
    environment = home.environments.ensure(solved.lock)
    progress.step("asking the model what it takes")
    with home.room() as room:
        try:
            said = inspect(model, environment, room, rows=examples.rows, code=own.files)
        except PackageCodeError as problem:
            message = re.sub(r" from '[^']*worker\.py'", "", problem.message)
            message = message.replace(f"{room}/", "")
            plan, title = _undecided(model, message), "A model that did not load"
        else:
            plan = replace(_plan(model, said, examples), imports=own.modules)
            title = f"{_kind(model, said)} from {model.path.name}"
    scenarios, idle = _scenarios(plan, examples)
    files = {f"model/{path.name}": path for path in model.companions}
    files[f"model/{model.name}"] = model.path
    return Draft(
        title=title,
        plan=plan,
        solved=solved,
        files={**files, **own.files},
        scenarios=scenarios,
        findings=(
            *model.seen.findings,
            *needed.findings,
            *solved.findings,
            *made_otherwise(f"model/{model.name}", model.seen.versions, solved.lock),
            *plan.findings,
            *idle,
        ),
    )


def draft_project(folder: Path, pinned: Mapping[str, str], progress: Progress) -> Draft:
    """Draft a package around a project that holds no trained model.

    Raises:
        Refused: The libraries it imports do not install on this machine.
        Unavailable: The package index cannot be reached.
    """
    local = LocalModules(folder)
    modules = set()
    for path in python_files(folder):
        source = read_source(folder, path.relative_to(folder).as_posix())
        if isinstance(source, Source):
            modules |= {one.module for one in imports_of(source) if one.module and not one.level}
    foreign = [module for module in sorted(modules) if not local.resolve(module).is_local]
    needed = needs_of((), foreign, Known(pinned, {}, installed_versions()), folder.name)
    message = "found no trained model; pipeline.py is a sketch without one"
    hint = "write `predict` and the schema, or name the model: `--from FILE`"
    finding = Finding("init/no-model", message, folder.name, hint)
    plan = _sketch((Piece("undecided.py"),), (finding,))
    return Draft(
        title="A package to be written",
        plan=plan,
        solved=solve(needed.needs, progress),
        files={},
        scenarios=(),
        findings=(finding, *needed.findings),
    )


def _needed(model: ModelFile, own: OwnCode, pinned: Mapping[str, str]) -> Needed:
    """Return the libraries; the author's own modules are not among them."""
    foreign = [name for name in model.seen.modules if name not in own.modules]
    foreign += ["pandas"] if model.seen.names_columns else []
    known = Known(pinned, model.seen.versions, installed_versions())
    return needs_of(ALWAYS[model.form], (*foreign, *own.imports), known, model.path.name)


def _plan(model: ModelFile, said: Said, examples: Examples) -> Plan:
    answers = (said.prediction, said.features, *said.answers, *said.feeds)
    is_torch = model.form.value.startswith("torch")  # whose file often says nothing
    if said.problem is not None and not any(answers) and not said.takes and not is_torch:
        return _undecided(model, said.problem)
    plan = _PLANS[model.form](model, said, examples)
    if said.problem is None:
        return plan
    return replace(plan, findings=(*plan.findings, _not_tried(said.problem)))


def _not_tried(problem: str) -> Finding:
    hint = "give rows that it can answer, `--example FILE`, or check the outputs in ketch.toml"
    return Finding("init/not-tried", problem, _WRITTEN_TO, hint)


def _undecided(model: ModelFile, problem: str) -> Plan:
    """Return a plan that loads the model, and leaves the rest to a person."""
    values = {
        "file": literals.python(model.name),
        "trusted": "[]",
        "key": "",
        "parameters": "",
    }
    hint = "write `predict` in pipeline.py, and the schema in ketch.toml"
    finding = Finding(
        "init/not-loaded", f"the model cannot be asked: {problem}", model.path.name, hint
    )
    load = Piece(f"load_{model.form.value}.py", values)
    return _sketch((load, Piece("undecided.py")), (finding,))


def _sketch(pieces: tuple[Piece, ...], findings: tuple[Finding, ...]) -> Plan:
    return Plan(
        pieces=pieces,
        steps=("predict",),
        inputs=(Field("value", Float(64), description="To be written"),),
        outputs=(Field("prediction", Float(64), description="To be written"),),
        findings=findings,
        is_runnable=False,
        is_sketch=True,
    )


def _kind(model: ModelFile, said: Said) -> str:
    """Return what kind of model it is, in a word or two."""
    if model.form is Form.ONNX:
        return "ONNX graph"
    if model.form.value.startswith("torch"):
        return "PyTorch network"
    return said.class_name.rpartition(".")[2]


def _scenarios(plan: Plan, examples: Examples) -> tuple[tuple[Scenario, ...], tuple[Finding, ...]]:
    """Return draft scenarios, and why they are not the example's rows where they are not."""
    if plan.is_sketch:
        return (), ()
    columns = _columns(plan, examples)
    return draft_scenarios(plan, examples, columns), unused(plan, examples, columns)


def _columns(plan: Plan, examples: Examples) -> dict[str, str]:
    """Return the example's column for each input, by what the plan calls it."""
    names = {one.name: plan.columns.get(one.name, one.name) for one in plan.inputs}
    return {name: column for name, column in names.items() if column in examples.columns}
