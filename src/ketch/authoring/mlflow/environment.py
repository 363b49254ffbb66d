"""The environment of an MLflow model: what it asks for, as of the day it was written.

MLflow pins what the code imports and nothing of what that brings. So the rest is taken as
the index had it when the model was written: what trained it is what is locked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from packaging.requirements import Requirement

from ketch.authoring.drafting.needs import Need
from ketch.authoring.drafting.solve import Solved, pythons, render, requirements_in
from ketch.authoring.mlflow.mlmodel import MLmodel
from ketch.env import Lock, Resolving, find_python, read_requirements, resolve
from ketch.errors import Finding, Refused, Unavailable, UsageError

MLFLOW = frozenset({"mlflow", "mlflow-skinny", "mlflow-tracing"})
_FILES = ("requirements.txt", "conda.yaml", "conda.yml")
_WITHOUT_SOLUTION = ("env/no-solution", "env/no-wheel", "env/python-request")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model asks for.

    Attributes:
        lines: Requirements, without MLflow itself.
        constraints: Limits on what they bring.
        findings: What of it could not be taken.
    """

    lines: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def with_lines(self, *more: str) -> Wanted:
        """Return the same with more requirements, those of a library that is there left out."""
        there = {Requirement(line).name for line in self.lines}
        new = (line for line in more if Requirement(line).name not in there)
        return replace(self, lines=(*self.lines, *new))


def wanted_by(model: MLmodel) -> Wanted:
    """Return what a model folder asks for, MLflow itself left out."""
    name = next((one for one in _FILES if (model.folder / one).is_file()), None)
    if name is None:
        message = "nothing says which libraries the model needs"
        hint = "write the versions it was trained with into requirements.txt"
        return Wanted((), (), (Finding("import/no-requirements", message, "MLmodel", hint),))
    found = read_requirements(model.folder, source=name)
    lines = tuple(line for line in found.lines if Requirement(line).name not in MLFLOW)
    refused = tuple(replace(one, blocks=False) for one in found.findings)
    return Wanted(lines, found.constraints, refused)


def lock_for(model: MLmodel, wanted: Wanted, existing: Lock | None = None) -> Solved:
    """Return the lock of some requirements: of the model's Python and day, where that works.

    Args:
        model: The model.
        wanted: What to lock.
        existing: A lock whose versions are kept.

    Raises:
        Refused: No Python of this machine has files for them.
        Unavailable: The index cannot be reached.
    """
    refusals: list[Refused] = []
    dates = (model.created, None) if model.created and existing is None else (None,)
    for date in dates:
        for python in _pythons(model):
            how = Resolving(not_after=date, existing=existing)
            asked = replace(requirements_in(_text(wanted.lines)), constraints=wanted.constraints)
            try:
                lock = resolve(asked, python, how)
            except Refused as problem:
                if problem.code not in _WITHOUT_SOLUTION:
                    raise
                refusals.append(problem)
                continue
            return _locked(model, wanted, lock, refusals, is_dated=date is not None)
    raise refusals[0] if refusals else Unavailable("found no Python", code="env/python-missing")


def _locked(
    model: MLmodel, wanted: Wanted, lock: Lock, refusals: Sequence[Refused], *, is_dated: bool
) -> Solved:
    text = _text(wanted.lines)
    python = lock.python.rpartition(".")[0]
    lock = replace(lock, inputs=requirements_in(text).digest(python))
    return Solved(text, lock, tuple(_given_up(model, python, refusals, is_dated=is_dated)))


def _given_up(
    model: MLmodel, python: str, refusals: Sequence[Refused], *, is_dated: bool
) -> Iterator[Finding]:
    why = f": {refusals[0].message[:300]}" if refusals else ""
    if model.python is not None and model.python != python:
        message = f"the model was trained with Python `{model.python}`, the package gets `{python}`"
        where = "ketch.toml: environment.python"
        yield Finding("import/other-python", f"{message}{why}", where, blocks=False)
    if refusals and model.created is not None and not is_dated:
        message = f"its libraries do not install as they were on {model.created:%Y-%m-%d}{why}"
        yield Finding("import/other-day", message, "requirements.txt", blocks=False)


def _pythons(model: MLmodel) -> Iterator[str]:
    if model.python is not None:
        try:
            find_python(model.python, offline=True)
            yield model.python
        except (Unavailable, UsageError):  # not here, or too old to run a package
            pass
    yield from (one for one in pythons() if one != model.python)


def _text(lines: Sequence[str]) -> str:
    return render(Need(distribution="", specifier=line) for line in lines)
