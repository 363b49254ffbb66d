"""Planted changes: pairs of package folders, and what has to be said of each.

The cases lie in ``tests/projects/changes``, whose README says how they are written.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ketch.authoring import Options as Building
from ketch.authoring.build import build
from ketch.compare.explain import Explanation, explain
from ketch.progress import Silent
from ketch.runtime import Home

FOLDER = Path(__file__).parent / "projects" / "changes"
KINDS = ("code", "params", "model", "environment", "libraries", "several", "nothing")
OTHERS = (("six==1.16.0", "certifi==2023.7.22"), ("six==1.17.0", "certifi==2024.8.30"))
"""Libraries that change, without effect, wherever one changes."""


@dataclass(frozen=True)
class Case:
    """A planted change.

    Attributes:
        kind: The file that it stands in.
        name: What was changed.
        causes: What has to be named, as ``component kind name``; in any order.
        enters: The step and the field where the first cause shows; None where none is promised.
        quick: Whether it needs no libraries and is tried each time.
        more: How its folders are made.
    """

    kind: str
    name: str
    causes: tuple[str, ...]
    enters: tuple[str, ...] | None = None
    quick: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"

    def make(self, folder: Path) -> tuple[Path, Path]:
        """Make the folders of both packages, and return them."""
        base = FOLDER / ("asks" if "library" in self.more else "till")
        before, after = (shutil.copytree(base, folder / name) for name in ("before", "after"))
        for at, one in enumerate((before, after)):
            if "library" in self.more:
                self._ask(one, at)
            _edit(one, self.more.get("both", ()))
        _edit(after, self.more.get("edit", ()))
        for path in self.more.get("remove", ()):
            (after / path).unlink()
        for path, content in self.more.get("write", ()):
            (after / path).write_text(content, encoding="utf-8")
        if "train" in self.more:
            train = [sys.executable, "-B", after / "train.py", *self.more["train"]]
            subprocess.run(train, check=True)
        return before, after

    def _ask(self, folder: Path, at: int) -> None:
        """Have one of the two packages ask its version of a library."""
        library, *versions = self.more["library"].split()
        edits = [
            ("pipeline.py", "IMPORTS", self.more.get("imports", library)),
            ("pipeline.py", "ASKED", self.more["asked"]),
        ]
        pins = [*OTHERS[at], *self.more.get("beside", ("", ""))[at : at + 1]]
        if library == "python":
            edits.append(("ketch.toml", '"3.11"', f'"{versions[at]}"'))
        else:
            pins.append(f"{library}=={versions[at]}")
        _edit(folder, edits)
        (folder / "requirements.txt").write_text("".join(f"{one}\n" for one in pins))


@dataclass(frozen=True)
class Told:
    """What an explanation said of a case.

    Attributes:
        components: Whether those that were changed are named, and no others.
        causes: Whether what was changed in them is named, and nothing else.
        step: Whether the step and the field of the first cause are named.
        said: What was named.
        entered: The step and the field.
        found: All of it.
    """

    components: bool
    causes: bool
    step: bool
    said: tuple[str, ...]
    entered: tuple[str, ...]
    found: Explanation


def told(case: Case, folder: Path, home: Home) -> Told:
    """Return what is said of a case."""
    a, b = (build(one, home, Building(), Silent()).package for one in case.make(folder))
    found = explain(a, b, home)
    said = tuple(
        f"{cause.component} {change.kind} {change.name}"
        for cause in found.causes
        for change in cause.changes
    )
    first = case.causes[0].split()[0] if case.causes else None
    entries = (cause.entry for cause in found.causes if cause.component == first)
    entry = next(entries, None)
    entered = () if entry is None else (entry.divergence.step, entry.divergence.field or "")
    named = {cause.component for cause in found.causes}
    return Told(
        named == {one.split()[0] for one in case.causes} and bool(found.changed) == bool(named),
        sorted(said) == sorted(case.causes) and all(one.is_smallest for one in found.causes),
        case.enters in (None, entered),
        said,
        entered,
        found,
    )


def cases() -> list[Case]:
    """Return all cases."""
    return [_read(kind, one) for kind in KINDS for one in _listed(kind)]


def _listed(kind: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tomllib.loads(
        (FOLDER / f"{kind}.toml").read_text(encoding="utf-8")
    )["case"]
    return listed


def _read(kind: str, said: Mapping[str, Any]) -> Case:
    more = dict(said)
    enters = more.pop("enters", None)
    causes, name = more.pop("causes", ()), more.pop("name", None)
    if kind == "libraries":
        library = more["library"].split()[0]
        causes = [f"environment {'python' if library == 'python' else 'library'} {library}"]
        name = f"{more['library']}: {more['asked']}"
        enters = enters or ("pipeline:run", "said")
    quick = more.pop("quick", False)
    return Case(kind, name, tuple(causes), None if enters is None else tuple(enters), quick, more)


def _edit(folder: Path, edits: Sequence[Sequence[str]]) -> None:
    for path, before, after in edits:
        file = folder / path
        text = file.read_text(encoding="utf-8")
        assert before in text, f"{path}: {before}"
        file.write_text(text.replace(before, after), encoding="utf-8")
