"""A package folder on the desk of its author, verified for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ketch.authoring import Options, Silent, prove, target_package
from ketch.authoring.prove import references
from ketch.runtime import Home, prepared
from ketch.verify import Report, verify

KETCH = Path(sys.executable).with_name("ketch")


@dataclass(frozen=True)
class Desk:
    """Where an author works on one package folder.

    Attributes:
        home: A ketch home, shared with other tests; packages have names of their own.
        folder: The package folder.
        name: The name of the package.
    """

    home: Home
    folder: Path
    name: str
    _author: Callable[..., Path]

    def write(self, pipeline: str, scenarios: Sequence[Mapping[str, object]], **more: Any) -> None:
        """Write the folder; by default it takes ``x`` and answers ``y``, both integers."""
        fields = {
            "inputs": 'x = { type = "int64", min = 0, max = 1_000 }',
            "outputs": 'y = "int64"',
        }
        self._author(
            self.folder, pipeline, scenarios=scenarios, name=self.name, **{**fields, **more}
        )

    def prove(self, target: str | None = None, *, offline: bool = False) -> Report:
        """Verify the folder, or another target."""
        options = Options(offline=offline)
        return prove(target or str(self.folder), home=self.home, options=options)

    def ask(self, *, deadline_s: float) -> Report:
        """Verify the folder with less patience than ``ketch verify`` has."""
        package, _ = target_package(str(self.folder), self.home, Options(), Silent())
        with prepared(package, self.home) as ready:
            return verify(
                package,
                ready.start,
                data=ready.data,
                references=references(package, self.home),
                deadline_s=deadline_s,
            )

    def ketch(self, *arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command beside the folder."""
        variables = {**os.environ, "KETCH_HOME": str(self.home.path), "COLUMNS": "300"}
        done = subprocess.run(
            [KETCH, *arguments],
            cwd=self.folder.parent,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def json(self, *arguments: str | Path, status: int = 0) -> Any:
        """Run the command with ``--json`` and return what it printed."""
        return json.loads(self.ketch(*arguments, "--json", status=status).stdout)
