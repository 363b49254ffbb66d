"""A model of yesterday's libraries: a package keeps its Python and its versions, or says so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from ketch.authoring import init, pack, record
from ketch.env import find_python, read_lock
from ketch.errors import Unavailable
from ketch.runtime import Home

pytestmark = pytest.mark.e2e

PYTHON = "3.10"
PINS = ("joblib==1.3.2", "numpy==1.24.4", "pandas==2.1.4", "scikit-learn==1.3.2")
TRAIN = """\
import sys
import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

random = np.random.default_rng(1)
rows = pd.DataFrame({
    "age": random.normal(40, 9, 200).round(1),
    "spend": random.normal(20, 5, 200).round(2),
    "plan": random.choice(["basic", "pro", "team"], 200),
})
encode = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
prepare = ColumnTransformer([("n", StandardScaler(), ["age", "spend"]), ("c", encode, ["plan"])])
model = make_pipeline(prepare, LogisticRegression()).fit(rows, rows.age + rows.spend > 60)
joblib.dump(model, sys.argv[1] + "/old.joblib")
rows.head(20).to_csv(sys.argv[1] + "/old.csv", index=False)
rows.drop(columns="spend").head(20).to_csv(sys.argv[1] + "/lacking.csv", index=False)
"""


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("old-home"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, example rows, and the environment that trained it."""
    folder = tmp_path_factory.mktemp("old")
    try:
        interpreter = find_python(PYTHON, offline=True).path
    except Unavailable:
        pytest.skip(f"no Python {PYTHON} on this machine")
    (folder / "train.py").write_text(TRAIN)
    environment = folder / "environment"
    commands: tuple[list[str | Path], ...] = (
        [find_uv_bin(), "venv", "--quiet", "--python", interpreter, environment],
        [find_uv_bin(), "pip", "install", "--quiet", "--python", environment, *PINS],
        [environment / "bin" / "python", "-W", "ignore", folder / "train.py", folder],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder


def test_the_environment_that_trained_a_model_becomes_that_of_the_package(
    trained: Path, shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pins fit Python 3.10 and none from 3.12 on."""
    monkeypatch.setenv("VIRTUAL_ENV", str(trained / "environment"))
    made = init(
        tmp_path / "old1",
        source=trained / "old.joblib",
        example=trained / "old.csv",
        home=shared_home,
    )
    assert f'python = "{PYTHON}"' in (made.path / "ketch.toml").read_text()
    lock = read_lock(made.path)
    assert lock is not None
    assert {f"{one.name}=={one.version}" for one in lock.packages} >= set(PINS)
    told = {one.code: one.message for one in made.findings}
    assert set(told) == {"init/categories-open"}
    assert told["init/categories-open"].endswith("as none of `basic`, `pro`, `team`")
    record(made.path, confirm=True, home=shared_home)
    packed = pack(made.path, home=shared_home)
    assert packed.verified
    assert packed.findings == ()
    _is_told_of_another_scikit_learn(made.path, shared_home)


def _is_told_of_another_scikit_learn(folder: Path, home: Home) -> None:
    path = folder / "requirements.txt"
    path.write_text(path.read_text().replace("scikit-learn==1.3.2", "scikit-learn==1.3.1"))
    (found,) = pack(folder, home=home).findings[:1]
    assert found.code == "package/model-version"
    assert found.message == ("the model was made with scikit-learn `1.3.2`, the lock has `1.3.1`")


def test_rows_that_lack_a_column_become_no_scenarios_and_that_is_said(
    trained: Path, shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(trained / "environment"))
    made = init(
        tmp_path / "old2",
        source=trained / "old.joblib",
        example=trained / "lacking.csv",
        home=shared_home,
    )
    told = {one.code: one.message for one in made.findings}
    assert "they lack `spend`" in told["init/example-unused"]
