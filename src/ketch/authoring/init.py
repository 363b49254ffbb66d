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
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ketch.authoring.drafting.compose import declaration, pipeline
from ketch.authoring.drafting.draft import Draft, draft_model, draft_project
from ketch.authoring.drafting.examples import Examples, read_examples
from ketch.authoring.drafting.folder import (
    FIXED,
    move_into,
    package_name,
    refuse_existing,
    write_all,
)
from ketch.authoring.drafting.identify import identify
from ketch.authoring.drafting.project import pins_of, read_project
from ketch.authoring.drafting.templates import below, filled
from ketch.authoring.progress import Progress, Silent
from ketch.authoring.record import record
from ketch.env import write_lock
from ketch.errors import Finding, KetchError, NotFound, UsageError
from ketch.runtime import Home

_OWNER = Finding(
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
    """

    path: Path
    findings: tuple[Finding, ...]
    files: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch init --json``."""
        return {
            "path": str(self.path),
            "findings": [finding.to_json() for finding in self.findings],
            "files": list(self.files),
        }


def init(
    folder: Path,
    *,
    source: Path | None = None,
    example: Path | None = None,
    name: str | None = None,
    home: Home | None = None,
    progress: Progress | None = None,
) -> Initialised:
    """Write a new package folder; nothing is overwritten, and a failure leaves nothing.

    Args:
        folder: Where to write.
        source: A trained model, or a project folder; without, an example is written.
        example: Rows of inputs (CSV, JSON, JSON Lines, Parquet) to infer the types from
            and to try the model with.
        name: Name of the package; by default that of the folder.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        progress: Told what is being done.

    Raises:
        NotFound: There is no such source or example.
        UsageError: The source is no model that ketch knows (``init/unknown-model``), or
            a file is in the way (``init/exists``).
        Refused: The libraries the model needs do not install on this machine.
        Unavailable: The package index or an interpreter cannot be reached.
    """
    progress = progress or Silent()
    values = {"name": package_name(name, folder)}
    kept = _kept(folder, source)
    refuse_existing(folder, [path for path in FIXED if path not in kept])
    with _staging(folder) as staged:
        if source is None:
            if example is not None:
                message = "expected `--from` beside an example, found none"
                raise UsageError(message, code="init/example-alone")
            _write_empty(staged, values)
            findings: tuple[Finding, ...] = ()
        else:
            examples = read_examples(example) if example is not None else Examples()
            home = home or Home.default()
            draft = _draft(source, examples, home, progress)
            _write_draft(staged, draft, {**values, "source": source.name})
            findings = (*draft.findings, _OWNER, *_recorded(staged, draft, home, progress))
        _drop(staged, folder, kept)
        progress.step("writing the folder")
        files = move_into(staged, folder)
    return Initialised(folder, tuple(dict.fromkeys(findings)), files)


def _draft(source: Path, examples: Examples, home: Home, progress: Progress) -> Draft:
    if not source.exists():
        raise NotFound(f"no file or folder `{source}`", code="init/no-source", where=str(source))
    progress.step(f"reading {source.name}")
    if source.is_dir():
        project = read_project(source)
        if project.model is None:
            return draft_project(project.folder, project.pinned, progress)
        model, pinned = project.model, project.pinned
    else:
        model = identify(source)
        pinned = pins_of(model.path.parent)
    return draft_model(model, pinned=pinned, examples=examples, home=home, progress=progress)


def _write_empty(staged: Path, values: dict[str, str]) -> None:
    values = {**values, "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    write_all(staged, {path: filled(f"empty/{path}", values) for path in below("empty")})


def _write_draft(staged: Path, draft: Draft, values: dict[str, str]) -> None:
    values = {**values, "description": draft.title, "python": draft.solved.python}
    scenarios = {
        f"scenarios/{one.name}.json": json.dumps(one.to_json(), indent=2, ensure_ascii=False) + "\n"
        for one in draft.scenarios
    }
    texts = {
        "ketch.toml": declaration(draft.plan, values),
        "pipeline.py": pipeline(draft.plan, draft.title),
        "README.md": filled("folder/README.md", values),
        "requirements.txt": draft.solved.requirements,
        **scenarios,
    }
    write_all(staged, texts)
    write_lock(staged, draft.solved.lock)
    for path, file in draft.files.items():
        target = staged / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _recorded(staged: Path, draft: Draft, home: Home, progress: Progress) -> tuple[Finding, ...]:
    """Fill in what the package answers now; return what it could not answer."""
    if not draft.plan.is_runnable or not draft.scenarios:
        return ()
    hint = "correct ketch.toml and pipeline.py, then run `ketch record`"
    try:
        recorded = record(staged, home=home, progress=progress)
    except KetchError as problem:
        message = problem.message.replace(str(staged), "the folder")
        first = Finding("init/not-recorded", message, "scenarios/", hint)
        return (first, *problem.findings)
    return tuple(
        Finding("init/not-recorded", one.detail, one.scenario.source, hint)
        for one in recorded.scenarios
        if one.change == "raised"
    )


def _kept(folder: Path, source: Path | None) -> frozenset[str]:
    """Return what stays as it is when a project becomes a package where it lies."""
    if source is None or not source.is_dir() or not folder.is_dir():
        return frozenset()
    if not source.samefile(folder):
        return frozenset()
    own = ("README.md", "requirements.txt")
    return frozenset(name for name in own if (folder / name).is_file())


def _drop(staged: Path, folder: Path, kept: frozenset[str]) -> None:
    """Leave out what is there already: what is kept, and files that lie in their place."""
    for path in [path for path in staged.rglob("*") if path.is_file()]:
        name = path.relative_to(staged).as_posix()
        there = folder / name
        in_place = name.startswith("model/") or (path.suffix == ".py" and name != "pipeline.py")
        if name in kept or (in_place and there.is_file() and _same(path, there)):
            path.unlink()
    if "requirements.txt" in kept:
        (staged / "requirements.lock").unlink(missing_ok=True)


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while block := left.read(1 << 20):
            if block != right.read(1 << 20):
                return False
    return True


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Yield a private folder beside or in the one to be written, gone afterwards."""
    parent = folder.absolute()
    while not parent.is_dir():
        parent = parent.parent
    staged = Path(tempfile.mkdtemp(prefix=".ketch-init-", dir=parent))
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)
