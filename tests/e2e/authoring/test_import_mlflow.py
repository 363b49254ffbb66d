"""Models that MLflow wrote become packages that answer as MLflow does."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.authoring import pack
from ketch.authoring.mlflow import Imported, import_mlflow
from ketch.runtime import Home

pytestmark = pytest.mark.e2e

MODELS = Path(__file__).parents[2] / "projects" / "mlflow"
ALL = sorted(path.relative_to(MODELS).as_posix() for path in MODELS.glob("*/*") if path.is_dir())
NATIVE = ("sklearn", "xgboost", "lightgbm")
Import = Callable[[str], Imported]


@pytest.fixture
def imported(tmp_path: Path, home: Home) -> Import:
    """Imports one of the models; those that bring no example are asked two rows."""

    def do(model: str) -> Imported:
        example = None
        if model.endswith("-bare"):
            example = tmp_path / "rows.csv"
            example.write_text("age,income,city\n30,1000.5,Porto\n60,90000,Rome\n")
        folder = tmp_path / "package"
        return import_mlflow(MODELS / model, folder, example=example, home=home)

    return do


def test_a_scikit_learn_model_needs_no_mlflow_and_packs(imported: Import, home: Home) -> None:
    made = imported("3.17/sklearn-cloudpickle")
    assert (made.is_native, made.is_proved, made.rows) == (True, True, 3)
    requirements = (made.path / "requirements.txt").read_text()
    assert "scikit-learn==1.9.1" in requirements
    assert "mlflow" not in requirements
    declared = tomllib.loads((made.path / "ketch.toml").read_text())
    assert declared["inputs"] == {"age": "int64", "income": "float64", "city": "string"}
    scenario = json.loads((made.path / "scenarios/mlflow-example.json").read_text())
    assert [set(row) for row in scenario["expected"]] == [{"prediction"}] * 3
    assert pack(made.path, home=home).verified


@pytest.mark.thorough
@pytest.mark.parametrize("model", ALL)
def test_every_model_answers_as_mlflow_does_and_packs(
    model: str, imported: Import, home: Home
) -> None:
    made = imported(model)
    assert made.is_proved, made.findings
    assert made.rows == (2 if model.endswith("-bare") else 3)
    assert made.is_native == Path(model).name.startswith(NATIVE)
    assert not [one for one in made.findings if one.blocks]
    assert pack(made.path, home=home).verified
