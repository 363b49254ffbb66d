"""False alarms, what is found, and what it does: ketch beside Evidently and NannyML.

    uv venv EV && uv pip install --python EV/bin/python evidently==0.7.23 'pandas<3'
    uv venv NM && uv pip install --python NM/bin/python nannyml==0.13.1 'pandas<3' statsmodels
    python bench/drift.py --evidently EV --nannyml NM [--runs 100] [--part PART]

The data sets are those in NannyML's wheel: loans for cars (synthetic, with known drift), the
American Community Survey of Massachusetts, houses in California. Each tool has its defaults
and looks at the same rows; a look of ketch has its profiles made as those of a log are. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.tallies import Writer  # decisions of any time
from tests.unit.monitor.drift.profiled import drift, live, trained

import ketch
import ketch.demo
from ketch.monitor.decisions import Decision, Origin
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.drift import Asked, look
from ketch.monitor.drift.looking import compared
from ketch.package import Reference
from ketch.runtime import Home

FOLDER = "lib/python*/site-packages/nannyml/datasets/data"
LOANS = (
    *("car_value", "salary_range", "debt_to_income_ratio", "loan_length"),
    *("repaid_loan_on_prev_car", "size_of_downpayment", "driver_tenure"),
)
DRIFTED = {"car_value", "salary_range", "loan_length", "repaid_loan_on_prev_car"}
SURVEY = (
    *("AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG"),
    *("MIL", "ANC", "NATIVITY", "DEAR", "DEYE", "DREM", "SEX", "RAC1P"),
)
HOUSES = (
    *("MedInc", "HouseAge", "AveRooms", "AveBedrms"),
    *("Population", "AveOccup", "Latitude", "Longitude"),
)
FILES = {
    "car loans": ("synthetic_car_loan", "csv", LOANS),
    "survey (MA)": ("employment_MA", "pq", SURVEY),
    "houses (CA)": ("california_housing", "csv", HOUSES),
}
TIMES = 10
"""How many times as many rows the reference has as the live side, where nothing drifts."""

Look = Callable[[str, Sequence[tuple[Sequence[int], Sequence[int]]]], Iterator[set[str]]]
"""Yields the drifted fields of pairs of rows, by their numbers in all rows of a data set."""

PEER = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd

def whole(paths):
    read = pd.read_parquet if paths[0].endswith("pq") else pd.read_csv
    return pd.concat([read(path) for path in paths], ignore_index=True)

def evidently(was, now):
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset
    kinds = [name for name in was if was[name].dtype == bool or was[name].dtype.kind not in "if"]
    shape = DataDefinition(
        categorical_columns=kinds, numerical_columns=[n for n in was if n not in kinds])
    sides = [Dataset.from_pandas(one, data_definition=shape) for one in (now, was)]
    found = Report([DataDriftPreset()]).run(*sides).dict()["metrics"]
    names = []
    for one in found:
        config = one["config"]
        if "column" in config:
            is_p = "p_value" in config["method"]
            value, edge = float(one["value"]), config["threshold"]
            if value < edge if is_p else value >= edge:
                names.append(config["column"])
    return names

def nannyml(was, now):
    import nannyml as nml
    kinds = [name for name in was if was[name].dtype == bool or was[name].dtype.kind not in "if"]
    looks = nml.UnivariateDriftCalculator(
        column_names=list(was), treat_as_categorical=kinds, chunk_size=len(now)).fit(was)
    table = looks.calculate(now).filter(period="analysis").to_df()
    return [n for n in was if any(bool(table[n, m, "alert"].iloc[0])
            for m in {method for name, method, *_ in table.columns if name == n})]

tool, paths, names = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
rows = whole(paths)[names]
rows = rows.astype({name: str for name in rows if rows[name].dtype == "category"})
for line in sys.stdin:
    was, now = json.loads(line)
    pair = rows.iloc[was].reset_index(drop=True), rows.iloc[now].reset_index(drop=True)
    found = {"evidently": evidently, "nannyml": nannyml}[tool](*pair)
    print(json.dumps(found), flush=True)
"""


