"""Starting: a package folder that a person can read, edit and pack.

Without a source it is an example that works. From a trained model it is a draft: plain
code that loads and asks the model, a schema as far as the model and example rows tell,
libraries in the versions that trained it, and scenarios that a person has to confirm.
What could not be decided is told as findings, never guessed in silence.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ketch.authoring.drafting.folder import (
    FIXED,
    drop_present,
    kept_in_place,
    move_into,
    refuse_existing,
    staging,
    write_all,
)
from ketch.authoring.drafting.literals import text
from ketch.authoring.drafting.naming import package_name, package_owner
from ketch.authoring.drafting.templates import below, filled
from ketch.authoring.record import record
from ketch.display import card
from ketch.env import write_lock
from ketch.errors import Finding, KetchError, NotFound, UsageError
from ketch.progress import Progress, Silent
from ketch.runtime import Home

if TYPE_CHECKING:  # to know every kind of model file is costly, and `pack` imports this module
    from ketch.authoring.drafting.draft import Draft
    from ketch.authoring.drafting.examples import Examples

NOBODY = "someone@example.com"
"""Stands for the owner where nobody is known."""

MOST_NOTEBOOKS = 10
NOTEBOOKS = (".ipynb", ".py")
"""Jupyter's notebooks; marimo's, and scripts."""

OWNER = Finding(
    "init/owner",
    "nobody answers for the package yet",
    "ketch.toml: package.owner",
    "write the person or team",
    blocks=False,
)


@dataclass(frozen=True, slots=True)
class Initialised:
    """A package folder that was started.

    Attributes:
        path: The folder.
        findings: What was assumed, and what a person has to decide.
        files: What was written, relative to the folder.
        is_draft: Whether a person has to look at it before it can be packed.
    """

    path: Path
    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    is_draft: bool = False

    def __repr__(self) -> str:
        """Return one line: in a notebook it is what a cell shows."""
        wrong = sum(one.blocks for one in self.findings)
        told = f"{len(self.files)} files, {len(self.findings)} findings, {wrong} to mend"
        return f"<package folder {self.path}: {told}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the files, and what a person has to decide."""
        findings = sorted(self.findings, key=lambda one: not one.blocks)
        return card(
            f"package folder {self.path}",
            {"files": ", ".join(self.files), "next": _next(self)},
            [("✗" if one.blocks else "!", one.where or "", one.message, one.hint or "")
             for one in findings],
        )  # fmt: skip

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch init --json``."""
        return {
            "path": str(self.path),
            "findings": [finding.to_json() for finding in self.findings],
            "files": list(self.files),
        }


def init(
    folder: Path | str,
    *,
    source: Path | str | None = None,
    example: object = None,
    name: str | None = None,
    steps: Sequence[str | Callable[..., object]] = (),
    load: str | Callable[..., object] | None = None,
    model: object = None,
    params: Mapping[str, object] | None = None,
    data: Mapping[str, object] | None = None,
    path: Path | str | None = None,
    home: Home | Path | str | None = None,
    progress: Progress | None = None,
) -> Initialised:
    """Write a new package folder; nothing is overwritten, and a failure leaves nothing.

    In a notebook, ``ketch.init("recommender", steps=[clean, score], model=clf, example=df)``
    writes the folder of the functions that the notebook holds, and of all that they reach.

    Args:
        folder: Where to write; in a notebook, the name of the package.
        source: A trained model, a project folder or a notebook; without any, and without
            steps, an example is written.
        example: Rows of inputs to infer the types from and to try the steps with: a file
            (CSV, JSON, JSON Lines, Parquet), or, in a notebook, what the first step takes.
        name: Name of the package; by default that of the folder.
        steps: The functions of a notebook that answer, in their order, or their names.
        load: The function of a notebook that loads the model, or its name.
        model: A file of a trained model, or in a notebook the model itself; a mapping of
            names to either, where the steps read more than one.
        params: What ``load`` receives; names that steps read come from there, too.
        data: Data reference name → a file, a DataFrame, or the keys of ``[data.NAME]``.
        path: Where to write, if not to a folder called like the package.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        progress: Told what is being done.

    Raises:
        NotFound: There is no such source or example.
        UsageError: The source is no model that ketch knows (``init/unknown-model``), which
            functions of a notebook answer cannot be told (``init/notebook-steps``), or a
            file is in the way (``init/exists``).
        Refused: The libraries the model needs do not install on this machine.
        Unavailable: The package index or an interpreter cannot be reached.
    """
    name = str(folder) if path is not None and name is None else name
    folder, progress = Path(folder if path is None else path), progress or Silent()
    source = None if source is None else Path(source)
    if steps or load or model is not None or (source and source.suffix in NOTEBOOKS):
        from ketch.authoring.notebook.start import Asking, start

        asking = Asking(source, example, steps, load, model, params or {}, data or {})
        return start(folder, name, asking, Home.of(home), progress)
    owner = package_owner(folder)
    values = {"name": package_name(name, folder), "owner": owner or NOBODY}
    kept = kept_in_place(folder, source)
    refuse_existing(folder, [path for path in FIXED if path not in kept])
    findings: list[Finding] = [] if owner else [OWNER]
    with staging(folder) as staged:
        if source is None:
            if example is not None:
                message = "expected `--from` beside an example, found none"
                raise UsageError(message, code="init/example-alone")
            _write_empty(staged, values)
        else:
            from ketch.authoring.drafting.examples import Examples, read_examples

            examples = Examples() if example is None else read_examples(Path(str(example)))
            home = Home.of(home)
            draft = _draft(source, examples, home, progress)
            written = f"{free_module({*draft.files, *kept})}.py"
            write_draft(staged, draft, {**values, "source": source.name, "pipeline": written})
            can_answer = draft.plan.is_runnable and draft.scenarios
            answered = recorded(staged, home, progress) if can_answer else ()
            told = (*draft.findings, *answered)
            findings = [*(_renamed(one, written) for one in told), *findings]
            drop_present(staged, folder, kept)
        progress.step("writing the folder")
        files = move_into(staged, folder)
    return Initialised(folder, tuple(dict.fromkeys(findings)), files, source is not None)


def _draft(source: Path, examples: Examples, home: Home, progress: Progress) -> Draft:
    from ketch.authoring.drafting.draft import draft_model, draft_project
    from ketch.authoring.drafting.identify import identify
    from ketch.authoring.drafting.notebooks import passed_over
    from ketch.authoring.drafting.project import pins_of, read_project

    if not source.exists():
        raise NotFound(f"no file or folder `{source}`", code="init/no-source", where=str(source))
    progress.step(f"reading {source.name}")
    if not source.is_dir():
        model = identify(source)
        pinned = pins_of(model.path.parent)
        return draft_model(model, pinned=pinned, examples=examples, home=home, progress=progress)
    project = read_project(source)
    pinned = project.pinned
    draft = (
        draft_project(project.folder, pinned, progress)
        if project.model is None
        else draft_model(
            project.model, pinned=pinned, examples=examples, home=home, progress=progress
        )
    )
    notebooks = (passed_over(path) for path in project.notebooks[:MOST_NOTEBOOKS])
    return replace(draft, findings=(*draft.findings, *notebooks))


def _write_empty(staged: Path, values: dict[str, str]) -> None:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    values = {**values, "owner": text(values["owner"]), "python": python}
    write_all(staged, {path: filled(f"empty/{path}", values) for path in below("empty")})


def write_draft(
    staged: Path, draft: Draft, values: dict[str, str], readme: str = "folder/README.md"
) -> None:
    """Write a draft into an empty folder.

    Args:
        staged: The folder.
        draft: What to write.
        values: As :func:`compose.declaration` takes them, and ``source``: what it is made from.
        readme: The template of its README.
    """
    from ketch.authoring.drafting.compose import declaration, pipeline

    values = {**values, "description": draft.title, "python": draft.solved.python}
    scenarios = {
        f"scenarios/{one.name}.json": json.dumps(one.to_json(), indent=2, ensure_ascii=False) + "\n"
        for one in draft.scenarios
    }
    texts = {
        "ketch.toml": declaration(draft.plan, values),
        values["pipeline"]: pipeline(draft.plan, draft.title, values.get("verb", "init")),
        "README.md": filled(readme, values),
        "requirements.txt": draft.solved.requirements,
        **scenarios,
    }
    write_all(staged, texts)
    write_lock(staged, draft.solved.lock)
    for path, file in draft.files.items():
        target = staged / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _renamed(finding: Finding, written: str) -> Finding:
    """Return a finding that speaks of the file the pipeline was written to."""
    return replace(
        finding,
        message=finding.message.replace("pipeline.py", written),
        where=finding.where and finding.where.replace("pipeline.py", written),
        hint=finding.hint and finding.hint.replace("pipeline.py", written),
    )


def free_module(taken: Collection[str]) -> str:
    """Return the module to write the pipeline to: none that the author has already."""
    free = (
        name
        for name in ("pipeline", "steps", "answers")
        if f"{name}.py" not in taken and f"{name}/__init__.py" not in taken
    )
    return next(free, "package_steps")


def _next(made: Initialised) -> str:
    if any(finding.blocks for finding in made.findings):
        return "mend what is marked ✗, then ketch.record and look at scenarios/"
    return "read ketch.toml and scenarios/, then ketch.record(path, confirm=True), ketch.pack(path)"


def recorded(staged: Path, home: Home, progress: Progress) -> tuple[Finding, ...]:
    """Fill in what the package answers now; return what it could not answer."""
    hint = "correct ketch.toml and pipeline.py, then run `ketch record`"
    try:
        done = record(staged, home=home, progress=progress)
    except KetchError as problem:
        message = problem.message.replace(str(staged), "the folder")
        first = Finding("init/not-recorded", message, "scenarios/", hint)
        return (first, *problem.findings)
    return tuple(
        Finding("init/not-recorded", one.detail, one.scenario.source, hint)
        for one in done.scenarios
        if one.change == "raised"
    )
