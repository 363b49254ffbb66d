"""Answering with a package: files in and out, workers that die, and what is left behind."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

import ketch
from ketch import PackageCodeError, Predictor, Unavailable, UsageError
from ketch.package import Reference
from ketch.runtime import Home
from ketch.schema import Field, Row
from ketch.tables import RowWriter, read_rows

pytestmark = pytest.mark.e2e

KETCH = Path(sys.executable).with_name("ketch")
SRC = Path(__file__).parents[2] / "src"
NAME = "shop:1.0.0"
MANY = 200_000
FORMATS = ("json", "jsonl", "csv", "parquet")

PIPELINE = """
import os


def features(_, rows):
    return [{**row, "size": 1 if row["size"] is None else row["size"]} for row in rows]


def price(_, rows):
    for row in rows:
        if row["name"] == "crash":
            raise RuntimeError("no price for a crash")
        if row["name"] == "die":
            os._exit(9)
    return [{"price": row["size"] * 0.5, "label": row["name"].upper()} for row in rows]
"""
INPUTS = """
name = "string"
size = { type = "int64", nullable = true }
at = "timestamp[us, UTC]"
"""
AT = "2026-01-01T00:00:00Z"
ROWS: list[Row] = [
    {"name": "a", "size": 3, "at": AT},
    {"name": 'Zoë, "b"\n', "size": None, "at": "2026-01-01T00:00:00.25Z"},
]
ANSWERS: list[Row] = [{"price": 1.5, "label": "A"}, {"price": 0.5, "label": 'ZOË, "B"\n'}]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    """A ketch home with a package of two steps, which some names bring down."""
    folder = author(
        tmp_path_factory.mktemp("shop"),
        PIPELINE,
        steps=["pipeline:features", "pipeline:price"],
        inputs=INPUTS,
        outputs='price = "float64"\nlabel = "string"',
        scenarios=[{"inputs": ROWS[0], "expected": ANSWERS[0]}],
    )
    home = Home(tmp_path_factory.mktemp("shop-home"))
    assert ketch.pack(folder, home=home).verified
    return home


@pytest.fixture
def predictor(shop: Home) -> Iterator[Predictor]:
    with ketch.load(NAME, home=shop.path) as loaded:
        yield loaded


def predict(
    shop: Home, *arguments: str | Path, stdin: bytes = b"", status: int = 0
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [KETCH, "predict", NAME, *arguments],
        env={**os.environ, "KETCH_HOME": str(shop.path)},
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == status, done.stderr.decode()
    return done


@pytest.fixture
def fields(shop: Home) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """What the package takes, and what it answers."""
    schema = shop.open(Reference.parse(NAME)).manifest.schema
    return schema.inputs, schema.outputs


def rows_in(path: Path, fields: tuple[Field, ...]) -> list[Row]:
    return [row for batch in read_rows(path, fields) for row in batch.rows]


# ------------------------------------------------------------------ files in and out


def test_an_object_is_answered_with_an_object_and_a_list_with_a_list(shop: Home) -> None:
    one = predict(shop, "-", stdin=json.dumps(ROWS[0]).encode())
    assert json.loads(one.stdout) == ANSWERS[0]
    many = predict(shop, "-", stdin=json.dumps(ROWS).encode())
    assert json.loads(many.stdout) == ANSWERS
    assert predict(shop, "-", stdin=b"[]").stdout == b"[]\n"


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_every_format_is_answered_in_every_format(
    shop: Home, fields: tuple[tuple[Field, ...], ...], tmp_path: Path, source: str, target: str
) -> None:
    with RowWriter(tmp_path / f"rows.{source}", fields[0]) as writer:
        writer.write(ROWS)
    answers = tmp_path / f"answers.{target}"
    done = predict(shop, tmp_path / f"rows.{source}", "-o", answers, "--json")
    assert json.loads(done.stdout) == {"rows": 2, "output": str(answers)}
    assert rows_in(answers, fields[1]) == ANSWERS


@pytest.mark.parametrize("form", FORMATS)
def test_standard_input_may_be_of_every_format(
    shop: Home, fields: tuple[tuple[Field, ...], ...], tmp_path: Path, form: str
) -> None:
    with RowWriter(tmp_path / f"rows.{form}", fields[0]) as writer:
        writer.write(ROWS)
    content = (tmp_path / f"rows.{form}").read_bytes()
    assert json.loads(predict(shop, "-", stdin=content).stdout) == ANSWERS
    named = predict(shop, "-", "--input-format", form, stdin=content)
    assert json.loads(named.stdout) == ANSWERS


MEASURE = """
import resource, sys
from ketch.cli.main import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=sys.stderr)
sys.exit(status)
"""


def peak_bytes(shop: Home, *arguments: str | Path) -> int:
    """Run `ketch predict` and return the most memory that its own process ever held."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, "predict", NAME, *arguments],
        env={**os.environ, "KETCH_HOME": str(shop.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stderr.split()[-1])


def many_rows(path: Path, count: int) -> Path:
    at = f"'{AT}'" if path.suffix == ".csv" else f"TIMESTAMPTZ '{AT}'"
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(
            "COPY (SELECT 'name ' || i AS name, CAST(i AS BIGINT) AS size,"
            f" {at} AS at FROM range({count}) t(i)) TO '{path}'"
        )
    return path


@pytest.mark.parametrize(
    ("source", "target"),
    [("parquet", "parquet"), ("parquet", "csv"), ("csv", "jsonl"), ("csv", "parquet")],
)
def test_many_rows_need_no_more_memory_than_few(
    shop: Home, tmp_path: Path, source: str, target: str
) -> None:
    answers = tmp_path / f"answers.{target}"
    few = peak_bytes(shop, many_rows(tmp_path / f"few.{source}", 2_000), "-o", answers)
    many = peak_bytes(shop, many_rows(tmp_path / f"many.{source}", MANY), "-o", answers)
    assert many < few + 100e6
    reader = {"jsonl": "read_json"}.get(target, f"read_{target}")
    with duckdb.connect() as con:
        [found] = con.execute(
            f"SELECT count(*), sum(price), min(label), max(label) FROM {reader}('{answers}')"
        ).fetchall()
    assert found == (MANY, sum(range(MANY)) * 0.5, "NAME 0", "NAME 99999")


# ------------------------------------------------------------------ nothing half-written


@dataclass(frozen=True)
class Bad:
    """The last line of a file, and how answering the file must end."""

    line: str
    status: int
    code: str


BAD = {
    "a wrong row": Bad(json.dumps({**ROWS[0], "size": 1.5}), 2, "schema/wrong-type"),
    "a torn row": Bad('{"name": "late", "size": ', 2, "json/syntax"),
    "package code raises": Bad(json.dumps({**ROWS[0], "name": "crash"}), 1, "package-code/raised"),
    "the worker dies": Bad(json.dumps({**ROWS[0], "name": "die"}), 3, "worker/died"),
}


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("what", BAD)
def test_an_error_late_in_a_file_leaves_no_answers(
    shop: Home, tmp_path: Path, target: str, what: str
) -> None:
    bad = BAD[what]
    rows = ending_in(bad.line, tmp_path / "rows.jsonl")
    out = tmp_path / "out"
    out.mkdir()
    answers = out / f"answers.{target}"
    done = predict(shop, rows, "-o", answers, "--json", status=bad.status)
    assert json.loads(done.stdout)["code"] == bad.code
    assert list(out.iterdir()) == []
    answers.write_bytes(b"answers of yesterday")
    predict(shop, rows, "-o", answers, status=bad.status)
    assert list(out.iterdir()) == [answers]
    assert answers.read_bytes() == b"answers of yesterday"
    assert left_over(shop) == []


@pytest.mark.parametrize("what", BAD)
def test_an_error_late_in_a_file_prints_no_answers(shop: Home, tmp_path: Path, what: str) -> None:
    """What reads standard output gets all answers, or none: never half a list."""
    rows = ending_in(BAD[what].line, tmp_path / "rows.jsonl")
    assert predict(shop, rows, status=BAD[what].status).stdout == b""


def ending_in(line: str, path: Path) -> Path:
    """Write many good rows and then a bad one, which comes in a batch of its own."""
    path.write_text(f"{json.dumps(ROWS[0])}\n" * 2000 + f"{line}\n")
    return path


def test_a_reader_that_leaves_early_is_no_error_to_report(shop: Home, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(f"{json.dumps(ROWS[0])}\n" * 10_000)  # more than a pipe holds
    done = subprocess.run(
        ["bash", "-c", '"$0" predict "$@" | head -c 20', KETCH, NAME, rows],
        env={**os.environ, "KETCH_HOME": str(shop.path)},
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b'[{"price":1.5,"label', b"")


def test_a_wrong_row_is_named_by_its_line(shop: Home, tmp_path: Path) -> None:
    rows = ending_in(BAD["a wrong row"].line, tmp_path / "rows.jsonl")
    problem = json.loads(predict(shop, rows, "--json", status=2).stdout)
    assert problem["where"] == f"{rows}:2001: size"


def test_an_unknown_suffix_is_refused_before_anything_is_answered(
    shop: Home, tmp_path: Path
) -> None:
    done = predict(shop, "-", "-o", tmp_path / "a.xlsx", "--json", stdin=b"[]", status=2)
    assert json.loads(done.stdout)["code"] == "table/unknown-format"


# ------------------------------------------------------------------ what package code does


def test_an_exception_names_its_step(predictor: Predictor) -> None:
    with pytest.raises(PackageCodeError) as caught:
        predictor([ROWS[0], {**ROWS[0], "name": "crash"}])
    problem = caught.value
    assert (problem.code, problem.where) == ("package-code/raised", "pipeline:price")
    assert problem.message == "`RuntimeError`: no price for a crash"
    assert "pipeline.py" in problem.traceback
    assert not problem.is_refusal
    assert predictor(ROWS[0]) == ANSWERS[0]


def test_the_command_names_the_step_too(shop: Home) -> None:
    row = json.dumps({**ROWS[0], "name": "crash"}).encode()
    said = predict(shop, "-", stdin=row, status=1).stderr.decode()
    assert "no price for a crash" in said
    assert "pipeline:price" in said


def test_a_package_refuses_with_a_value_error(
    tmp_path: Path, home: Home, author: Callable[..., Path]
) -> None:
    """A probe that is answered so counts as survived; any other exception is a crash."""
    pipeline = """
def run(_, rows):
    for row in rows:
        if row["name"] != "Ann":
            raise UnicodeError("nobody here is called that")
    return [{"size": 3} for _ in rows]
"""
    folder = author(
        tmp_path / "picky",
        pipeline,
        name="picky",
        inputs='name = "string"',
        outputs='size = "int64"',
        scenarios=[
            {"inputs": {"name": "Ann"}, "expected": {"size": 3}},
            {"inputs": {"name": "Bob"}, "expected_error": "nobody here"},
        ],
    )
    assert ketch.pack(folder, home=home).verified
    with ketch.load("picky:1.0.0") as picky, pytest.raises(PackageCodeError) as caught:
        picky({"name": "Bob"})
    assert caught.value.is_refusal


# ------------------------------------------------------------------ workers that die


def worker_pid(predictor: Predictor) -> int:
    return predictor._worker.pid


def kill(pid: int) -> None:
    """Kill a process and wait until it is dead; whoever started it may reap it."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_worker_killed_between_calls_is_replaced(predictor: Predictor) -> None:
    before = open_descriptors()
    for _ in range(3):
        assert predictor(ROWS[0]) == ANSWERS[0]
        kill(worker_pid(predictor))
    assert predictor(ROWS) == ANSWERS
    assert open_descriptors() == before
    assert threading.active_count() <= 2, "one thread drains what the worker prints"


def test_a_worker_that_dies_in_a_call_is_replaced(predictor: Predictor) -> None:
    with pytest.raises(Unavailable) as caught:
        predictor({**ROWS[0], "name": "die"})
    assert caught.value.code == "worker/died"
    assert predictor(ROWS[0]) == ANSWERS[0]


def test_wrong_rows_never_reach_the_worker(predictor: Predictor) -> None:
    pid = worker_pid(predictor)
    with pytest.raises(UsageError) as caught:
        predictor([{"name": 1, "size": "x", "at": AT}, {**ROWS[0], "colour": "red"}])
    assert [one.where for one in caught.value.findings] == [
        "rows[0].name",
        "rows[0].size",
        "rows[1].colour",
    ]
    assert worker_pid(predictor) == pid


# ------------------------------------------------------------------ threads


def test_a_package_loaded_in_a_thread_outlives_the_thread(shop: Home) -> None:
    """The kernel's signal for a dead parent follows the thread, not the process."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        predictor = pool.submit(ketch.load, NAME, home=shop.path).result()
    time.sleep(0.2)
    with predictor:
        pid = worker_pid(predictor)
        assert predictor(ROWS[0]) == ANSWERS[0]
        assert worker_pid(predictor) == pid


def test_threads_share_a_package(predictor: Predictor) -> None:
    def ask(number: int) -> Row:
        return predictor({"name": f"n{number}", "size": number, "at": AT})

    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(ask, range(200)))
    assert found == [{"price": n * 0.5, "label": f"N{n}"} for n in range(200)]


# ------------------------------------------------------------------ what is left behind


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def left_over(shop: Home) -> list[Path]:
    return list((shop.path / "run").iterdir())


def test_closing_leaves_nothing_behind(shop: Home) -> None:
    before = open_descriptors()
    predictor = ketch.load(NAME, home=shop.path)
    pid = worker_pid(predictor)
    assert is_running(pid)
    assert len(left_over(shop)) == 1
    predictor.close()
    predictor.close()
    assert not is_running(pid)
    assert left_over(shop) == []
    assert open_descriptors() == before


def test_a_closed_predictor_says_so(shop: Home) -> None:
    predictor = ketch.load(NAME, home=shop.path)
    predictor.close()
    with pytest.raises(Unavailable) as caught:
        predictor(ROWS[0])
    assert (caught.value.code, caught.value.hint) == ("worker/closed", "load it again")
    assert left_over(shop) == []


def test_a_forgotten_predictor_leaves_nothing_behind(shop: Home) -> None:
    predictor = ketch.load(NAME, home=shop.path)
    pid = worker_pid(predictor)
    del predictor
    gc.collect()
    assert not is_running(pid)
    assert left_over(shop) == []


def test_a_package_that_cannot_be_loaded_leaves_nothing_behind(
    shop: Home, tmp_path: Path, author: Callable[..., Path]
) -> None:
    folder = author(
        tmp_path / "broken",
        "raise OSError('not today')\n\n\ndef run(_, rows):\n    return rows\n",
        name="broken",
        inputs='x = "int64"',
        outputs='x = "int64"',
        scenarios=[{"inputs": {"x": 1}, "expected": {"x": 1}}],
    )
    ketch.pack(folder, home=shop, verified=False)
    before = open_descriptors()
    with pytest.raises(PackageCodeError, match="not today") as caught:
        ketch.load("broken:1.0.0", home=shop.path)
    assert caught.value.where == "pipeline:run"
    assert left_over(shop) == [], "while the exception is still held"
    assert open_descriptors() == before


HOLD = """
import sys, time
import ketch
from pathlib import Path
predictor = ketch.load(sys.argv[1], home=Path(sys.argv[2]))
print(predictor._worker.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_the_process_that_loaded_it(shop: Home, ending: signal.Signals) -> None:
    command = [sys.executable, "-c", HOLD, NAME, str(shop.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert is_running(pid)
        process.send_signal(ending)
        process.wait()
    until = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_running(pid)
    for room in left_over(shop):  # `ketch gc` clears it away after an hour
        assert room.name.startswith(f"{process.pid}-")
        old = time.time() - 7200
        os.utime(room, (old, old))
    collect: list[str | Path] = [KETCH, "gc"]
    subprocess.run(collect, env={**os.environ, "KETCH_HOME": str(shop.path)}, check=True)
    assert left_over(shop) == []


# ------------------------------------------------------------------ DataFrames

FRAMES = """
import json, sys
from pathlib import Path
import numpy, pandas, polars
import ketch
from ketch import KetchError

moment = pandas.Timestamp("2026-01-01T00:00:00Z")
good = {"name": ["a", "b"], "size": [3, 4], "at": [moment, moment]}
missing = pandas.array([3, None], dtype="Int64")
frames = {
    "pandas": pandas.DataFrame(good),
    "polars": polars.DataFrame({**good, "at": [moment.to_pydatetime()] * 2}),
    "numpy values": [{"name": numpy.str_("a"), "size": numpy.int64(3), "at": moment},
                     {"name": "b", "size": numpy.uint8(4), "at": moment.to_pydatetime()}],
    "pandas, nullable": pandas.DataFrame({**good, "size": missing}),
    "polars, nullable": polars.DataFrame({**good, "size": [3, None],
                                          "at": [moment.to_pydatetime()] * 2}),
    "pandas, integers beside NaN": pandas.DataFrame({**good, "size": [3, None]}),
    "pandas, no time": pandas.DataFrame({**good, "at": [moment, pandas.NaT]}),
    "pandas, time without zone": pandas.DataFrame({**good, "at": [moment.tz_localize(None)] * 2}),
    "pandas, no name": pandas.DataFrame({**good, "name": ["a", None]}),
    "pandas, another column": pandas.DataFrame({**good, "colour": ["red", "red"]}),
}
found = {}
with ketch.load(sys.argv[1], home=Path(sys.argv[2])) as predictor:
    for name, frame in frames.items():
        try:
            found[name] = [row["price"] for row in predictor(frame)]
        except KetchError as problem:
            found[name] = problem.code
print(json.dumps(found))
"""


def test_data_frames_are_answered_or_refused_as_rows_are(shop: Home, another_python: Path) -> None:
    done = subprocess.run(
        [str(another_python), "-W", "error", "-c", FRAMES, NAME, str(shop.path)],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "pandas": [1.5, 2.0],
        "polars": [1.5, 2.0],
        "numpy values": [1.5, 2.0],
        "pandas, nullable": [1.5, 0.5],
        "polars, nullable": [1.5, 0.5],
        "pandas, integers beside NaN": "schema/wrong-type",
        "pandas, no time": "schema/null",
        "pandas, time without zone": "schema/bad-timestamp",
        "pandas, no name": "schema/null",
        "pandas, another column": "schema/unknown-field",
    }
