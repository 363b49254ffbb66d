"""From a trained model to a verified package that answers as the library itself does."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from ketch.authoring import Initialised, init, pack, record
from ketch.env import find_python
from ketch.errors import Refused, UsageError
from ketch.runtime import Home, Predictor

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]
NOTEBOOKS = ROOT / "tests" / "projects" / "notebooks"
TRAINING = ROOT / "tests" / "projects" / "training"
LIBRARIES = (
    "scikit-learn==1.9.1",
    "xgboost-cpu==3.4.1",
    "lightgbm==4.7.0",
    "onnxruntime==1.32.0",
    "skl2onnx==1.20.0",
    "skops==0.16.0",
    "pandas",
    "joblib",
)
TORCH = "torch==2.13.0"
TORCH_OFF = "KETCH_TESTS_WITHOUT_TORCH"
TABLES = (
    "binary.pkl", "binary.joblib", "binary.skops", "forest.joblib", "gaps.pickle", "gaps.skops",
    "scaled.pkl", "words.pkl", "binary.ubj", "binary.json", "early.ubj", "early.pkl",
    "price.ubj", "binary.txt", "many.lgb", "named.joblib", "mapped.onnx", "plain.onnx",
    "line.onnx", "shops.ubj", "shops.txt",
)  # fmt: skip

QUICK_TABLES = (
    "binary.skops", "early.pkl", "named.joblib", "binary.ubj", "binary.txt", "mapped.onnx",
)  # fmt: skip


def _quick(names: Sequence[str], quick: Sequence[str]) -> list[Any]:
    """Return the names, all but the quick ones marked as thorough."""
    return [
        name if name in quick else pytest.param(name, marks=pytest.mark.thorough) for name in names
    ]


NETWORK = '''\
class Network(torch.nn.Sequential):
    """Four numbers in, three out."""

    def __init__(self):
        super().__init__(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
'''


@dataclass(frozen=True, slots=True)
class Trained:
    """A folder of trained models, what they answer directly, and where they were trained."""

    folder: Path
    answers: Mapping[str, Any]
    environment: Path


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A ketch home whose environments all tests of loaders share."""
    return Home(tmp_path_factory.mktemp("loaders-home"))


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Models of scikit-learn, XGBoost, LightGBM and ONNX."""
    folder = tmp_path_factory.mktemp("tables")
    return _train(folder, "3.12", LIBRARIES, "train_tables.py", os.environ)


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory, missing: Callable[[str], None]) -> Trained:
    """Networks of PyTorch, whose CPU wheel lies in a folder that PIP_FIND_LINKS names."""
    if os.environ.get(TORCH_OFF):
        pytest.skip(f"{TORCH_OFF} is set")
    links = os.environ.get("PIP_FIND_LINKS", "")
    wheels = [path for link in links.split() for path in Path(link).glob("torch-2.13.0*.whl")]
    if not wheels:
        missing(
            f"no wheel of `{TORCH}` (CPU, Python 3.11): put it into a folder and name that in "
            f"PIP_FIND_LINKS, or set {TORCH_OFF}=1 to leave these tests out"
        )
    variables = {**os.environ, "UV_FIND_LINKS": links}
    folder = tmp_path_factory.mktemp("networks")
    return _train(folder, "3.11", (TORCH, "numpy"), "train_networks.py", variables)


def _train(
    folder: Path, python: str, libraries: tuple[str, ...], script: str, variables: Mapping[str, str]
) -> Trained:
    environment, models = folder / "environment", folder / "models"
    interpreter = find_python(python).path
    commands: tuple[list[str | Path], ...] = (
        [find_uv_bin(), "venv", "--quiet", "--python", interpreter, environment],
        [find_uv_bin(), "pip", "install", "--quiet", "--python", environment, *libraries],
        [environment / "bin" / "python", "-W", "ignore", TRAINING / script, models],
    )
    for command in commands:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return Trained(models, json.loads((models / "answers.json").read_text()), environment)


def codes(made: Initialised) -> set[str]:
    return {finding.code for finding in made.findings}


def answers(folder: Path, home: Home, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Confirm the drafts, pack, see it verified, and ask it."""
    recorded = record(folder, confirm=True, home=home)
    assert {one.change for one in recorded.scenarios} <= {"same", "new"}
    packed = pack(folder, home=home)
    assert packed.verified, packed.to_json()
    with Predictor(packed.package, home) as predict:
        return predict(rows)


def is_same(found: object, expected: object) -> bool:
    """Whether two answers are equal, floats to seven digits."""
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(is_same, found, expected))
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-7)
    return type(found) is type(expected) and found == expected


