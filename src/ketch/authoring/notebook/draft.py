"""From a notebook's code to a package folder: written, tried, and what it answers promised."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ketch.authoring.drafting.compose import declaration
from ketch.authoring.drafting.drafts import draft_scenarios
from ketch.authoring.drafting.examples import Examples
from ketch.authoring.drafting.folder import write_all
from ketch.authoring.drafting.needs import Known, Needed, needs_of, pinned_versions
from ketch.authoring.drafting.plan import Plan
from ketch.authoring.drafting.recorded import made_otherwise
from ketch.authoring.drafting.solve import solve
from ketch.authoring.drafting.templates import filled
from ketch.authoring.notebook.example import Example
from ketch.authoring.notebook.taken import Taken
from ketch.authoring.notebook.trial import Answers, tried
from ketch.env import Lock, write_lock
from ketch.errors import Finding, KetchError
from ketch.package import Scenario
from ketch.progress import Progress
from ketch.runtime import Home
from ketch.schema import Field, Float, compare, decode

_TRIED = 20


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known before the folder is written.

    Attributes:
        taken: The code.
        known: Versions that are known from around it.
        example: Example rows; None without any.
        takes: What the first step gets.
        params: What ``load`` receives.
        data: The tables ``[data.NAME]``.
        answers: What the notebook itself answered to the example, where it could be asked.
        installs: Requirement lines that the notebook names.
        files: More files to copy.
    """

    taken: Taken
    known: Known
    example: Example | None = None
    takes: str = "records"
    params: Mapping[str, object] = field(default_factory=dict)
    data: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    answers: Answers | None = None
    installs: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of trying it."""

    taken: Taken
    outputs: tuple[Field, ...] = ()
    answers: Answers | None = None
    findings: tuple[Finding, ...] = ()


def write_draft(
    staged: Path, draft: Draft, values: Mapping[str, str], home: Home, progress: Progress
) -> tuple[Finding, ...]:
    """Write the folder of a notebook's code; return what a person has to know or decide.

    Args:
        staged: An empty folder.
        draft: What goes into it.
        values: ``name``, ``owner``, ``source``, ``description``, and ``module``: the module
            to write the code to.
        home: Where environments are kept.
        progress: Told what is being done.

    Raises:
        Refused: The libraries do not install on this machine.
        Unavailable: The package index or an interpreter cannot be reached.
    """
    needed = _needed(draft, values["source"])
    solved = solve(needed.needs, progress)
    module = values["module"]
    _write_code(staged, draft.taken, module)
    write_lock(staged, solved.lock)
    done = _tried(staged, draft, solved.lock, module=module, home=home, progress=progress)
    (staged / f"{module}.py").write_text(done.taken.pipeline, "utf-8")
    plan = _plan(draft, done)
    values = {**values, "python": solved.python, "pipeline": f"{module}.py"}
    scenarios = _scenarios(plan, draft)
    written = {
        "ketch.toml": declaration(plan, values, load=draft.taken.load, data=draft.data),
        "README.md": filled("folder/README.md", values),
        "requirements.txt": solved.requirements,
        **{f"scenarios/{one.name}.json": _text(one) for one in scenarios},
    }
    write_all(staged, written)
    asked = draft.example.findings if draft.example else (_no_example(),)
    told = (*draft.findings, *draft.taken.findings, *asked, *needed.findings, *solved.findings)
    found = (*_made_with(draft.taken, solved.lock), *done.findings, *_compared(draft, done))
    return tuple(dict.fromkeys((*told, *found)))


def _plan(draft: Draft, done: _Tried) -> Plan:
    inputs = draft.example.fields if draft.example else ()
    return Plan(
        pieces=(),
        steps=done.taken.entries,
        inputs=inputs or _sketched("value"),
        outputs=done.outputs or _sketched("prediction"),
        takes=draft.takes,
        params=draft.params,
    )


def _made_with(taken: Taken, lock: Lock) -> Iterator[Finding]:
    """Yield advice on model files that other versions wrote than the lock has."""
    for path in taken.files:
        if path.startswith("model/"):
            yield from made_otherwise(path, taken.versions, lock)


def _needed(draft: Draft, where: str) -> Needed:
    """Return the libraries: what is imported, and pandas where the first step gets a frame."""
    named = pinned_versions(draft.installs)
    known = replace(draft.known, recorded=draft.taken.versions)
    known = replace(known, pinned={**named, **draft.known.pinned})
    frames = ["numpy", "pandas"] if draft.takes == "dataframe" else []
    also = [name for name in draft.taken.versions if name != "numpy"]
    return needs_of([*frames, *also], draft.taken.modules, known, where)


def _write_code(staged: Path, taken: Taken, module: str) -> None:
    (staged / f"{module}.py").write_text(taken.pipeline, "utf-8")
    for path, file in taken.files.items():
        target = staged / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _tried(
    staged: Path, draft: Draft, lock: Lock, *, module: str, home: Home, progress: Progress
) -> _Tried:
    """Ask the steps what they answer, where they can be asked at all."""
    taken, example = draft.taken, draft.example
    if example is None or not example.fields or not taken.is_runnable:
        return _Tried(taken)
    rows = _fitting(example)
    if not rows:
        return _Tried(taken)
    progress.step("building the environment")
    environment = home.environments.ensure(lock)
    progress.step("asking the steps what they answer")
    pipeline = {
        "load": taken.load and f"{module}:{taken.load}",
        "takes": draft.takes,
        "steps": [f"{module}:{entry}" for entry in taken.entries],
    }
    with home.room() as room:
        try:
            answers = tried(
                staged,
                pipeline,
                example.fields,
                rows,
                params=draft.params,
                environment=environment,
                room=room,
            )
        except KetchError as problem:
            return _Tried(taken, findings=(_not_tried(problem, str(room)),))
    if answers.is_values:
        taken = taken.answering()
    outputs, unsure = answers.fields()
    return _Tried(taken, outputs, answers, unsure)


def _fitting(example: Example) -> list[dict[str, object]]:
    """Return the first rows that the fields take."""
    names = {one.name for one in example.fields}
    rows = [{name: row.get(name) for name in names} for row in example.rows[:_TRIED]]
    return [row for row in rows if not decode(example.fields, [row])[1]]


def _compared(draft: Draft, done: _Tried) -> Iterator[Finding]:
    """Yield where the package answers otherwise than the notebook does."""
    if draft.answers is None or done.answers is None:
        return
    expected, wrong = decode(done.outputs, list(draft.answers.rows[: len(done.answers.rows)]))
    found, _ = decode(done.outputs, list(done.answers.rows))
    hint = "find out why before you trust either: versions, types, or what the notebook changed"
    if wrong or len(expected) != len(found):
        message = "the package answers with other fields or rows than the notebook"
        yield Finding("init/notebook-differs", message, "pipeline.py", hint)
        return
    for one in compare(done.outputs, expected, found)[:5]:
        message = (
            f"row {one.row}, `{one.field}`: the notebook answers `{one.expected}`, the package "
            f"`{one.found}`"
        )
        yield Finding("init/notebook-differs", message, "pipeline.py", hint)


def _scenarios(plan: Plan, draft: Draft) -> tuple[Scenario, ...]:
    if draft.example is None or not draft.example.fields:
        return ()
    rows = draft.example.rows
    names = {one.name: one.name for one in plan.inputs}
    scenarios = draft_scenarios(plan, Examples(rows), names)
    if draft.takes != "record":
        return scenarios
    return tuple(one for one in scenarios if one.single)


def _text(scenario: Scenario) -> str:
    return json.dumps(scenario.to_json(), indent=2, ensure_ascii=False) + "\n"


def _sketched(name: str) -> tuple[Field, ...]:
    return (Field(name, Float(64), description="To be written"),)


def _not_tried(problem: KetchError, room: str) -> Finding:
    message = re.sub(r" from '[^']*worker\.py'", "", problem.message).replace(f"{room}/", "")
    return Finding(
        "init/not-tried",
        message,
        problem.where or "pipeline.py",
        problem.hint or "correct pipeline.py, then write the outputs and run `ketch record`",
    )


def _no_example() -> Finding:
    return Finding(
        "init/notebook-no-example",
        "without example rows the inputs and outputs cannot be told",
        "ketch.toml: inputs",
        "give some, `--example FILE` (or `example=frame`), or write the schema by hand",
    )
