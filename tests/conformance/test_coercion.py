"""A value means the same at every door, or the same typed error says that it means nothing.

Each case is one that MLflow's own doors were measured to get wrong (3.17.2 and 3.18.0,
``mlflow models serve`` and ``pyfunc.load_model``): a value changed in silence, or passed
at one door and failed at the next. Here a package answers with what it received, and each
case goes through Python, JSON, JSON Lines, CSV, Parquet, a pipe, and a scenario. DataFrames
go through the same cases in ``tests/e2e/test_load.py``, where pandas and polars are.
"""

from __future__ import annotations

import getpass
import io
import json
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

import ketch
from ketch import KetchError, Predictor
from ketch.cli.main import main
from ketch.errors import PackageCodeError
from ketch.package import Package, read_scenarios
from ketch.runtime import Home

ECHO = """
NAMES = ("count", "flag", "label", "ratio", "at", "stock", "local")


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
local = "timestamp[us]"
"""
GOOD: dict[str, object] = {
    "count": 3,
    "flag": True,
    "label": "a",
    "ratio": 0.5,
    "at": "2024-01-01T00:00:00Z",
    "stock": 7,
    "local": "2024-01-01T00:00:00",
}
KINDS = ["int", "bool", "str", "float", "datetime", "int", "datetime"]
COLUMNS = {
    "count": "BIGINT",
    "flag": "BOOLEAN",
    "label": "VARCHAR",
    "ratio": "DOUBLE",
    "at": "TIMESTAMPTZ",
    "stock": "BIGINT",
    "local": "TIMESTAMP",
}
DOORS = ("python", "json", "jsonl", "csv", "parquet", "pipe")


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
        {"stock": None}, {"stock": None, "kinds": [*KINDS[:5], "NoneType", KINDS[6]]}
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
        at={"parquet": "schema/wrong-type"},  # a column without a zone, whatever it holds
    ),
    "a local time": Case(
        {"local": "2024-06-30T23:59:59.5"},
        {"local": "2024-06-30T23:59:59.500", "kinds": KINDS},
    ),
    "a local time with Z": Case(
        {"local": "2024-01-01T00:00:00Z"},
        "schema/bad-timestamp",
        python={"local": datetime(2024, 1, 1, tzinfo=UTC)},
        parquet={"local": "TIMESTAMPTZ '2024-01-01 00:00:00+00'"},
        at={"parquet": "schema/wrong-type"},
    ),
    "a day that is none": Case(
        {"local": "2023-02-29T00:00:00"},
        "schema/bad-timestamp",
        parquet={"local": "'2023-02-29T00:00:00'"},
    ),
    "an integer for an instant": Case(
        {"at": 1704067200},
        "schema/wrong-type",
        parquet={"at": "CAST(1704067200 AS BIGINT)"},
        at={"csv": "schema/bad-timestamp"},
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
    "an integer as text": Case(
        {"count": "3"},
        "schema/wrong-type",
        parquet={"count": "'3'"},
        at={"csv": {"count": 3}},
    ),
    "digits of another script": Case(
        {"count": "\u0663"}, "schema/wrong-type", parquet={"count": "'\u0663'"}
    ),
    "a number with commas": Case(
        {"count": "3,000"},
        "schema/wrong-type",
        csv={"count": '"3,000"'},
        parquet={"count": "'3,000'"},
    ),
    "text in a boolean": Case({"flag": "yes"}, "schema/wrong-type", parquet={"flag": "'yes'"}),
    "an infinite number": Case(
        {"ratio": float("inf")},
        "schema/not-finite",
        csv={"ratio": "inf"},
        at={
            "json": "json/syntax",
            "jsonl": "json/syntax",
            "pipe": "json/syntax",
            "csv": "schema/wrong-type",
        },
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
            "pipe": "json/syntax",
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
        if door == "pipe":
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.read_bytes())))
        source = "-" if door == "pipe" else str(rows)
        status = main(["predict", "echo:1.0.0", source, "-o", str(answers), "--json"])
        said = json.loads(capfd.readouterr().out)
        if status:
            assert not answers.exists()
            return str(said["code"])
        answered = json.loads(answers.read_text())
        answer: dict[str, object] = answered[0] if isinstance(answered, list) else answered
        return answer

    return lambda door, case: python(case) if door == "python" else file(door, case)


@pytest.fixture
def told(
    echo: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Path], str]:
    """Returns the code of the error that a file of wrong inputs gets."""
    monkeypatch.setenv("KETCH_HOME", str(echo))

    def tell(file: Path) -> str:
        assert main(["predict", "echo:1.0.0", str(file), "--json"]) == 2
        return str(json.loads(capfd.readouterr().out)["code"])

    return tell


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
    "pipe": write_json,
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


