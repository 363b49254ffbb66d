"""The car loans that NannyML 0.13.1 comes with, and the estimates that it prints of them."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ketch.monitor.estimates.cbpe import Scores
from ketch.monitor.metrics.measures import auc
from ketch.rollout.metric import Scored

ESTIMATED = [
    0.97074,
    0.97101,
    0.97141,
    0.97109,
    0.97112,
    0.96109,
    0.96182,
    0.96107,
    0.96253,
    0.96132,
]
REALISED = [
    0.970962, 0.970248, 0.976282, 0.967721, 0.969886, 0.96005, 0.95853, 0.959041, 0.963094, 0.957556
]  # fmt: skip
"""By 5,000 rows, as its documents print them."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nannyml")
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    asked = ["pip", "install", "-q", "--no-deps", "--target", str(folder), "nannyml==0.13.1"]
    subprocess.run([uv, *asked], check=True)
    return folder / "nannyml" / "datasets" / "data"


def column(file: Path, name: str) -> NDArray[np.float64]:
    with file.open(newline="") as lines:
        return np.array([float(row[name]) for row in csv.DictReader(lines)])


@pytest.mark.thorough
@pytest.mark.e2e
def test_each_chunk_has_the_estimate_of_nannyml_and_holds_what_was_realised(data: Path) -> None:
    before = data / "synthetic_car_loan_reference.csv"
    happened = column(before, "repaid")
    groups = np.arange(len(happened)) % 20
    learned = Scores.learned(Scored.AUC, column(before, "y_pred_proba"), happened, groups)
    now = column(data / "synthetic_car_loan_analysis.csv", "y_pred_proba")
    right = column(data / "synthetic_car_loan_analysis_target.csv", "repaid")
    for number, (expected, realised) in enumerate(zip(ESTIMATED, REALISED, strict=True)):
        rows = slice(number * 5_000, (number + 1) * 5_000)
        found = learned.of(now[rows], np.empty(0))
        assert found is not None
        assert found.value == pytest.approx(expected, abs=5.1e-6)
        assert auc(now[rows], right[rows] > 0).value == pytest.approx(realised, abs=6e-7)
        assert found.low < realised < found.high
