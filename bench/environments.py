"""What verifying a package in its own environment takes, beside the least it could take.

    python bench/environments.py [--reps 3] [--root DIR] [--mlflow VENV]

Three classes, each beside its floor, in turn, in one run:

fresh   nothing but uv's cache: the floor makes an environment with uv, hard links and all,
        imports the libraries, loads the pipeline and answers 100 recorded cases once
known   the lock is known, the package is new: the floor clones a kept environment by hard
        links, bytecode included, and does the same
again   the same package once more: the floor only loads, answers and compares

``ketch verify`` does more: it hashes the package, answers in a sandbox with traces, probes,
asks every row again, asks a second process, and measures. MLflow, from a virtual
environment that has it, answers the same cases once in an environment made by uv.

The pipeline is workload P1 of the peers' bench: a ColumnTransformer and 90 boosted trees.
ROOT has to be on the filesystem of uv's cache. Prints one JSON object a measure, then the
medians and the median ratios of the rounds.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

KETCH = Path(sys.executable).with_name("ketch")
UV = Path(sys.executable).with_name("uv")
PYTHON = ".".join(platform.python_version_tuple()[:2])
LIBRARIES = ("numpy==2.4.6", "pandas==3.1.1", "scikit-learn==1.9.1")
NO_CLASS_TAKES_S = 600

TRAIN = """
import json, pickle, sys
from pathlib import Path
import numpy as np, pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
root, n, random = Path(sys.argv[1]), 2_000, np.random.default_rng(7)
X = pd.DataFrame({
    "price": random.gamma(2, 10, n),
    "qty": random.integers(1, 9, n).astype("float64"),
    "age": random.integers(18, 90, n).astype("float64"),
    "country": random.choice(["SE", "DE", "FR", "PL"], n),
    "channel": random.choice(["web", "app", "store"], n),
})
y = X.price * X.qty + 5 * (X.country == "SE") + random.normal(0, 3, n)
columns = ColumnTransformer([
    ("numbers", StandardScaler(), ["price", "qty", "age"]),
    ("words", OneHotEncoder(), ["country", "channel"]),
])
trees = GradientBoostingRegressor(n_estimators=90, max_depth=3, random_state=0)
model = Pipeline([("columns", columns), ("trees", trees)]).fit(X, y)
cases, answers = X.head(100), model.predict(X.head(100))
(root / "model.pkl").write_bytes(pickle.dumps(model, 5))
(root / "cases.pkl").write_bytes(pickle.dumps((cases, answers)))
split = {"dataframe_split": json.loads(cases.to_json(orient="split"))}
(root / "mlflow.json").write_text(json.dumps(split))
expected = [{"value": value} for value in answers.tolist()]
scenario = {"name": "recorded", "inputs": cases.to_dict("records"), "expected": expected}
(root / "scenario.json").write_text(json.dumps(scenario))
"""

CHECK = """
import pickle, sys
with open(sys.argv[1] + "/model.pkl", "rb") as file:
    model = pickle.load(file)
with open(sys.argv[1] + "/cases.pkl", "rb") as file:
    cases, answers = pickle.load(file)
assert (model.predict(cases) == answers).all()
"""

DECLARED = f"""
[package]
name = "p1"
version = "1.0.0"
owner = "bench@shop.example"
[environment]
python = "{PYTHON}"
[pipeline]
load = "pipeline:load"
steps = ["pipeline:predict"]
takes = "dataframe"
[inputs]
price = "float64"
qty = "float64"
age = "float64"
country = "string"
channel = "string"
[outputs]
value = "float64"
"""

PIPELINE = """
import pickle
from pathlib import Path


def load(model_dir, params):
    with Path(model_dir, "model.pkl").open("rb") as file:
        return pickle.load(file)


def predict(model, rows):
    return {"value": model.predict(rows)}
"""

SAVE_MLFLOW = """
import pickle, sys, mlflow
with open(sys.argv[1] + "/model.pkl", "rb") as file:
    model = pickle.load(file)
