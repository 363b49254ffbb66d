"""How fast a file is answered, beside the same pipeline called in one process with pandas.

    python bench/predict.py [--rows 2000000] [--reps 3] [--workers 1,2] [--only NAME] [--root DIR]

Three packages: `records` is arithmetic on dictionaries, where ketch's own work shows most;
`frame` is a scikit-learn pipeline on ten columns, and `trees` the same with a forest of 60
trees and a twentieth of the rows, where the package's work shows most. The floor runs in the
package's own environment: `pandas.read_csv`, the package's own functions on a thousand rows
at a time (`records`) or on all (`frame`, `trees`), `to_csv`. It checks nothing, isolates
nothing, uses one processor, and holds the whole file in memory. All are whole processes, from
their start; libraries use one thread each. With `--workers 0` ketch chooses.

One JSON object a line: seconds are the best of all rounds, in turns, for the machine's other
work only ever adds; processor time is the least. Needs the index.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.pop(0)  # the scripts beside this one are no libraries, whatever they are called

import duckdb

from ketch.env import Lock
from ketch.package import Reference
from ketch.runtime import Home

RECORDS = '''
"""Degrees Celsius as degrees Fahrenheit."""


def convert(_, rows):
    return [{"fahrenheit": row["celsius"] * 1.8 + 32} for row in rows]


def judge(_, rows):
    return [{**row, "freezes": row["fahrenheit"] <= 32} for row in rows]
'''

FRAME = '''
"""A pipeline of scikit-learn, trained when it is loaded: the model is not the point here."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = [f"n{i}" for i in range(6)]
TEXTS = [f"t{i}" for i in range(4)]


