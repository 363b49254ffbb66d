"""Starting a package from a notebook: its file, or the notebook that is running."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.authoring.drafting.examples import Examples, read_examples
from ketch.authoring.drafting.folder import FIXED, move_into, refuse_existing, staging
from ketch.authoring.drafting.naming import package_name, package_owner
from ketch.authoring.gather import gather
from ketch.authoring.init import NOBODY, OWNER, Initialised, free_module, recorded
from ketch.authoring.notebook.draft import Draft, write_draft
from ketch.authoring.notebook.live import draft_live
from ketch.authoring.notebook.static import draft_notebook
from ketch.errors import Finding, NotFound, UsageError
from ketch.files import temporary_folder
from ketch.progress import Progress
from ketch.runtime import Home

_LATER = ("scenario/", "env/")


@dataclass(frozen=True, slots=True)
class Asking:
    """What a person asks for; see :func:`ketch.init`."""

    source: Path | None
    example: object
    steps: Sequence[str | Callable[..., object]]
    load: str | Callable[..., object] | None
    model: object
    params: Mapping[str, object]
    data: Mapping[str, object]


def start(
    folder: Path, name: str | None, asking: Asking, home: Home, progress: Progress
) -> Initialised:
    """Write the package folder of a notebook's functions; see :func:`ketch.init`."""
    owner = package_owner(folder)
    values = {"name": package_name(name, folder), "owner": owner or NOBODY}
    refuse_existing(folder, FIXED)
    with staging(folder) as staged, temporary_folder("ketch-init-") as room:
        progress.step("reading the notebook")
        draft = _draft(folder, room, asking)
        source = draft.taken.module.source
        values |= {
            "source": source,
            "description": draft.taken.module.title,
            "module": free_module(draft.taken.files),
        }
        findings = write_draft(staged, draft, values, home, progress)
        findings += _promised(staged, findings, home, progress)
        progress.step("writing the folder")
        files = move_into(staged, folder)
    told = (*findings, *(() if owner else (OWNER,)))
    return Initialised(folder, tuple(dict.fromkeys(told)), files, is_draft=True)


def _draft(folder: Path, room: Path, asking: Asking) -> Draft:
    if asking.source is None:
        if not any(map(callable, asking.steps)):
            raise UsageError(
                "expected a notebook to take functions from, found none",
                code="init/notebook-steps",
                hint="name its file, `--from NOTEBOOK.ipynb`; in a notebook that is running, give "
                "the functions themselves: `ketch.init(name, steps=[clean, score])`",
            )
        return draft_live(
            room,
            steps=asking.steps,
            load=asking.load,
            model=asking.model,
            example=asking.example,
            params=asking.params,
            data=asking.data,
        )
    if not asking.source.is_file():
        message = f"no file or folder `{asking.source}`"
        raise NotFound(message, code="init/no-source", where=str(asking.source))
    if not all(isinstance(one, str) for one in (*asking.steps, asking.load or "")):
        raise UsageError(
            "expected names of functions beside a notebook's file, found functions",
            code="init/notebook-steps",
            where=str(asking.source),
            hint='write `steps=["clean", "score"]`, or leave `source` out inside the notebook',
        )
    example = asking.example
    examples = Examples() if example is None else read_examples(Path(str(example)))
    draft = draft_notebook(
        asking.source,
        folder,
        steps=[str(one) for one in asking.steps],
        load=None if asking.load is None else str(asking.load),
        models=_models(asking.model),
        examples=examples,
    )
    return replace(draft, params=asking.params)


def _models(model: object) -> list[str]:
    if isinstance(model, Mapping):
        return [f"{name}={path}" for name, path in model.items()]
    if isinstance(model, (list, tuple)):
        return [str(one) for one in model]
    return [] if model is None else [str(model)]


def _promised(
    staged: Path, findings: Sequence[Finding], home: Home, progress: Progress
) -> tuple[Finding, ...]:
    """Record what the folder answers; where it cannot answer yet, say what packing would."""
    can_answer = not any(one.blocks for one in findings) and any((staged / "scenarios").glob("*"))
    if can_answer:
        return recorded(staged, home, progress)
    found = gather(staged).findings
    return tuple(one for one in found if not one.code.startswith(_LATER))