class Data:
    """A data set: its reference and its later rows, as one list."""

    def __init__(self, folder: Path, name: str) -> None:
        stem, kind, self.names = FILES[name]
        self.paths = [str(folder / f"{stem}_{part}.{kind}") for part in ("reference", "analysis")]
        self.columns: dict[str, list[object]] = {one: [] for one in self.names}
        self.counts = []
        chosen = ", ".join(self.names)
        for path in self.paths:
            source = f"read_{'parquet' if kind == 'pq' else 'csv'}('{path}')"
            asked = duckdb.connect().execute(f"SELECT {chosen} FROM {source}")
            rows = asked.fetchall()
            self.counts.append(len(rows))
            for at, one in enumerate(self.names):
                self.columns[one] += [row[at] for row in rows]

    def rows(self, numbers: Sequence[int]) -> dict[str, list[object]]:
        return {name: [values[at] for at in numbers] for name, values in self.columns.items()}


class Ketch:
    """ketch: profiles of both sides, held against each other."""

    name = "ketch"

    def __init__(self, data: Data) -> None:
        self._data = data

    def looks(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[set[str]]:
        for was, now in pairs:
            found = drift(self._data.rows(was), self._data.rows(now))
            yield {name for name, one in found.items() if one.drifted}


class Peer:
    """Another tool, in a Python of its own."""

    def __init__(self, name: str, python: Path, data: Data) -> None:
        self.name = name
        self._command = [str(python), "-c", PEER, name, json.dumps(data.paths)]
        self._names = json.dumps(data.names)

    def looks(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[set[str]]:
        told = "".join(f"{json.dumps(pair)}\n" for pair in pairs)
        done = subprocess.run(
            [*self._command, self._names], input=told, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        for line in done.stdout.splitlines():
            if line.startswith("["):
                yield set(json.loads(line))


def halves(rows: int, count: int, runs: int) -> list[tuple[list[int], list[int]]]:
    """Return rows dealt out at random: nothing drifts between them."""
    draw = np.random.default_rng(17)
    pairs = []
    for _ in range(runs):
        dealt = draw.permutation(rows)[: count * (TIMES + 1)].tolist()
        pairs.append((dealt[count:], dealt[:count]))
    return pairs


def no_drift(folder: Path, tools: Callable[[Data], list[Ketch | Peer]], runs: int) -> None:
    print("\n| nothing drifts | fields | live rows | looks |", end="")
    print(" ketch | Evidently | NannyML |\n|---|---|---|---|---|---|---|")
    for name in FILES:
        data = Data(folder, name)
        for count in (500, 2_000, 4_000):
            if count * (TIMES + 1) > data.counts[0]:
                continue
            pairs = halves(data.counts[0], count, runs)
            alarms = [sum(map(bool, tool.looks(pairs))) for tool in tools(data)]
            told = " | ".join(f"{100 * one / runs:.0f} %" for one in alarms)
            print(f"| {name} | {len(data.names)} | {count:,} | {runs} | {told} |", flush=True)


def units(runs: int) -> None:
    """Halves of the customers of a shop: rows of one are alike, and drawn together."""
    lines = Path(ketch.demo.__file__).parent / "data" / "lines.parquet"
    names = ("quantity", "price", "country", "hour", "weekday")
    rows = duckdb.connect().execute(
        "SELECT quantity, price, country, hour(invoice_date), dayname(invoice_date), customer_id"
        f" FROM '{lines}' WHERE invoice % 10 = 3"
    )
    customers: dict[object, list[tuple[object, ...]]] = {}
    for row in rows.fetchall():
        customers.setdefault(row[-1], []).append(row)
    draw, everybody = np.random.default_rng(5), list(customers)
    each = once = 0
    for _ in range(runs):
        order = draw.permutation(len(everybody)).tolist()
        halves = [[customers[everybody[at]] for at in some] for some in np.array_split(order, 2)]
        sides = [
            {name: [row[at] for mine in half for row in mine] for at, name in enumerate(names)}
            for half in halves
        ]
        counts = [np.array([len(mine) for mine in half]) for half in halves]
        repeats = [float((one**2).sum() / one.sum()) for one in counts]
        references = trained(sides[0])
        each += any(one.drifted for one in compared(live(sides[1]), references, 1)[0])
        known = {key: replace(one, repeats=repeats[0]) for key, one in references.items()}
        once += any(one.drifted for one in compared(live(sides[1]), known, repeats[1])[0])
    print("\n| halves of the customers | looks | every row counts | rows count as units |")
    print("|---|---|---|---|")
    told = f"{100 * each / runs:.0f} % | {100 * once / runs:.0f} %"
    print(f"| retail, {len(everybody):,} customers | {runs} | {told} |", flush=True)


def known_drift(folder: Path, tools: Callable[[Data], list[Ketch | Peer]]) -> None:
    """The loans: ten chunks of 5,000, of which the last five have four fields that drifted."""
    data = Data(folder, "car loans")
    was = list(range(data.counts[0]))
    starts = range(data.counts[0], sum(data.counts), 5_000)
    pairs = [(was, list(range(at, at + 5_000))) for at in starts]
    print("\n| car loans, ten chunks | found of 20 | false of 50 | seconds |\n|---|---|---|---|")
    for tool in tools(data):
        began = time.monotonic()
        found = list(tool.looks(pairs))
        took = time.monotonic() - began
        right = sum(len(one & DRIFTED) for one in found[5:])
        wrong = sum(map(len, found[:5])) + sum(len(one - DRIFTED) for one in found[5:])
        print(f"| {tool.name} | {right} | {wrong} | {took:.1f} |", flush=True)


PIPELINE = """
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

NAMES = {names}


def load(model_dir, params):
    data = np.load(Path(model_dir) / "train.npz")
    return HistGradientBoostingClassifier(random_state=0).fit(data["x"], data["y"])


def run(model, rows):
    x = np.array([[float(row[name]) for name in NAMES] for row in rows])
    return [{{"score": float(one)}} for one in model.predict_proba(x)[:, 1]]
"""


def packed(home: Home, folder: Path, data: Path) -> None:
    """Pack a model of who works, trained on 2015, with that year's sample."""
    source = f"read_parquet('{data / 'employment_MA_reference.pq'}')"
    con = duckdb.connect()
    rows = con.execute(f"SELECT {', '.join(SURVEY)}, employed FROM {source}").fetchall()
    table = np.array([[float(one) for one in row] for row in rows])
    (folder / "model").mkdir(parents=True)
    (folder / "scenarios").mkdir()
    np.savez_compressed(folder / "model" / "train.npz", x=table[:, :-1], y=table[:, -1])
    chosen = f"SELECT {', '.join(SURVEY)} FROM {source}"
    con.execute(f"COPY ({chosen}) TO '{folder / 'sample.parquet'}'")
    types = {name: "float64" if name == "AGEP" else "string" for name in SURVEY}
    first = dict(zip(SURVEY, rows[0], strict=False))
    declared = f"""
[package]
name = "worker"
version = "1.0.0"
owner = "bench@lab.example"
[pipeline]
load = "pipeline:load"
steps = ["pipeline:run"]
[environment]
python = "3.11"
[inputs]
{chr(10).join(f'{name} = "{kind}"' for name, kind in types.items())}
[outputs]
score = {{ type = "float64", atol = 1.0 }}
[data.census]
source = "https://www.census.gov/programs-surveys/acs"
sample = "sample.parquet"
"""
    scenario = {"name": "first", "inputs": first, "expected": {"score": 0.1}}
    for path, text in {
        "ketch.toml": declared,
        "README.md": "# Who works\n\nFor a benchmark.\n",
        "requirements.txt": "scikit-learn\n",
        "pipeline.py": PIPELINE.format(names=SURVEY),
        "scenarios/all.jsonl": json.dumps(scenario) + "\n",
    }.items():
        (folder / path).write_text(text)
    assert ketch.pack(folder, home=home).verified


def logged(home: Home, data: Path, change: Callable[[dict[str, object]], None], day: int) -> Asked:
    """Write 20,000 answers of 2018 to the log, changed or not; return how to look at them."""
    source = f"read_parquet('{data / 'employment_MA_analysis.pq'}')"
    asked = (
        f"SELECT {', '.join(SURVEY)} FROM {source} WHERE year = 2018 ORDER BY hash(id) LIMIT 20000"
    )
    rows = [
        dict(zip(SURVEY, row, strict=True)) for row in duckdb.connect().execute(asked).fetchall()
    ]
    for row in rows:
        change(row)
    package = home.open(Reference.parse("worker:1.0.0"))
    origin = Origin("work", "worker:1.0.0", str(package.digest), "prod", "prod=1000000")
    begin = datetime(2026, 3, day, tzinfo=UTC)
    with ketch.load("worker:1.0.0", home=home) as score:
        answers = score(rows)
    decisions = []
    for at, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        time = moment_of(begin + timedelta(hours=8) * at / len(rows))
        identity = f"{time:016x}{0x8000000000000000 + at:016x}"
        asks, says = (json.dumps(one).encode() for one in (row, answer))
        decisions.append(Decision(identity, origin, asks, says, unit=str(at)))
    Writer(home.path / "decisions", f"8{day:015d}").write(decisions)
    return Asked(begin, begin + timedelta(hours=8))


def effects(folder: Path) -> None:
    """Which drift moves the answers, beside how far each field moved."""
    place = Path(tempfile.mkdtemp(prefix="drift-"))
    try:
        home = Home(place / "home")
        packed(home, place / "worker", folder)

        def planted(row: dict[str, object]) -> None:
            row["AGEP"] = float(str(row["AGEP"])) + 5
            row["ANC"] = "4"

        for day, what, change in ((2, "2018 as it was", lambda _: None), (3, "planted", planted)):
            asked = logged(home, folder, change, day)
            package = home.open(Reference.parse("worker:1.0.0"))
            began = time.monotonic()
            found = look([home.path / "decisions"], "work", package, home, asked)
            took = time.monotonic() - began
            print(f"\n{what} ({took:.1f} s)\n\n| field | measure | value | moves the score by |")
            print("|---|---|---|---|")
            for one in (one for one in found.fields if one.drifted and one.side == "input"):
                effect = "" if one.effect is None else f"{one.effect.value:.4f}"
                print(f"| {one.name} | {one.main.measure} | {one.main.value:.3f} | {effect} |")
            if not found.drifted:
                still = ((one.main.value, one.name) for one in found.fields)
                print(f"\nnothing drifted; farthest: {max(still)}")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evidently", type=Path, required=True)
    parser.add_argument("--nannyml", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--part", choices=("halves", "found", "effects", "units"))
    given = parser.parse_args()
    folder = next(given.nannyml.glob(FOLDER))

    def tools(data: Data) -> list[Ketch | Peer]:
        pythons: Mapping[str, Path] = {
            "evidently": given.evidently / "bin" / "python",
            "nannyml": given.nannyml / "bin" / "python",
        }
        return [Ketch(data), *(Peer(name, one, data) for name, one in pythons.items())]

    if given.part in (None, "found"):
        known_drift(folder, tools)
    if given.part in (None, "effects"):
        effects(folder)
    if given.part in (None, "units"):
        units(given.runs)
    if given.part in (None, "halves"):
        no_drift(folder, tools, given.runs)


if __name__ == "__main__":
    main()