def test_every_case_is_a_scenario_that_holds(tmp_path: Path, author: Callable[..., Path]) -> None:
    """The door of scenarios reads as the others do; what is refused there is a promise, too."""
    scenarios = []
    for name, case in CASES.items():
        expected = case.at.get("json", case.expected)
        if expected == "json/syntax":
            continue  # no file of JSON can hold it
        if isinstance(expected, str):
            scenarios.append({"name": name, "inputs": case.row(), "expected_error": expected})
        else:
            kinds = expected.get("kinds", KINDS)
            answer = {**case.row(), **expected, "kinds": kinds}
            scenarios.append({"name": name, "inputs": case.row(), "expected": answer})
    folder = author(
        tmp_path / "promised",
        ECHO,
        name="promised",
        steps=["pipeline:echo"],
        inputs=INPUTS,
        outputs=f'{INPUTS}kinds = "list<string>"',
        scenarios=scenarios,
    )
    packed = ketch.pack(folder, home=Home(tmp_path / "home"))
    assert packed.verified, packed.report


NUMBERS = (PAST_FLOATS, None, 7, None, -PAST_FLOATS)


@pytest.mark.parametrize("door", [*DOORS, "scenario"])
def test_a_missing_integer_does_not_make_floats_of_the_others(
    door: str, echo: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column of integers with one missing is a column of floats to other tools, and is
    refused by them, or rounded beyond 53 bits.
    """
    rows = [{**GOOD, "stock": number} for number in NUMBERS]
    monkeypatch.setenv("KETCH_HOME", str(echo))
    file, answers = tmp_path / f"rows.{door}", tmp_path / "answers.json"
    found: Any
    if door == "python":
        found = predictor(rows)
    elif door == "scenario":
        (scenario,) = _scenarios_of_csv(tmp_path, rows, predictor)
        found = predictor(scenario)
    else:
        _write_all(file, door, rows)
        if door == "pipe":
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
        source = "-" if door == "pipe" else str(file)
        assert main(["predict", "echo:1.0.0", source, "-o", str(answers)]) == 0
        found = json.loads(answers.read_text())
    assert [row["stock"] for row in found] == list(NUMBERS)
    assert {type(row["stock"]) for row in found} == {int, type(None)}
    assert [row["kinds"][5] for row in found] == ["int", "NoneType", "int", "NoneType", "int"]


def _write_all(file: Path, door: str, rows: list[dict[str, object]]) -> None:
    if door == "parquet":
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            cast = ", ".join(f'CAST("{name}" AS {COLUMNS[name]}) AS "{name}"' for name in GOOD)
            lines = file.with_suffix(".source")
            lines.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
            columns = ", ".join(f"\"{name}\": 'VARCHAR'" for name in GOOD)
            source = f"read_json('{lines}', format='newline_delimited', columns={{{columns}}})"
            con.execute(f"COPY (SELECT {cast} FROM {source}) TO '{file}' (FORMAT parquet)")
    elif door == "csv":
        cells = [",".join(cell(value) for value in row.values()) for row in rows]
        file.write_text("\n".join([",".join(GOOD), *cells, ""]))
    elif door == "jsonl":
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        file.write_text(json.dumps(rows))


def _scenarios_of_csv(
    folder: Path, rows: list[dict[str, object]], predictor: Predictor
) -> list[list[dict[str, object]]]:
    """Return the inputs of the scenarios that a CSV file of rows makes."""
    (folder / "scenarios").mkdir()
    _write_all(folder / "scenarios" / "missing.csv", "csv", rows)
    scenarios, findings = read_scenarios(folder, predictor.contract.schema)
    assert {finding.code for finding in findings} == {"scenario/no-expectation"}
    return [list(scenario.inputs) for scenario in scenarios]


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("rows.json", '{{{row}, "count": 4}}', "json/duplicate-member"),
        ("rows.jsonl", '{{{row}, "count": 4}}', "json/duplicate-member"),
        ("rows.csv", "{columns},count\n{cells},4\n", "schema/duplicate-column"),
        ("rows.csv", "{columns}\n{cells},4\n", "schema/wrong-cells"),
    ],
)
def test_a_field_that_is_there_twice_is_refused(
    name: str, text: str, code: str, told: Callable[[Path], str], tmp_path: Path
) -> None:
    """Which of the two would be meant? Most readers take the last one, in silence."""
    row = json.dumps(GOOD)[1:-1]
    cells = ",".join(cell(value) for value in GOOD.values())
    (tmp_path / name).write_text(text.format(row=row, columns=",".join(GOOD), cells=cells))
    assert told(tmp_path / name) == code


@pytest.mark.parametrize("door", ["python", "json", "csv"])
def test_an_answer_that_json_cannot_hold_is_an_error_and_is_never_written(
    door: str,
    tmp_path: Path,
    author: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Other tools write a bare ``NaN``, which no JSON reader has to take."""
    pipeline = "def run(_, rows):\n    return [{'y': float(row['x'])} for row in rows]\n"
    folder = author(
        tmp_path / "nan",
        pipeline,
        inputs='x = "string"',
        outputs='y = "float64"',
        scenarios=[{"inputs": {"x": "1"}, "expected": {"y": 1.0}}],
    )
    monkeypatch.setenv("KETCH_HOME", str(tmp_path / "home"))
    assert ketch.pack(folder).verified
    if door == "python":
        with ketch.load("shop:1.0.0") as predict, pytest.raises(PackageCodeError) as caught:
            predict({"x": "nan"})
        assert caught.value.code == "package-code/output"
        return
    rows, answers = tmp_path / f"rows.{door}", tmp_path / "answers.json"
    rows.write_text({"json": '{"x": "nan"}', "csv": "x\nnan\n"}[door])
    capfd.readouterr()
    assert main(["predict", "shop:1.0.0", str(rows), "-o", str(answers), "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["code"] == "package-code/output"
    assert not answers.exists()


@pytest.mark.parametrize(
    "changed",
    [
        "CASE WHEN i = 10500 THEN -1 ELSE i END AS n, TIMESTAMP '2026-01-01' AS at",
        "i AS n, TIMESTAMP '2026-01-01' + INTERVAL (CASE WHEN i = 3 THEN 1 ELSE 0 END) HOUR AS at",
    ],
    ids=["after-row-10000", "only-an-instant"],
)
def test_data_that_differs_anywhere_is_another_package(
    changed: str, tmp_path: Path, author: Callable[..., Path]
) -> None:
    """Other digests of data look at the first 10,000 rows, and leave instants out."""
    right = "i AS n, TIMESTAMP '2026-01-01' AS at"
    packages = [
        _with_sample(tmp_path / name, query, author)
        for name, query in (("a", right), ("b", changed), ("c", right))
    ]
    one, other, again = (package.profiles["training"].digest for package in packages)
    assert one != other
    assert one == again
    assert packages[0].digest != packages[1].digest
    assert packages[0].components["data"] != packages[1].components["data"]
    assert packages[0].digest == packages[2].digest


def _with_sample(folder: Path, query: str, author: Callable[..., Path]) -> Package:
    """Return a package whose data reference has a sample of 11,000 rows."""
    author(
        folder / "project",
        "def run(_, rows):\n    return rows\n",
        inputs='x = "int64"',
        outputs='x = "int64"',
        scenarios=[{"inputs": {"x": 1}, "expected": {"x": 1}}],
        more='[data.training]\nsource = "s3://shop/"\nsample = "data/events.parquet"\n',
    )
    (folder / "project" / "data").mkdir()
    with duckdb.connect() as con:
        target = folder / "project" / "data" / "events.parquet"
        con.execute(f"COPY (SELECT {query} FROM range(11000) t(i)) TO '{target}'")
    return ketch.pack(folder / "project", home=Home(folder / "home"), verified=False).package


def test_a_package_tells_nothing_of_the_machine_that_packed_it(
    tmp_path: Path, author: Callable[..., Path]
) -> None:
    """Models made from code elsewhere carry the absolute path of their source."""
    folder = author(
        tmp_path / "kept-to-ourselves" / "shop",
        "def run(_, rows):\n    return rows\n",
        inputs='x = "int64"',
        outputs='x = "int64"',
        scenarios=[{"inputs": {"x": 1}, "expected": {"x": 1}}],
        files={"model/weights.bin": b"weights", "docs/card.md": "Card.\n"},
    )
    archive = tmp_path / "shop.oci.tar"
    home = Home(tmp_path / "kept-to-ourselves" / "home")
    assert ketch.pack(folder, home=home, archive=archive).verified
    content = archive.read_bytes()
    for word in ("kept-to-ourselves", str(tmp_path), getpass.getuser(), platform.node()):
        assert len(word) < 5 or word.encode() not in content


def test_an_environment_holds_what_was_asked_for_and_ketch_is_not_in_it(
    tmp_path: Path, author: Callable[..., Path]
) -> None:
    """Elsewhere the packaging tool is one of the requirements, and each server installs it."""
    pipeline = """
from importlib.util import find_spec


def run(_, rows):
    return [{"found": find_spec(row["module"]) is not None} for row in rows]
"""
    scenarios = [
        {"inputs": {"module": module}, "expected": {"found": module == "json"}}
        for module in ("json", "ketch", "msgspec", "duckdb", "pip")
    ]
    folder = author(
        tmp_path / "alone",
        pipeline,
        inputs='module = "string"',
        outputs='found = "bool"',
        scenarios=scenarios,
    )
    packed = ketch.pack(folder, home=Home(tmp_path / "home"))
    assert packed.verified, packed.report
    lines = packed.package.lock.decode().splitlines()
    assert lines == ["# ketch lock 1", f"# python {platform.python_version()}"]


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