def assert_same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [set(row) for row in found] == [set(row) for row in expected]
    for row, wanted in zip(found, expected, strict=True):
        for name, value in wanted.items():
            assert is_same(row[name], value), (name, row[name], value)


@pytest.mark.parametrize("name", _quick(TABLES, QUICK_TABLES))
def test_a_model_becomes_a_package_that_answers_as_the_library_does(
    name: str, tables: Trained, shared_home: Home, tmp_path: Path
) -> None:
    wanted = tables.answers[name]
    example = wanted["example"] and tables.folder / wanted["example"]
    made = init(tmp_path / "shop", source=tables.folder / name, example=example, home=shared_home)
    assert not [finding for finding in made.findings if finding.blocks]
    assert "import ketch" not in (made.path / "pipeline.py").read_text()
    assert_same(answers(made.path, shared_home, wanted["rows"]), wanted["outputs"])


def test_drafts_keep_a_package_from_being_packed_until_a_person_confirms(
    tables: Trained, shared_home: Home, tmp_path: Path
) -> None:
    made = init(tmp_path / "shop", source=tables.folder / "price.ubj", home=shared_home)
    with pytest.raises(Refused, match="cannot be packed") as caught:
        pack(made.path, home=shared_home)
    assert {one.code for one in caught.value.findings} == {"scenario/draft"}


def test_versions_come_from_the_model_file(
    tables: Trained, shared_home: Home, tmp_path: Path
) -> None:
    made = init(tmp_path / "shop", source=tables.folder / "forest.joblib", home=shared_home)
    assert (
        "scikit-learn==1.9.1  # recorded in the model file"
        in (made.path / "requirements.txt").read_text()
    )


def test_versions_come_from_the_active_environment(
    tables: Trained, shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(tables.environment))
    made = init(tmp_path / "shop", source=tables.folder / "binary.txt", home=shared_home)
    lines = (made.path / "requirements.txt").read_text()
    assert "lightgbm==4.7.0  # as in the active environment" in lines
    assert "init/version-unknown" not in codes(made)


def test_what_could_not_be_decided_is_said(
    tables: Trained, shared_home: Home, tmp_path: Path
) -> None:
    unnamed = init(tmp_path / "a", source=tables.folder / "forest.joblib", home=shared_home)
    assert {"init/no-feature-names", "init/types-unknown"} <= codes(unnamed)
    gaps = init(
        tmp_path / "b",
        source=tables.folder / "gaps.pickle",
        example=tables.folder / "gaps.csv",
        home=shared_home,
    )
    assert {"init/integers-with-gaps", "init/renamed", "init/not-an-input"} <= codes(gaps)


def test_types_that_skops_does_not_trust_are_written_out(
    tables: Trained, shared_home: Home, tmp_path: Path
) -> None:
    made = init(tmp_path / "shop", source=tables.folder / "gaps.skops", home=shared_home)
    assert "init/trusted-types" in codes(made)
    assert "TreePredictor" in (made.path / "pipeline.py").read_text()


