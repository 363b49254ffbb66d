"""Workers for tests: a few lines of package code, running as a package runs."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.runtime.launch import Launch
from ketch.runtime.process import Worker
from ketch.schema import Schema, parse_fields

ECHO = """
def run(model, rows):
    return rows
"""


def interpreters() -> list[Path]:
    """Return one interpreter of every Python from 3.9 on that lies on this machine."""
    folders = map(Path, os.get_exec_path())
    found: dict[int, Path] = {}
    for folder in (*folders, *Path.home().glob(".pyenv/versions/*/bin")):
        for path in sorted(folder.glob("python3.*")):
            match = re.fullmatch(r"python3\.(\d+)", path.name)
            shim = path.parent.name == "shims"  # a script that picks one, not one itself
            if match and int(match[1]) >= 9 and not shim and os.access(path, os.X_OK):
                found.setdefault(int(match[1]), path)
    return [found[minor] for minor in sorted(found)]


def make_environment(python: Path, folder: Path) -> Path:
    """Make an empty virtual environment of an interpreter and return its folder."""
    command = [str(python), "-m", "venv", "--without-pip", "--symlinks", str(folder)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return folder


@dataclass(frozen=True)
class Rig:
    """A folder in which small packages run in one environment."""

    environment: Path
    folder: Path

    def launch(self, source: str, files: Mapping[str, str] | None = None) -> Launch:
        """Return how to start a worker for a package whose one module is ``pipeline``."""
        code, model, scratch = (self.folder / part for part in ("code", "model", "scratch"))
        for part in (code, model):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        for name, content in {"pipeline.py": source, **(files or {})}.items():
            (code / name).write_text(content)
        python = self.environment / "bin" / "python"
        return Launch(python, self.environment, code, model, scratch, start_timeout_s=30)

    def start(self, source: str, **changes: object) -> Worker:
        """Return a worker that has started and has loaded nothing yet."""
        return Worker.start(replace(self.launch(source), **changes))  # type: ignore[arg-type] # Launch says which

    def loaded(
        self,
        source: str,
        *,
        inputs: Mapping[str, object] | None = None,
        outputs: Mapping[str, object] | None = None,
        pipeline: Mapping[str, object] | None = None,
        functions: Sequence[str] = (),
        **changes: object,
    ) -> Worker:
        """Return a worker that has loaded a package whose only step is ``pipeline:run``."""
        worker = self.start(source, **changes)
        declared = {"load": None, "takes": "records", "steps": ["pipeline:run"]}
        try:
            worker.load(
                {**declared, **(pipeline or {})},
                params={},
                schema=schema_of(inputs or {"x": "int64"}, outputs or {"x": "int64"}),
                functions=functions,
            )
        except BaseException:
            worker.close()
            raise
        return worker


def schema_of(inputs: Mapping[str, object], outputs: Mapping[str, object]) -> Schema:
    """Return the schema that two tables of ``ketch.toml`` declare."""
    read = [parse_fields(table, name) for table, name in ((inputs, "in"), (outputs, "out"))]
    findings = [finding for _, found in read for finding in found]
    if findings:
        raise ValueError(findings[0].message)
    return Schema(read[0][0], read[1][0])
