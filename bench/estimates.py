"""Performance without labels, beside NannyML on its own data, in one run.

    python bench/estimates.py

Makes an environment with NannyML 0.13.1 in a temporary folder (it needs a package index), runs
its estimators there and ours here, on the same rows in the same chunks: equality of the
estimates, how far both are from what was realised, and the time of learning and estimating.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ketch.monitor.estimates.cbpe import Scores
from ketch.monitor.estimates.checking import broken_since
from ketch.monitor.estimates.dle import Errors
from ketch.monitor.estimates.expected import Span
from ketch.monitor.metrics.measures import auc
from ketch.rollout.metric import Scored

CHUNKS = 10
NEEDS = ("nannyml==0.13.1", "pandas<3", "statsmodels")
INPUTS = (
    "car_age",
    "km_driven",
    "price_new",
    "accident_count",
    "door_count",
    "fuel",
    "transmission",
)
THEIRS = f"""
import json, os, time, warnings
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")
import nannyml as nml
found = {{}}
def run(name, made, reference, analysis, metrics):
    begun = time.perf_counter()
    made.fit(reference)
    result = made.estimate(analysis).filter(period="analysis").to_df()
    found[name] = dict(s=time.perf_counter() - begun,
                       **{{one: result[(one, "value")].tolist() for one in metrics}})
reference, analysis, _ = nml.load_synthetic_car_loan_dataset()
run("loan", nml.CBPE(y_pred_proba="y_pred_proba", y_pred="y_pred", y_true="repaid",
    problem_type="classification_binary", metrics=["roc_auc", "accuracy"], chunk_size=5000),
    reference, analysis, ["roc_auc", "accuracy"])
reference, analysis, _ = nml.load_synthetic_car_price_dataset()
run("price", nml.DLE(feature_column_names={list(INPUTS)!r}, y_pred="y_pred", y_true="y_true",
    metrics=["mae", "rmse"], chunk_size=6000, tune_hyperparameters=False),
    reference, analysis, ["mae", "rmse"])