pins = [f"mlflow=={mlflow.__version__}", *sys.argv[2:]]
mlflow.sklearn.save_model(
    model, sys.argv[1] + "/mlflow", serialization_format="cloudpickle", pip_requirements=pins
)
"""


def run(command: Sequence[str | Path], **variables: str) -> None:
    """Run a program to its good end, without a word."""
    environment = {**os.environ, **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # it would cost every import its bytecode
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=NO_CLASS_TAKES_S,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


class Bench:
    """The folders of one run: data, packages, a ketch home, the floor's environments."""

    def __init__(self, root: Path, mlflow: Path | None) -> None:
        self.root = root
        self.home = root / "home"
        self.kept, self.made = root / "kept", root / "made"
        self.lock = root / "package" / "requirements.lock"
        self.check = root / "check.py"
        self.mlflow = mlflow

    def prepare(self) -> None:
        """Warm uv's cache, train, and put packages into the store: none of it is timed."""
        wanted = self.root / "requirements.txt"
        wanted.write_text("\n".join(LIBRARIES))
        run([UV, "venv", "-q", "-p", sys.executable, self.root / "training"])
        python = self.root / "training" / "bin" / "python"
        run([UV, "pip", "install", "-q", "-p", python, "-r", wanted])
        run([python, "-c", TRAIN, self.root])
        self.check.write_text(CHECK)
        self.pack("1.0.0")
        self.sync(self.kept, offline=False)
        self.answer(self.kept)
        if self.mlflow is not None:
            run([self.mlflow / "bin" / "python", "-c", SAVE_MLFLOW, self.root, *LIBRARIES])

    def pack(self, version: str) -> None:
        """Put a version of the package into the store, unverified, under the same lock."""
        folder = self.root / "package"
        (folder / "model").mkdir(parents=True, exist_ok=True)
        (folder / "scenarios").mkdir(exist_ok=True)
        shutil.copy(self.root / "model.pkl", folder / "model")
        shutil.copy(self.root / "scenario.json", folder / "scenarios" / "recorded.json")
        shutil.copy(self.root / "requirements.txt", folder)
        (folder / "README.md").write_text("# P1\n\nThe pipeline of the benchmark.\n")
        (folder / "ketch.toml").write_text(DECLARED.replace("1.0.0", version))
        (folder / "pipeline.py").write_text(PIPELINE)
        self.ketch("pack", "--no-verify", folder)

    def ketch(self, *arguments: str | Path) -> None:
        run([KETCH, *arguments], KETCH_HOME=str(self.home))

    def sync(self, folder: Path, *, offline: bool = True) -> None:
        """Make an environment from the package's lock."""
        run([UV, "venv", "-q", "-p", sys.executable, folder])
        sync: list[str | Path] = [UV, "pip", "sync", "-q", "--require-hashes"]
        sync += ["--offline"] if offline else []
        run([*sync, "-p", folder / "bin" / "python", self.lock])

    def clone(self) -> None:
        """Make an environment by hard links to the kept one, bytecode included."""
        run([UV, "venv", "-q", "-p", sys.executable, self.made])
        library = Path("lib", f"python{PYTHON}", "site-packages")
        run(["cp", "-al", f"{self.kept / library}/.", self.made / library])

    def answer(self, folder: Path) -> None:
        """Answer the recorded cases once."""
        run([folder / "bin" / "python", "-I", self.check, self.root])

    def clear(self, *folders: Path) -> None:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        os.sync()  # what others left to write should not be written on our time

    def predict_mlflow(self) -> None:
        """Have MLflow answer them in an environment made by uv."""
        if self.mlflow is None:
            return
        programs = [self.mlflow / "bin", Path(sys.executable).resolve().parent, "/usr/bin", "/bin"]
        files = ["-i", self.root / "mlflow.json", "-o", self.root / "mlflow.out"]
        predict = [self.mlflow / "bin" / "mlflow", "models", "predict", "--env-manager", "uv"]
        run(
            [*predict, "-m", self.root / "mlflow", *files],
            PATH=":".join(map(str, programs)),
            MLFLOW_ENV_ROOT=str(self.root / "mlflow-envs"),
            MLFLOW_DISABLE_TELEMETRY="true",
        )

    def round(self, number: int) -> dict[str, dict[str, float]]:
        """Measure every class once, floor and ketch in turn."""
        timed: dict[str, dict[str, float]] = {}

        def measure(name: str, *work: object) -> None:
            timed[name] = clocked(*work)
            print(json.dumps({"round": number, "measure": name, **timed[name]}), flush=True)

        version = f"1.0.{number}"
        self.pack(version)
        new = f"p1:{version}"
        self.clear(self.made, self.home / "envs")
        measure("fresh floor", lambda: self.sync(self.made), lambda: self.answer(self.made))
        measure("fresh ketch", lambda: self.ketch("verify", "--offline", "p1:1.0.0"))
        self.clear(self.made)
        measure("known floor", self.clone, lambda: self.answer(self.made))
        measure("known ketch", lambda: self.ketch("verify", "--offline", new))
        for at in range(2):
            suffix = "" if at == 0 else " 2"
            measure(f"again floor{suffix}", lambda: self.answer(self.made))
            measure(f"again ketch{suffix}", lambda: self.ketch("verify", "--offline", new))
        if self.mlflow is not None:
            self.clear(self.root / "mlflow-envs")
            measure("fresh mlflow", self.predict_mlflow)
            measure("again mlflow", self.predict_mlflow)
        return timed


def clocked(*work: object) -> dict[str, float]:
    """Return wall and processor seconds of some work, that of its processes included."""
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for step in work:
        assert callable(step)
        step()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3)}


def summary(rounds: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, object]:
    """Return medians, and the medians of the ratios within a round."""
    names = list(rounds[0])
    medians = {
        name: {
            unit: round(statistics.median(one[name][unit] for one in rounds), 2)
            for unit in ("wall_s", "cpu_s")
        }
        for name in names
    }
    ratios = {}
    for name in names:
        kind, who, *more = name.split()
        if who == "ketch":
            for other in ("floor", "mlflow"):
                beside = " ".join([kind, other, *more])
                if beside in names:
                    each = [one[name]["wall_s"] / one[beside]["wall_s"] for one in rounds]
                    ratios[f"{name} / {other}"] = round(statistics.median(each), 3)
    return {"rounds": len(rounds), "medians": medians, "ratios": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--root", type=Path, help="where to work; a temporary folder without it")
    parser.add_argument("--mlflow", type=Path, help="a virtual environment that has MLflow")
    args = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="ketch-bench-", dir=args.root))
    try:
        bench = Bench(root, args.mlflow)
        bench.prepare()
        bench.round(0)  # the first round warms what is cached, and is not counted
        print(json.dumps(summary([bench.round(1 + at) for at in range(args.reps)]), indent=1))
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
