"""The packages that are served: the workloads of the peers' bench, and cheap ones.

- ``tabular``: W1 and W2, the very pipeline that the peers load, in an environment of the
  very versions of libraries;
- ``recommender``: W3, with the very code that the peers share;
- ``echo``: takes the row of W1, gives one of its numbers: what is left is ketch's own;
- ``shop``, in two versions that answer differently, so that every answer shows whose it is.

Each is packed and verified as any package is, its environment made by uv.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ketch
from ketch.runtime import Home

NUMBERS = ("price", "discount_pct", "days_since_visit", "basket_value", "views_7d", "age")
TEXTS = ("category", "channel", "device", "region")
ROW = {**dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(TEXTS, "string")}
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "joblib")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

TABULAR = '''
"""Whether a visitor buys: the pipeline that was trained for every server of the bench."""

from pathlib import Path

import joblib
import numpy as np


def load(model_dir, params):
    return joblib.load(Path(model_dir, "model.joblib"))


def predict(model, rows):
    shares = model.predict_proba(rows)
    best = shares.argmax(1)
    return {"label": model.classes_[best], "probability": shares.max(1)}
'''

RECOMMENDER = '''
"""What is like what was viewed, by the code that every server of the bench runs."""

import os


def load(model_dir, params):
    os.environ["SERVING_WORK"] = str(model_dir)  # where rec.py looks, as it is imported
    from rec import Rec

    return Rec()


def recommend(model, rows):
    found = (model.top(row["items"]) for row in rows)
    return [{"items": items, "scores": scores} for items, scores in found]
'''

ECHO = '''
"""The price that was asked with: nothing is computed."""


def echo(_, rows):
    return [{"price": row["price"]} for row in rows]
'''

SHOP = '''
"""A number and the version that answered, after some arithmetic."""


def answer(_, rows):
    out = []
    for row in rows:
        total = 0
        for n in range({work}):
            total += n
        out.append({{"x": row["x"] * {factor}, "version": "{version}"}})
    return out
'''


@dataclass(frozen=True)
class Project:
    """A package folder that is to be written.

    Attributes:
        name, version: Of the package.
        source: Of its ``pipeline.py``.
        step: The one function that answers.
        inputs, outputs: Field → type.
        scenario: Inputs and expected outputs of its one scenario; None for what it answers.
        loads: Whether it has ``load``.
        takes: What the step gets.
        python: The Python it runs on.
        requirements: Lines of ``requirements.txt``.
        files: What lies beside, by path: where it is copied from.
        variables: Environment variables it runs with, beside those that keep it to one thread.
    """

    name: str
    source: str
    step: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    scenario: tuple[Any, Any]
    version: str = "1.0.0"
    loads: bool = False
    takes: str = "records"
    python: str = platform.python_version()
    requirements: Sequence[str] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write it, and return the folder."""
        shutil.rmtree(folder, ignore_errors=True)
        for path, source in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / path)
        (folder / "scenarios").mkdir(parents=True, exist_ok=True)
        inputs, expected = self.scenario
        scenario = {"name": "known", "inputs": inputs}
        if expected is not None:
            scenario["expected"] = expected
        (folder / "scenarios" / "known.json").write_text(json.dumps(scenario))
        (folder / "README.md").write_text(f"# {self.name}\n\nA workload of the benchmark.\n")
        (folder / "pipeline.py").write_text(self.source)
        if self.requirements:
            (folder / "requirements.txt").write_text("\n".join(self.requirements) + "\n")
        (folder / "ketch.toml").write_text(self._declared())
        return folder

    def _declared(self) -> str:
        load = 'load = "pipeline:load"\n' if self.loads else ""
        variables = {**ONE_THREAD, **self.variables}
        tables = {"environment.variables": variables, "inputs": self.inputs}
        tables["outputs"] = self.outputs
        said = "".join(
            f"[{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in table.items())
            for name, table in tables.items()
        )
        return (
            f'[package]\nname = "{self.name}"\nversion = "{self.version}"\n'
            f'owner = "bench@shop.example"\nroute = "{self.name}"\n'
            f'[pipeline]\n{load}steps = ["pipeline:{self.step}"]\ntakes = "{self.takes}"\n'
            f'[environment]\npython = "{self.python}"\n{said}'
        )


def tabular(work: Path, peers: Path, python: str) -> Project:
    """Return W1 and W2: the peers' pipeline, in the peers' versions of libraries."""
    cases = json.loads((work / "data/cases.json").read_text())
    answers = [
        {"label": label, "probability": max(share, 1 - share)}
        for share, label in zip(cases["p_buy"], cases["label"], strict=True)
    ]
    return Project(
        "tabular",
        TABULAR,
        "predict",
        ROW,
        {"label": "string", "probability": "float64"},
        (cases["rows"], answers),
        loads=True,
        takes="dataframe",
        python=python,
        requirements=pins(peers / "requirements/fastapi.txt"),
        files={"model/model.joblib": work / "data/model.joblib"},
    )


def recommender(work: Path, peers: Path, python: str) -> Project:
    """Return W3."""
    cases = json.loads((work / "data/cases.json").read_text())
    return Project(
        "recommender",
        RECOMMENDER,
        "recommend",
        {"items": "list<string>"},
        {"items": "list<string>", "scores": "list<float32>"},
        ([{"items": cases["viewed"]}, {"items": cases["viewed"][:5]}], None),
        loads=True,
        python=python,
        requirements=[one for one in pins(peers / "requirements/fastapi.txt") if "numpy" in one],
        files={"model/data/items.npz": work / "data/items.npz", "rec.py": peers / "peers/rec.py"},
        variables={"SERVING_WORK": "."},  # what rec.py reads; load() says where
    )


def echo() -> Project:
    """Return the package that computes nothing."""
    row = {**dict.fromkeys(NUMBERS, 1.5), **dict.fromkeys(TEXTS, "text")}
    rows = [row, {**row, "price": 2.5}]
    answers = [{"price": 1.5}, {"price": 2.5}]
    return Project("echo", ECHO, "echo", ROW, {"price": "float64"}, (rows, answers))


def shop(version: str, factor: int, work: int = 0) -> Project:
    """Return a version of the shop: ``x`` times a factor, and whose answer it is.

    Args:
        version: Of the package.
        factor: What it multiplies with.
        work: Turns of a loop for each row: about 25 ns each.
    """
    rows = [{"x": 1}, {"x": 7}]
    answers = [{"x": row["x"] * factor, "version": version} for row in rows]
    return Project(
        "shop",
        SHOP.format(version=version, factor=factor, work=work),
        "answer",
        {"x": "int32"},
        {"x": "int64", "version": "string"},
        (rows, answers),
        version=version,
    )


def pins(requirements: Path) -> list[str]:
    """Return the exact versions of the libraries that compute."""
    lines = requirements.read_text().splitlines()
    return [line for line in lines if line.partition("==")[0] in LIBRARIES]


def pack(project: Project, folder: Path, home: Home) -> str:
    """Pack a project into a home, unless it is there, and return its reference."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it would cost every start its bytecode
    reference = f"{project.name}:{project.version}"
    written = project.write(folder / project.name / project.version)
    if project.scenario[1] is None:
        ketch.record(written, home=home)
    done = ketch.pack(written, home=home)
    if not done.verified:
        raise SystemExit(f"{reference} was not verified: {done}")
    return reference