print(json.dumps(found))
"""

Table = Mapping[str, NDArray[np.generic]]


def main() -> None:
    """Run both and print a table."""
    with tempfile.TemporaryDirectory(prefix="ketch-estimates-") as folder:
        python = _environment(Path(folder))
        done = subprocess.run([python, "-c", THEIRS], capture_output=True, text=True, check=True)
        theirs = json.loads(done.stdout.splitlines()[-1])
        where = "import importlib.util as u; print(u.find_spec('nannyml').origin)"
        origin = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
        data = Path(origin.stdout.strip()).parent / "datasets" / "data"
        _loans(data, theirs["loan"])
        _prices(data, theirs["price"])
    _held()


def _environment(folder: Path) -> str:
    subprocess.run(["uv", "venv", "-q", "--python", "3.11", folder / "venv"], check=True)
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run(["uv", "pip", "install", "-q", "--python", python, *NEEDS], check=True)
    return python


def _loans(data: Path, theirs: Mapping[str, list[float]]) -> None:
    before = read(data / "synthetic_car_loan_reference.csv")
    now = read(data / "synthetic_car_loan_analysis.csv")
    right = read(data / "synthetic_car_loan_analysis_target.csv")["repaid"]
    groups = np.arange(len(before["repaid"])) % 20
    scores, said = now["y_pred_proba"], now["y_pred"]

    def estimated(measure: Scored) -> tuple[list[Span], float]:
        begun = time.perf_counter()
        learned = Scores.learned(measure, before["y_pred_proba"], before["repaid"], groups)
        made = [learned.of(scores[one], said[one]) for one in chunks(len(scores))]
        return [one for one in made if one], time.perf_counter() - begun

    found, spent = estimated(Scored.AUC)
    hits, more = estimated(Scored.ACCURACY)
    realised = [auc(scores[one], right[one] > 0).value or 0.0 for one in chunks(len(scores))]
    tell("AUC, car loans", found, theirs["roc_auc"], realised)
    matched = [float((said[one] == right[one]).mean()) for one in chunks(len(scores))]
    tell("accuracy, car loans", hits, theirs["accuracy"], matched)
    print(f"time of both: {spent + more:.2f} s, NannyML {theirs['s']:.2f} s\n")


def _prices(data: Path, theirs: Mapping[str, list[float]]) -> None:
    before = read(data / "regression_synthetic_reference.csv")
    now = read(data / "regression_synthetic_analysis.csv")
    right = read(data / "regression_synthetic_analysis_targets.csv")["y_true"]
    names = ("y_pred", *INPUTS)
    groups = np.arange(len(before["y_true"])) % 20
    spent = 0.0
    for measure in (Scored.MAE, Scored.RMSE):
        begun = time.perf_counter()
        off = before["y_pred"] - before["y_true"]
        learned = Errors.learned(measure, [before[name] for name in names], off, groups)
        found = [learned.of([now[name][one] for name in names]) for one in chunks(len(right))]
        spent += time.perf_counter() - begun
        missed = [np.abs(now["y_pred"][one] - right[one]) for one in chunks(len(right))]
        of: Callable[[NDArray[np.float64]], float] = (
            (lambda some: float(some.mean()))
            if measure is Scored.MAE
            else (lambda some: float(np.sqrt((some**2).mean())))
        )
        tell(f"{measure}, car prices", found, theirs[str(measure)], [of(one) for one in missed])
    print(f"time of both: {spent:.2f} s, NannyML {theirs['s']:.2f} s")


def _held() -> None:
    """Print how often estimates hold, and trust is lost, where a score keeps its meaning.

    Two weeks of 120 answers a day, after four days of others; their outcomes a day late.
    """
    draw, runs, each = np.random.default_rng(2), 150, 120
    for measure in (Scored.AUC, Scored.ACCURACY):
        lost, held = 0, []
        for _ in range(runs):
            scores = np.concatenate([draw.beta(2, 2, each * 4), draw.beta(1.5, 3, each * 14)])
            truth = draw.random(len(scores)) < scores**2
            said, groups = scores > 0.7, draw.integers(0, 20, len(scores))
            mine = []
            for day in range(4, 18):
                past, now = slice(0, each * (day - 1)), slice(each * day, each * (day + 1))
                happened = truth[past].astype(np.float64)
                learned = Scores.learned(measure, scores[past], happened, groups[past])
                found = learned.of(scores[now], said[now].astype(np.float64))
                real = float((said[now] == truth[now]).mean())
                if measure is Scored.AUC:
                    real = auc(scores[now], truth[now]).value or 0.0
                mine.append(found is not None and found.low <= real <= found.high)
            lost += broken_since(mine) is not None
            held += mine
        print(
            f"{measure}: held {np.mean(held):.1%} of {len(held):,}, trust lost in {lost} of {runs}"
        )


def read(path: Path) -> Table:
    """Return the columns of a file, as numbers where they are."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, NDArray[np.generic]] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        try:
            found[name] = np.array([float(one or "nan") for one in values])
        except ValueError:
            found[name] = np.array(values)
    return found


def chunks(count: int) -> list[slice]:
    """Return the rows of each of ten chunks."""
    size = count // CHUNKS
    return [slice(one * size, (one + 1) * size) for one in range(CHUNKS)]


def tell(
    name: str, found: Sequence[Span], theirs: Sequence[float], realised: Sequence[float]
) -> None:
    """Print estimates beside NannyML's, and beside what was realised."""
    print(f"{name:<22}{'ours':>10}{'NannyML':>10}{'realised':>10}  between")
    for one, other, real in zip(found, theirs, realised, strict=True):
        is_held = "" if one.low <= real <= one.high else "  outside"
        line = f"{one.value:>10.6g}{other:>10.6g}{real:>10.6g}"
        print(f"{'':<22}{line}  {one.low:.6g} to {one.high:.6g}{is_held}")
    apart = max(abs(one.value - other) for one, other in zip(found, theirs, strict=True))
    print(f"{'':<22}farthest apart: {apart:.2g}")


if __name__ == "__main__":
    sys.exit(main())
