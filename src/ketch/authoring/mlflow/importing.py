"""Importing: an MLflow model folder becomes a package folder that a person can read.

MLflow itself is asked first, in an environment of the model's own libraries; what it answered
becomes the first scenario. Then the package is asked the same, and has to answer the same: that
is the proof that the import is right, and every later change is held to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from ketch.authoring.drafting.draft import Draft
from ketch.authoring.drafting.examples import Examples, read_examples
from ketch.authoring.drafting.folder import FIXED, move_into, refuse_existing, staging
from ketch.authoring.drafting.naming import package_name, package_owner
from ketch.authoring.drafting.solve import Solved
from ketch.authoring.init import NOBODY, free_module, write_draft
from ketch.authoring.mlflow.asking import Reply, ask
from ketch.authoring.mlflow.environment import Wanted, lock_for, wanted_by
from ketch.authoring.mlflow.exported import left_behind, package_in, write_authored, write_traces
from ketch.authoring.mlflow.fields import rows_of
from ketch.authoring.mlflow.mlmodel import PYFUNC, MLmodel, read_mlmodel
from ketch.authoring.mlflow.plans import Road, road_of
from ketch.authoring.record import record
from ketch.errors import Finding, KetchError, PackageCodeError, Refused, UsageError
from ketch.package import Package, Scenario
from ketch.progress import Progress, Silent
from ketch.runtime import Home

SCENARIO = "mlflow-example"
_MOST_ROWS = 20
_WITHOUT_TOOLS = Version("3")  # MLflow before imports `pkg_resources`, and asks for it nowhere


@dataclass(frozen=True, slots=True)
class Imported:
    """A package folder that was made from an MLflow model.

    Attributes:
        path: The folder.
        findings: What was assumed, and what a person has to decide.
        files: What was written, relative to the folder.
        loader: What loads the model in MLflow, such as ``mlflow.sklearn``.
        is_native: Whether the package does without MLflow.
        rows: How many rows MLflow and the package answered alike; 0 when there was nothing to ask.
        is_proved: Whether they did.
    """

    path: Path
    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    loader: str
    is_native: bool
    rows: int
    is_proved: bool

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch import mlflow --json``."""
        return {
            "path": str(self.path),
            "loader": self.loader,
            "native": self.is_native,
            "proved": self.is_proved,
            "rows": self.rows,
            "findings": [finding.to_json() for finding in self.findings],
            "files": list(self.files),
        }


