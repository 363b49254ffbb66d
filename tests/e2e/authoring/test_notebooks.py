"""Notebooks that really run: in a Jupyter kernel, and in marimo."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from ketch.authoring import pack, record
from ketch.env import find_python
from ketch.runtime import Home, Predictor

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

ROOT = Path(__file__).parents[3]
NOTEBOOKS = ROOT / "tests" / "projects" / "notebooks"
LIBRARIES = ("ipykernel", "nbclient", "marimo", "pandas", "scikit-learn==1.9.1", "joblib")
RUN = """
import nbformat, sys
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
shown, printed = notebook.cells[-2].outputs[-1], notebook.cells[-1].outputs[-1]
print("".join(shown["data"]["text/html"]))
print("".join(printed["text"]))
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with Jupyter, marimo, and what ketch needs."""
    made = tmp_path_factory.mktemp("kernel") / "env"
    here = made / "bin" / "python"
    interpreter = find_python("3.11").path
    subprocess.run([find_uv_bin(), "venv", "--quiet", "--python", interpreter, made], check=True)
    install: list[str | Path] = [find_uv_bin(), "pip", "install", "--quiet", "--python", here]
    subprocess.run([*install, "-r", ROOT / "pyproject.toml", *LIBRARIES], check=True)
    return here


def run(kernel: Path, arguments: Sequence[str | Path], folder: Path, home: Home) -> str:
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "KETCH_HOME": str(home.path)}
    variables = {**variables, "VIRTUAL_ENV": str(kernel.parents[1])}
    variables["PATH"] = f"{kernel.parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        [kernel, *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def packed(folder: Path, home: Home, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    record(folder, confirm=True, home=home)
    made = pack(folder, home=home)
    assert made.verified, made.to_json()
    with Predictor(made.package, home) as predict:
        return predict(list(rows))


def test_a_running_jupyter_notebook_becomes_a_package_that_answers_the_same(
    kernel: Path, tmp_path: Path, home: Home
) -> None:
    shown, printed = run(
        kernel, ["-c", RUN, NOTEBOOKS / "live.ipynb"], tmp_path, home
    ).splitlines()[:2]
    said = json.loads(printed)
    assert shown.startswith("<div><strong>package folder visitors</strong>")
    assert {"init/integers-with-gaps", "init/naive-timestamp", "init/notebook-source"} <= set(
        said["codes"]
    )
    assert "init/notebook-differs" not in said["codes"]
    text = (tmp_path / "visitors" / "pipeline.py").read_text()
    assert "LIMIT = 0.5  # what the shop decided" in text
    assert 'COUNTRIES = ["DE", "FR", "UK"]' in text
    assert "default_rng" not in text
    scenarios = sorted((tmp_path / "visitors" / "scenarios").glob("example-*.json"))
    first = json.loads(scenarios[0].read_text())["inputs"]
    (answer,) = packed(tmp_path / "visitors", home, [first])
    assert any(abs(answer["probability"] - one) < 1e-9 for one in said["direct"])


def test_a_running_marimo_notebook_becomes_a_package(
    kernel: Path, tmp_path: Path, home: Home
) -> None:
    assert "0 to mend" in run(kernel, [NOTEBOOKS / "live_marimo.py"], tmp_path, home)
    text = (tmp_path / "free" / "pipeline.py").read_text()
    assert "# what ships free, in pounds\nLIMIT = 50.0" in text
    assert "    # sums in cents do not drift" in text
    assert "marimo" not in text.partition('"""\n')[2].lower().partition("import")[2]
    assert packed(tmp_path / "free", home, [{"prices": [60.0]}]) == [{"free": True}]