@pytest.mark.thorough
def test_a_notebook_without_functions_becomes_a_package_that_answers_as_it_did(
    tables: Trained, shared_home: Home, tmp_path: Path
) -> None:
    notebook = Path(shutil.copy(NOTEBOOKS / "straight.ipynb", tmp_path))
    plans = ("basic", "plus", "pro")
    rows = [f"{plans[at % 3]},{at % 9 or ''},{at % 7},{at % 7 // 4}" for at in range(60)]
    example = tmp_path / "churn.csv"
    example.write_text("plan,tenure,calls,churned\n" + "\n".join(rows) + "\n")
    python = tables.environment / "bin" / "python"
    run = [python, NOTEBOOKS / "run_cells.py", notebook]
    subprocess.run(run, cwd=tmp_path, check=True, capture_output=True)
    made = init(tmp_path / "churn", source=notebook, example=example, home=shared_home)
    assert not [finding for finding in made.findings if finding.blocks]
    assert {"model/clf.joblib", "model/scaler.joblib"} <= set(made.files)
    asked = [{"plan": plans[at % 3], "tenure": 3.0, "calls": at} for at in range(7)]
    found = answers(made.path, shared_home, asked)
    assert [one["prediction"] for one in found] == [at // 4 for at in range(7)]


def test_a_project_brings_its_own_modules(
    tables: Trained, shared_home: Home, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / "shop").mkdir(parents=True)
    (project / "shop" / "__init__.py").write_text("")
    (project / "shop" / "scale.py").write_text("FACTOR = 2.0\n")
    (project / "shop" / "steps.py").write_text(
        "from shop.scale import FACTOR\n\n\nclass Double:\n"
        "    n_features_in_ = 2\n\n"
        "    def predict(self, x):\n        return x.sum(axis=1) * FACTOR\n"
    )
    (project / "train.py").write_text("import matplotlib\n")
    (project / "requirements.txt").write_text("numpy>=2\n")
    save = (
        "import pickle; from shop.steps import Double; pickle.dump(Double(), open('m.pkl', 'wb'))"
    )
    subprocess.run([sys.executable, "-c", save], cwd=project, check=True)
    made = init(tmp_path / "shop-package", source=project, home=shared_home)
    assert {"shop/__init__.py", "shop/scale.py", "shop/steps.py"} <= set(made.files)
    assert "matplotlib" not in (made.path / "requirements.txt").read_text()
    found = answers(made.path, shared_home, [{"x0": 1.0, "x1": 2.5}])
    assert found == [{"prediction": 7.0}]


def test_modules_of_the_author_may_have_any_name(
    tables: Trained, shared_home: Home, tmp_path: Path
) -> None:
    """Also those of the files that are drafted, or that look at the model."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "common.py").write_text("FACTOR = 3.0\n")
    (project / "inspection.py").write_text("from common import FACTOR\n")
    (project / "pipeline.py").write_text(
        "from inspection import FACTOR\n\n\nclass Triple:\n    n_features_in_ = 1\n\n"
        "    def predict(self, x):\n        return x[:, 0] * FACTOR\n"
    )
    save = "import pickle; from pipeline import Triple; pickle.dump(Triple(), open('m.pkl', 'wb'))"
    subprocess.run([sys.executable, "-c", save], cwd=project, check=True)
    made = init(tmp_path / "shop-package", source=project, home=shared_home)
    assert {"common.py", "inspection.py", "pipeline.py", "steps.py"} <= set(made.files)
    assert answers(made.path, shared_home, [{"x0": 2.0}]) == [{"prediction": 6.0}]


def test_several_models_in_a_project_are_named(
    tables: Trained, shared_home: Home, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        init(tmp_path / "shop", source=tables.folder, home=shared_home)
    assert caught.value.code == "init/several-models"


@pytest.mark.torch
class TestNetworks:
    """PyTorch's forms: weights, TorchScript and exported programs."""

    @pytest.fixture(autouse=True)
    def _training_environment(self, networks: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("UV_FIND_LINKS", os.environ.get("PIP_FIND_LINKS", ""))
        monkeypatch.setenv("VIRTUAL_ENV", str(networks.environment))

    def rows(self, networks: Trained, name: str) -> list[dict[str, Any]]:
        return [{name: values} for values in networks.answers["values"]]

    def outputs(self, networks: Trained) -> list[dict[str, Any]]:
        return [{"prediction": values} for values in networks.answers["prediction"]]

    @pytest.mark.parametrize("name", _quick(("script.pt", "any.pt2", "single.pt2"), ()))
    def test_a_program_answers_as_the_network_did(
        self, name: str, networks: Trained, shared_home: Home, tmp_path: Path
    ) -> None:
        made = init(tmp_path / "net", source=networks.folder / name, home=shared_home)
        assert not [finding for finding in made.findings if finding.blocks]
        rows = self.rows(networks, "input")
        assert_same(answers(made.path, shared_home, rows), self.outputs(networks))

    @pytest.mark.parametrize("name", _quick(("state.pt", "checkpoint.pth"), ("state.pt",)))
    def test_weights_wait_for_the_class_of_their_network(
        self, name: str, networks: Trained, shared_home: Home, tmp_path: Path
    ) -> None:
        made = init(tmp_path / "net", source=networks.folder / name, home=shared_home)
        assert "init/no-network-class" in codes(made)
        pipeline = made.path / "pipeline.py"
        before, _, rest = pipeline.read_text().partition("class Network")
        _, _, after = rest.partition("def load(")
        assert "0.weight float32 [8, 4]" in rest
        pipeline.write_text(f"{before}{NETWORK}\n\ndef load({after}")
        rows = self.rows(networks, "features")
        assert_same(answers(made.path, shared_home, rows), self.outputs(networks))

    def test_a_whole_pickled_network_is_refused(
        self, networks: Trained, shared_home: Home, tmp_path: Path
    ) -> None:
        with pytest.raises(UsageError, match="whole pickled network"):
            init(tmp_path / "net", source=networks.folder / "whole.pt", home=shared_home)