def import_mlflow(
    source: Path,
    folder: Path,
    *,
    example: Path | None = None,
    name: str | None = None,
    home: Home | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Write a package folder that answers as an MLflow model does; nothing is overwritten.

    Args:
        source: The folder of the MLflow model.
        folder: Where to write.
        example: Rows of inputs to ask; without, the example that the model brings.
        name: Name of the package; by default that of the folder.
        home: The ketch home; by default that of the user.
        progress: Told what is being done.

    Raises:
        NotFound: There is no such model.
        UsageError: It is none that MLflow wrote, or something is in the way.
        Refused: Its libraries do not install on this machine.
        PackageCodeError: MLflow itself cannot load it.
        Unavailable: The package index cannot be reached.
    """
    home, told = home or Home.default(), progress or Silent()
    model = read_mlmodel(source)
    with home.room() as room:
        if (package := package_in(model, room)) is not None:
            return _back(package, folder, name, home, told)
    rows = Examples() if example is None else read_examples(example)
    owner = package_owner(folder)
    refuse_existing(folder, FIXED)
    wanted = wanted_by(model)
    told.step("resolving the environment")
    asked, reply = _asked(model, wanted, rows, home, told)
    _check_told(model, reply)
    road = road_of(model, reply)
    told.step("resolving the environment of the package")
    locked = _locked(model, wanted, asked, road)
    draft = _draft(model, road, locked, reply, wanted)
    written = f"{free_module(draft.files)}.py"
    values = {
        "name": package_name(name, folder),
        "owner": owner or NOBODY,
        "verb": "import mlflow",
        "source": source.name,
        "pipeline": written,
    }
    with staging(folder) as staged:
        write_draft(staged, draft, values, "folder/README-mlflow.md")
        proof = _proof(staged, draft, home, told)
        told.step("writing the folder")
        files = move_into(staged, folder)
    is_proved = bool(draft.scenarios) and not proof
    return Imported(
        path=folder,
        findings=tuple(dict.fromkeys((*draft.findings, *proof))),
        files=files,
        loader=str(model.flavor(PYFUNC).get("loader_module")),
        is_native=road.is_native,
        rows=reply.outputs.rows if is_proved and reply.outputs is not None else 0,
        is_proved=is_proved,
    )


def _back(package: Package, folder: Path, name: str | None, home: Home, told: Progress) -> Imported:
    """Write the folder of a package that ketch exported, and let it keep what it promises."""
    refuse_existing(folder, FIXED)
    with staging(folder) as staged:
        told.step("writing the folder")
        write_authored(package, staged, package_name(name or str(package.manifest.name), folder))
        recorded = record(staged, home=home, progress=told)
        changed = [one for one in recorded.scenarios if one.change not in ("same", "error")]
        if changed:
            message = f"`{changed[0].scenario.name}` is not answered as the package promises"
            raise Refused(message, code="import/differs", where=package.reference)
        write_traces(package, staged)
        files = move_into(staged, folder)
    rows = sum(len(one.scenario.inputs) for one in recorded.scenarios)
    findings = left_behind(package)
    return Imported(folder, findings, files, "ketch", is_native=True, rows=rows, is_proved=True)


def _asked(
    model: MLmodel, wanted: Wanted, rows: Examples, home: Home, told: Progress
) -> tuple[Solved, Reply]:
    """Ask MLflow; without what only its server needs, where the model can do without."""
    version = f"=={model.mlflow}" if model.mlflow else ""
    tools = ["setuptools<81"] if model.mlflow and Version(model.mlflow) < _WITHOUT_TOOLS else []
    refused: PackageCodeError | None = None
    for library in ("mlflow-skinny", "mlflow"):
        more = (f"{library}{version}", "pandas", "numpy", *tools)
        locked = lock_for(model, wanted.with_lines(*more))
        told.step("building the environment")
        environment = home.environments.ensure(locked.lock)
        told.step("asking MLflow")
        with home.room() as room:
            try:
                return locked, ask(model, environment, room, rows.rows[:_MOST_ROWS])
            except PackageCodeError as problem:
                refused = refused or problem
    assert refused is not None  # noqa: S101 # both were tried
    raise refused


def _check_told(model: MLmodel, reply: Reply) -> None:
    """Refuse a model of which nobody knows what it answers."""
    if reply.outputs is None and reply.problem and not model.signature.outputs:
        raise UsageError(
            f"expected an answer of MLflow, for the signature names no outputs: {reply.problem}",
            code="import/not-asked",
            where="MLmodel",
            hint="give rows that it answers: `--example FILE`",
        )


def _locked(model: MLmodel, wanted: Wanted, asked: Solved, road: Road) -> Solved:
    """Lock what the package needs, in the versions that MLflow was asked with."""
    if not road.is_native:
        return asked
    versions = {one.name: one.version for one in asked.lock.packages}
    named = {Requirement(line).name for line in wanted.lines}
    more = [_pin(one, versions) for one in road.imports if not {one, f"{one}-cpu"} & named]
    return replace(
        lock_for(model, wanted.with_lines(*more), asked.lock.without_inputs()),
        findings=asked.findings,
    )


def _pin(library: str, versions: dict[str, str]) -> str:
    return f"{library}=={versions[library]}" if library in versions else library


def _draft(model: MLmodel, road: Road, locked: Solved, reply: Reply, wanted: Wanted) -> Draft:
    findings = [*wanted.findings, *locked.findings, *road.plan.findings, *_of_reply(reply)]
    if not road.is_native:
        findings.append(_BY_MLFLOW)
    loader = str(model.flavor(PYFUNC).get("loader_module")).removeprefix("mlflow.")
    return Draft(
        title=f"An MLflow model of the flavor {loader[:60]}",
        plan=road.plan,
        solved=locked,
        files=road.files,
        scenarios=_scenarios(model, road, reply),
        findings=tuple(findings),
    )


_BY_MLFLOW = Finding(
    "import/by-mlflow",
    "MLflow itself loads and asks this model, so it is one of the package's libraries",
    "requirements.txt",
    blocks=False,
)


def _of_reply(reply: Reply) -> tuple[Finding, ...]:
    found = []
    if reply.problem is not None:
        hint = "give rows that it answers: `--example FILE`"
        found.append(Finding("import/not-asked", reply.problem, "MLmodel", hint))
    if reply.trusted:
        named = ", ".join(f"`{one}`" for one in reply.trusted[:8])
        message, where = f"skops does not trust {named}", "pipeline.py: TRUSTED"
        hint = "loading may run their code: strike out what you do not know"
        found.append(Finding("init/trusted-types", message, where, hint, blocks=False))
    return tuple(found)


def _scenarios(model: MLmodel, road: Road, reply: Reply) -> tuple[Scenario, ...]:
    if reply.inputs is None or reply.outputs is None or not reply.outputs.rows:
        return ()
    plan = road.plan
    asked = rows_of(reply.inputs, dict(plan.columns), plan.inputs)
    answered = rows_of(reply.outputs, {}, plan.outputs)
    about = f"What MLflow {model.mlflow or ''} answered".replace("  ", " ")
    return (Scenario(SCENARIO, tuple(asked), tuple(answered), description=about),)


def _proof(staged: Path, draft: Draft, home: Home, told: Progress) -> tuple[Finding, ...]:
    """Ask the package what MLflow was asked; return where it answers otherwise."""
    if not draft.scenarios:
        return ()
    path = staged / "scenarios" / f"{SCENARIO}.json"
    promised = path.read_bytes()
    where = f"scenarios/{SCENARIO}.json"
    try:
        recorded = record(staged, home=home, progress=told)
    except KetchError as problem:
        first = Finding(
            "import/not-proved", problem.message.replace(str(staged), "the folder"), where
        )
        return (first, *problem.findings)
    [one] = recorded.scenarios
    if one.change == "same":
        return ()
    path.write_bytes(promised)
    if one.change == "raised":
        return (Finding("import/not-proved", one.detail, where, one.hint),)
    differs = one.differences[0]
    message = (
        f"row {differs.row + 1}, `{differs.field}`: MLflow answered "
        f"`{str(differs.expected)[:60]}`, the package `{str(differs.found)[:60]}`"
    )
    return (Finding("import/differs", message, where, "correct pipeline.py: `ketch verify .`"),)