def load(model_dir, params):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.random((5000, 6)), columns=NUMBERS)
    for name in TEXTS:
        frame[name] = random.choice([f"v{i}" for i in range(20)], 5000)
    wide = make_column_transformer(
        (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore"), TEXTS)
    )
    return make_pipeline(wide, LogisticRegression()).fit(frame, frame["n0"] > frame["n1"])


def predict(model, frame):
    return pd.DataFrame({"score": model.predict_proba(frame)[:, 1]})
'''

TOML = """
[package]
name = "{name}"
version = "1.0.0"
owner = "bench@shop.example"
[pipeline]
{pipeline}
[inputs]
{inputs}
[outputs]
{outputs}
[environment]
python = "{python}"
"""

TREES = FRAME.replace(
    "from sklearn.linear_model import LogisticRegression",
    "from sklearn.ensemble import RandomForestClassifier",
).replace("LogisticRegression()", "RandomForestClassifier(60, random_state=0)")

FRAME_FLOOR = (
    "model = pipeline.load(None, {})\n"
    "frame = pandas.read_csv(source)\n"
    "pipeline.predict(model, frame).to_csv(target, index=False)\n"
)

PACKAGES: dict[str, Mapping[str, str]] = {
    "records": {
        "code": RECORDS,
        "pipeline": 'steps = ["pipeline:convert", "pipeline:judge"]',
        "inputs": 'place = "string"\ncelsius = { type = "float64", min = -100, max = 100 }',
        "outputs": 'fahrenheit = "float64"\nfreezes = "bool"',
        "requirements": "pandas\n",
        "columns": "'place ' || i AS place, (i % 2001) / 10 - 100 AS celsius",
        "floor": (
            "frame = pandas.read_csv(source)\n"
            "answers = []\n"
            "for at in range(0, len(frame), 1000):\n"
            "    rows = frame.iloc[at : at + 1000].to_dict('records')\n"
            "    answers += pipeline.judge(None, pipeline.convert(None, rows))\n"
            "pandas.DataFrame(answers).to_csv(target, index=False)\n"
        ),
    },
    "frame": {
        "code": FRAME,
        "pipeline": 'load = "pipeline:load"\ntakes = "dataframe"\nsteps = ["pipeline:predict"]',
        "inputs": "\n".join(
            [f'n{i} = "float64"' for i in range(6)] + [f't{i} = "string"' for i in range(4)]
        ),
        "outputs": 'score = { type = "float64", rtol = 1e-6 }',
        "requirements": "pandas\nscikit-learn\n",
        "columns": ", ".join(
            [f"hash(i * 6 + {n}) % 10000 / 10000 AS n{n}" for n in range(6)]
            + [f"'v' || hash(i * 4 + {n}) % 20 AS t{n}" for n in range(4)]
        ),
        "floor": FRAME_FLOOR,
    },
}
PACKAGES["trees"] = {**PACKAGES["frame"], "code": TREES}
SHARES = {"trees": 20}
"""Packages that get this part of the rows only."""

FLOOR = """
import sys, pandas
sys.path.insert(0, sys.argv[1])
import pipeline
source, target = sys.argv[2:4]
"""
KETCH = "import sys\nfrom ketch.cli.main import main\nstatus = main(sys.argv[1:])\n"
USED = """
import resource
for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
    used = resource.getrusage(who)
    print(used.ru_maxrss // 1000, used.ru_utime + used.ru_stime, file=sys.stderr)
"""


def main() -> None:
    """Measure every package."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=2_000_000)
    arguments.add_argument("--reps", type=int, default=3)
    arguments.add_argument("--workers", default="1,2")
    arguments.add_argument("--only", choices=PACKAGES)
    arguments.add_argument("--root", type=Path)
    given = arguments.parse_args()
    crews = [int(count) for count in given.workers.split(",")]
    with tempfile.TemporaryDirectory(prefix="bench-predict-", dir=given.root) as folder:
        for name in [given.only] if given.only else PACKAGES:
            rows = given.rows // SHARES.get(name, 1)
            for line in measure(name, Path(folder), rows=rows, reps=given.reps, crews=crews):
                print(json.dumps(line), flush=True)


@dataclass(frozen=True)
class Used:
    """What a process took: seconds, memory, processor time; and its children's, as one."""

    seconds: float
    rss_mb: int
    cpu_s: float
    child_rss_mb: int
    child_cpu_s: float


def measure(
    name: str, root: Path, *, rows: int, reps: int, crews: Sequence[int]
) -> Iterator[dict[str, object]]:
    """Yield how fast one package answers a file with so many workers, beside the floor."""
    package = PACKAGES[name]
    folder, home = author(name, package, root / name), Home(root / "home")
    call(sys.executable, "-c", KETCH, "pack", folder, home=home)
    lock = home.open(Reference.parse(f"{name}:1.0.0")).lock.decode()
    python = home.environments.ensure(Lock.parse(lock)).python
    source = root / f"{name}.csv"
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT {package['columns']} FROM range({rows}) t(i)) TO '{source}' (HEADER)"
        )
    floor = FLOOR + package["floor"] + USED
    floors: list[Used] = []
    ours: dict[int, list[Used]] = {count: [] for count in crews}
    for _ in range(reps):
        floors.append(call(python, "-c", floor, folder, source, root / "floor.csv", home=home))
        for count, runs in ours.items():
            chosen = ["--workers", count] if count else []
            predict = ["predict", f"{name}:1.0.0", source, "-o", root / "ours.csv", *chosen]
            runs.append(call(sys.executable, "-c", KETCH + USED, *predict, home=home))
    best_floor = min(run.seconds for run in floors)
    for count, runs in ours.items():
        best = min(run.seconds for run in runs)
        yield {
            "package": name,
            "workers": count or "chosen",
            "rows": rows,
            "same": same(root / "ours.csv", root / "floor.csv"),
            "rows_per_s": round(rows / best),
            "floor_rows_per_s": round(rows / best_floor),
            "ratio": round(best_floor / best, 3),
            "own_us_a_row": round(min(run.cpu_s for run in runs) / rows * 1e6, 1),
            "workers_us_a_row": round(min(run.child_cpu_s for run in runs) / rows * 1e6, 1),
            "floor_us_a_row": round(min(run.cpu_s for run in floors) / rows * 1e6, 1),
            "rss_mb": max(run.rss_mb for run in runs),
            "worker_rss_mb": max(run.child_rss_mb for run in runs),
            "floor_rss_mb": max(run.rss_mb for run in floors),
        }


def author(name: str, package: Mapping[str, str], folder: Path) -> Path:
    """Write a package folder."""
    (folder / "scenarios").mkdir(parents=True)
    (folder / "README.md").write_text(f"# {name}\n")
    (folder / "pipeline.py").write_text(package["code"])
    (folder / "requirements.txt").write_text(package["requirements"])
    wrong = {"name": "wrong", "inputs": {}, "expected_error": "schema/missing-field"}
    (folder / "scenarios" / "wrong.json").write_text(json.dumps(wrong))
    declared = TOML.format(name=name, python=platform.python_version(), **package)
    (folder / "ketch.toml").write_text(declared)
    return folder


def call(python: object, *arguments: object, home: Home) -> Used:
    """Run Python to its good end; return what it took, of which it printed most last."""
    variables = {**os.environ, "KETCH_HOME": str(home.path), "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    command = [str(part) for part in (python, *arguments)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{command[:3]}: {done.stderr}")
    printed = done.stderr.split()[-4:]
    if "getrusage" not in command[2] or len(printed) < 4:
        return Used(took, 0, 0.0, 0, 0.0)
    rss_mb, cpu_s, child_rss_mb, child_cpu_s = map(float, printed)
    return Used(took, int(rss_mb), cpu_s, int(child_rss_mb), child_cpu_s)


def same(ours: Path, floor: Path) -> bool:
    """Whether both answered the same, but for the last digits of a float."""
    with duckdb.connect() as con:
        sums = [
            con.execute(f"SELECT count(*), sum(COLUMNS(*)::DOUBLE) FROM '{path}'").fetchall()[0]
            for path in (ours, floor)
        ]
    return all(abs(a - b) <= 1e-6 * abs(b) for a, b in zip(*sums, strict=True))


if __name__ == "__main__":
    main()
