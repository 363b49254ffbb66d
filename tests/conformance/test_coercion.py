"""A value means the same at every door, or the same typed error says that it means nothing.

Each case is one that MLflow's own doors were measured to get wrong (3.17.2 and 3.18.0,
``mlflow models serve`` and ``pyfunc.load_model``): a value changed in silence, or passed
at one door and failed at the next. Here a package answers with what it received, and each
case goes through Python, JSON, JSON Lines, CSV and Parquet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

import ketch
from ketch import KetchError, Predictor
from ketch.cli.main import main
from ketch.runtime import Home

ECHO = """
NAMES = ("count", "flag", "label", "ratio", "at", "stock")


def echo(_, rows):
    return [{**row, "kinds": [type(row[name]).__name__ for name in NAMES]} for row in rows]
"""
INPUTS = """
count = "int64"
flag = "bool"
label = "string"
ratio = "float64"
at = "timestamp[us, UTC]"
stock = { type = "int64", nullable = true }
"""
GOOD: dict[str, object] = {
    "count": 3,
    "flag": True,
    "label": "a",
    "ratio": 0.5,
    "at": "2024-01-01T00:00:00Z",
    "stock": 7,
}
KINDS = ["int", "bool", "str", "float", "datetime", "int"]
COLUMNS = {
    "count": "BIGINT",
    "flag": "BOOLEAN",
    "label": "VARCHAR",
    "ratio": "DOUBLE",
    "at": "TIMESTAMPTZ",
    "stock": "BIGINT",
}
DOORS = ("python", "json", "jsonl", "csv", "parquet")


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Path:
    """A ketch home with a package that answers what it received, and of which types."""
    folder = author(
        tmp_path_factory.mktemp("echo"),
        ECHO,
        name="echo",
        steps=["pipeline:echo"],
        inputs=INPUTS,
        outputs=f'{INPUTS}kinds = "list<string>"',
        scenarios=[{"inputs": GOOD, "expected": {**GOOD, "kinds": KINDS}}],
    )
    home = tmp_path_factory.mktemp("echo-home")
    assert ketch.pack(folder, home=Home(home)).verified
    return home


@pytest.fixture(scope="module")
def predictor(echo: Path) -> Iterator[Predictor]:
    with ketch.load("echo:1.0.0", home=echo) as loaded:
        yield loaded


@dataclass(frozen=True)
class Case:
    """One row, or file, that other tools misread.

    Attributes:
        change: What of the good row is changed, in JSON form; ``...`` takes a field away.
        expected: The fields the package must receive, or the code of the error.
        python: The change as Python values, where they differ from JSON form.
        csv: Cells, where they differ from the JSON text of the value.
        parquet: SQL of the columns, where they are not of the declared types.
        at: Error codes of doors whose notation makes another mistake of it.
    """

    change: Mapping[str, object]
    expected: Mapping[str, object] | str
    python: Mapping[str, object] | None = None
    csv: Mapping[str, str] = field(default_factory=dict)
    parquet: Mapping[str, str] = field(default_factory=dict)
    at: Mapping[str, Mapping[str, object] | str] = field(default_factory=dict)

    def row(self, *, python: bool = False) -> dict[str, object]:
        change = self.python if python and self.python is not None else self.change
        return {name: value for name, value in {**GOOD, **change}.items() if value is not ...}


PAST_FLOATS = 2**53 + 1

CASES = {
    "1.7 in an integer": Case(
        {"count": 1.7}, "schema/wrong-type", parquet={"count": "CAST(1.7 AS DOUBLE)"}
    ),
    "1.0 in an integer": Case(
        {"count": 1.0}, "schema/wrong-type", parquet={"count": "CAST(1 AS DOUBLE)"}
    ),
    "an integer that no float holds": Case(
        {"count": PAST_FLOATS}, {"count": PAST_FLOATS, "kinds": KINDS}
    ),
    "an integer that int64 does not hold": Case(
        {"count": 2**63}, "schema/out-of-range", parquet={"count": "CAST(2**63 AS UBIGINT)"}
    ),
    "false as text": Case(
        {"flag": "false"},
        "schema/wrong-type",
        parquet={"flag": "'false'"},
        at={"csv": {"flag": False}},  # all cells are text: this one says what it is
    ),
    "1 in a boolean": Case({"flag": 1}, "schema/wrong-type", parquet={"flag": "1"}),
    "true in an integer": Case({"count": True}, "schema/wrong-type", parquet={"count": "true"}),
    "null in a required boolean": Case({"flag": None}, "schema/null"),
    "null in a required string": Case(
        {"label": None},
        "schema/null",
        at={"csv": {"label": ""}},  # an empty cell is a text, where text must be
    ),
    "null in a required float": Case({"ratio": None}, "schema/null"),
    "null in a nullable integer": Case(
        {"stock": None}, {"stock": None, "kinds": [*KINDS[:5], "NoneType"]}
    ),
    "a large integer that may be null": Case(
        {"stock": PAST_FLOATS}, {"stock": PAST_FLOATS, "kinds": KINDS}
    ),
    "an instant with Z": Case({"at": "2024-01-01T00:00:00Z"}, {"at": "2024-01-01T00:00:00Z"}),
    "an instant with an offset": Case(
        {"at": "2024-01-01T01:00:00+01:00"},
        {"at": "2024-01-01T00:00:00Z"},
        python={"at": datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
        parquet={"at": "TIMESTAMPTZ '2024-01-01 01:00:00+01'"},
    ),
    "an instant with microseconds": Case(
        {"at": "2024-01-01T00:00:00.000001Z"},
        {"at": "2024-01-01T00:00:00.000001Z", "kinds": KINDS},
        python={"at": datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)},
    ),
    "an instant without an offset": Case(
        {"at": "2024-01-01T00:00:00"},
        "schema/bad-timestamp",
        python={"at": datetime(2024, 1, 1)},  # noqa: DTZ001 # the mistake that is tested
        parquet={"at": "TIMESTAMP '2024-01-01 00:00:00'"},
    ),
    "nanoseconds where microseconds are counted": Case(
        {"at": "2024-01-01T00:00:00.000000001Z"},
        "schema/precision",
        parquet={"at": "'2024-01-01T00:00:00.000000001Z'"},
    ),
    "3 in a float": Case(
        {"ratio": 3}, {"ratio": 3.0, "kinds": KINDS}, parquet={"ratio": "CAST(3 AS BIGINT)"}
    ),
    "an integer in a float that cannot hold it": Case(
        {"ratio": PAST_FLOATS},
        "schema/precision",
        parquet={"ratio": f"CAST({PAST_FLOATS} AS BIGINT)"},
    ),
    "a number as text": Case(
        {"ratio": "0.5"},
        "schema/wrong-type",
        parquet={"ratio": "'0.5'"},
        at={"csv": {"ratio": 0.5}},
    ),
    "a number in a string": Case(
        {"label": 7},
        "schema/wrong-type",
        parquet={"label": "7"},
        at={"csv": {"label": "7"}},
    ),
    "NaN": Case(
        {"ratio": float("nan")},
        "schema/not-finite",
        csv={"ratio": "NaN"},
        at={
            "json": "json/syntax",
            "jsonl": "json/syntax",
            "csv": "schema/wrong-type",
        },
    ),
    "a field that nobody declared": Case(
        {"colour": "red"}, "schema/unknown-field", parquet={"colour": "'red'"}
    ),
    "a field in other letters": Case(
        {"ratio": ..., "Ratio": 0.5}, "schema/missing-field", parquet={"Ratio": "0.5"}
    ),
    "a missing field": Case({"label": ...}, "schema/missing-field"),
    "a missing nullable field": Case({"stock": ...}, "schema/missing-field"),
}


Answer = dict[str, object] | str
Through = Callable[[str, Case], Answer]


@pytest.fixture
def through(
    echo: Path,
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Through:
    """Returns what the package received through a door, or the code of the error."""
    monkeypatch.setenv("KETCH_HOME", str(echo))

    def python(case: Case) -> Answer:
        try:
            return predictor(case.row(python=True))
        except KetchError as problem:
            return problem.code

    def file(door: str, case: Case) -> Answer:
        rows, answers = tmp_path / f"rows.{door}", tmp_path / "answers.json"
        WRITERS[door](rows, case)
        status = main(["predict", "echo:1.0.0", str(rows), "-o", str(answers), "--json"])
        said = json.loads(capfd.readouterr().out)
        if status:
            assert not answers.exists()
            return str(said["code"])
        answered = json.loads(answers.read_text())
        answer: dict[str, object] = answered[0] if isinstance(answered, list) else answered
        return answer

    return lambda door, case: python(case) if door == "python" else file(door, case)


def write_json(file: Path, case: Case) -> None:
    file.write_text(json.dumps(case.row()))


def write_csv(file: Path, case: Case) -> None:
    cells = {name: case.csv.get(name, cell(value)) for name, value in case.row().items()}
    file.write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n")


def cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def write_parquet(file: Path, case: Case) -> None:
    columns = []
    values = []
    for name, value in case.row().items():
        if name in case.parquet:
            columns.append(f'{case.parquet[name]} AS "{name}"')
        else:
            columns.append(f'CAST(? AS {COLUMNS[name]}) AS "{name}"')
            values.append(value)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"CREATE TABLE t AS SELECT {', '.join(columns)}", values)
        con.execute(f"COPY t TO '{file}' (FORMAT parquet)")


WRITERS: dict[str, Callable[[Path, Case], None]] = {
    "json": write_json,
    "jsonl": write_json,
    "csv": write_csv,
    "parquet": write_parquet,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", CASES)
def test_a_value_is_right_or_refused_at_every_door(name: str, door: str, through: Through) -> None:
    case = CASES[name]
    expected = case.at.get(door, case.expected)
    found = through(door, case)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
        return
    assert {name: found[name] for name in expected} == expected
    types = {name: type(value) for name, value in expected.items()}
    assert {name: type(found[name]) for name in expected} == types


def test_packages_with_modules_of_one_name_keep_to_their_own(
    tmp_path: Path, home: Home, author: Callable[..., Path]
) -> None:
    """Where models share one process, the second answers with the first one's code."""
    pipeline = (
        "from rules import ANSWER\n\n\ndef run(_, rows):\n    return [{'y': ANSWER}] * len(rows)\n"
    )
    for name, answer in (("first", 1), ("second", 2)):
        folder = author(
            tmp_path / name,
            pipeline,
            name=name,
            inputs='x = "int64"',
            outputs='y = "int64"',
            scenarios=[{"inputs": {"x": 0}, "expected": {"y": answer}}],
            files={"rules.py": f"ANSWER = {answer}\n"},
        )
        assert ketch.pack(folder, home=home).verified
    with ketch.load("first:1.0.0") as first, ketch.load("second:1.0.0") as second:
        assert (first({"x": 0}), second({"x": 0})) == ({"y": 1}, {"y": 2})
        assert (second({"x": 0}), first({"x": 0})) == ({"y": 2}, {"y": 1})
