"""Answering files with a package: what goes in, what comes out, and what is left behind."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from tests.shop import (
    ANSWERS,
    AT,
    KETCH,
    NAME,
    ROWS,
    children,
    in_home,
    is_running,
    left_over,
    open_shop,
    run_ketch,
)

import ketch
from ketch import Unavailable
from ketch.package import Reference
from ketch.runtime import Home, answer_file, batch
from ketch.schema import Field, Row
from ketch.tables.read import read_rows
from ketch.tables.write import RowWriter

pytestmark = pytest.mark.e2e

MANY = 200_000
FORMATS = ("json", "jsonl", "csv", "parquet")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    """A ketch home with a package of two steps, which some names bring down."""
    return open_shop(tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("home"), author)


def predict(
    shop: Home, *arguments: str | Path, stdin: bytes = b"", status: int = 0
) -> subprocess.CompletedProcess[bytes]:
    return run_ketch(shop, "predict", NAME, *arguments, stdin=stdin, status=status)


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


@pytest.mark.parametrize("form", FORMATS)
def test_standard_output_may_be_of_every_format(
    shop: Home, fields: tuple[tuple[Field, ...], ...], tmp_path: Path, form: str
) -> None:
    rows = json.dumps(ROWS).encode()
    printed = predict(shop, "-", "--output-format", form, stdin=rows).stdout
    (tmp_path / f"answers.{form}").write_bytes(printed)
    assert rows_in(tmp_path / f"answers.{form}", fields[1]) == ANSWERS


MEASURE = """
import os, resource, sys, threading, time
from pathlib import Path
from ketch.cli.main import main

peaks = [0]

def watch():
    # What the kernel keeps of children that ended counts the parent they were forked from.
    while True:
        for task in Path("/proc/self/task").glob("*/children"):
            for child in task.read_text().split():
                try:
                    if b"worker.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                        lines = Path(f"/proc/{child}/status").read_text().splitlines()
                        peak = next(line for line in lines if line.startswith("VmHWM"))
                        peaks.append(int(peak.split()[1]) * 1024)
                except (OSError, StopIteration):
                    pass
        time.sleep(0.02)

threading.Thread(target=watch, daemon=True).start()
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=sys.stderr)
print(max(peaks), file=sys.stderr)
sys.exit(status)
"""


def peak_bytes(shop: Home, *arguments: str | Path) -> tuple[int, int]:
    """Run `ketch predict`; return the most memory that it and any worker ever held."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, "predict", NAME, *arguments],
        env=in_home(shop),
        capture_output=True,
        text=True,
        check=True,
    )
    own, worker = map(int, done.stderr.split()[-2:])
    return own, worker


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
    one = ("--workers", "1", "-o", answers)  # a later one is born as large as what forks it
    few = peak_bytes(shop, many_rows(tmp_path / f"few.{source}", 2_000), *one)
    many = peak_bytes(shop, many_rows(tmp_path / f"many.{source}", MANY), *one)
    assert many[0] < few[0] + 100e6
    assert many[1] < few[1] + 20e6
    reader = {"jsonl": "read_json"}.get(target, f"read_{target}")
    with duckdb.connect() as con:
        [found] = con.execute(
            f"SELECT count(*), sum(price), min(label), max(label) FROM {reader}('{answers}')"
        ).fetchall()
    assert found == (MANY, sum(range(MANY)) * 0.5, "NAME 0", "NAME 99999")


def test_rows_larger_than_any_call_are_answered(shop: Home, tmp_path: Path) -> None:
    """A thousand of them at once would be more than the worker may be sent."""
    rows, answers = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    with rows.open("w") as file:
        for size in range(40):
            file.write(json.dumps({"name": "n" * 8_000_000, "size": size, "at": AT}) + "\n")
    predict(shop, rows, "-o", answers)
    with answers.open() as lines:
        assert [json.loads(line)["price"] for line in lines] == [n * 0.5 for n in range(40)]


COUNTING = """
import time


def run(_, rows):
    time.sleep(sum(row["seconds"] for row in rows))
    return [{"rows": len(rows)} for _ in rows]
"""


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    """A package that says how many rows it was asked at once, and takes its time."""
    folder = author(
        tmp_path_factory.mktemp("counting"),
        COUNTING,
        name="counting",
        inputs='seconds = { type = "float64", min = 0, max = 9 }',
        outputs='rows = "int64"',
        scenarios=[{"inputs": {"seconds": 0}, "expected": {"rows": 1}}],
    )
    home = Home(tmp_path_factory.mktemp("counting-home"))
    ketch.pack(folder, home=home, verified=False)
    return home


def test_the_package_gets_as_many_rows_at_once_as_are_asked_for(
    counting: Home, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"seconds": 0}\n' * 2500)
    asked: list[str | Path] = ["predict", "counting:1.0.0", rows]
    found = [row["rows"] for row in json.loads(run_ketch(counting, *asked).stdout)]
    assert found == [1000] * 2000 + [500] * 500
    found = json.loads(run_ketch(counting, *asked, "--batch-rows", "700").stdout)
    assert [row["rows"] for row in found] == [700] * 2100 + [400] * 400
    done = run_ketch(counting, *asked, "--batch-rows", "0", status=2)
    assert b"expected at least `1` row at a time, found `0`" in done.stderr


def test_a_package_that_takes_a_frame_gets_more_rows_at_once(
    tmp_path: Path, home: Home, author: Callable[..., Path]
) -> None:
    """What a DataFrame costs is in each call, whatever it holds."""
    folder = author(
        tmp_path / "frames",
        "def run(_, frame):\n    return {'rows': [len(frame)] * len(frame)}\n",
        name="frames",
        inputs='x = "int64"',
        outputs='rows = "int64"',
        scenarios=[{"inputs": {"x": 0}, "expected": {"rows": 1}}],
        files={"requirements.txt": "pandas\n"},
    )
    declared = (folder / "ketch.toml").read_text()
    (folder / "ketch.toml").write_text(
        declared.replace("[pipeline]\n", '[pipeline]\ntakes = "dataframe"\n')
    )
    ketch.pack(folder, home=home, verified=False)
    rows = tmp_path / "rows.csv"
    rows.write_text("x\n" + "1\n" * 6000)
    done = run_ketch(home, "predict", "frames:1.0.0", rows)
    assert [row["rows"] for row in json.loads(done.stdout)] == [5000] * 5000 + [1000] * 1000


def test_each_row_gives_a_slow_package_more_time(
    counting: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, answers = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows.write_text('{"seconds": 0.05}\n' * 40)
    monkeypatch.setattr(batch, "DEADLINE_S", 0.4)
    monkeypatch.setattr(batch, "ROW_DEADLINE_S", 0.1)
    with ketch.load("counting:1.0.0", home=counting.path) as slow:
        assert answer_file(slow, rows, answers, batch_rows=20).rows == 40
        monkeypatch.setattr(batch, "ROW_DEADLINE_S", 0.01)
        with pytest.raises(Unavailable) as caught:
            answer_file(slow, rows, answers, batch_rows=20)
    assert caught.value.code == "worker/deadline"
    assert str(caught.value.hint).splitlines()[:2] == [
        f"it was answering `{rows}:1` to `{rows}:20`; no answers were written",
        "a slow package needs fewer rows at a time: `--batch-rows`",
    ]


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
        env=in_home(shop),
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b'[{"price":1.5,"label', b"")


def test_a_wrong_row_is_named_by_its_line(shop: Home, tmp_path: Path) -> None:
    rows = ending_in(BAD["a wrong row"].line, tmp_path / "rows.jsonl")
    problem = json.loads(predict(shop, rows, "--json", status=2).stdout)
    assert problem["where"] == f"{rows}:2001: size"


@pytest.mark.parametrize("form", FORMATS)
def test_every_wrong_row_among_ten_thousand_is_named(
    shop: Home, fields: tuple[tuple[Field, ...], ...], tmp_path: Path, form: str
) -> None:
    wrong = {17: -1, 4321: -2, 9999: -3}
    rows = tmp_path / f"rows.{form}"
    anything = [Field(field.name, field.type) for field in fields[0]]
    with RowWriter(rows, anything) as writer:
        writer.write({**ROWS[0], "size": wrong.get(row, row)} for row in range(1, 10_001))
    answers = tmp_path / "answers.csv"
    answers.write_text("answers of yesterday")
    done = predict(shop, rows, "-o", answers, "--json", status=2)
    problem = json.loads(done.stdout)
    assert problem["title"] == "expected rows as declared, found 3 of 10,000 wrong"
    place = {"jsonl": ":{}", "csv": ":{}"}.get(form, ": row {}")
    shift = 1 if form == "csv" else 0
    assert problem["findings"] == [
        {
            "code": "schema/out-of-range",
            "message": f"expected at least `0`, found `{size}`",
            "where": f"{rows}{place.format(row + shift)}: size",
            "blocks": True,
        }
        for row, size in wrong.items()
    ]
    assert answers.read_text() == "answers of yesterday"


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("name", "alone"), [("crash", True), ("refuse", True), ("die", False)])
def test_the_row_is_named_at_which_package_code_fails(
    shop: Home, tmp_path: Path, name: str, workers: str, *, alone: bool
) -> None:
    rows = tmp_path / "rows.csv"
    lines = [f"n{row},1,{AT}" for row in range(3000)]
    lines[2345] = f"{name},1,{AT}"
    rows.write_text("\n".join(["name,size,at", *lines, ""]))
    status = 3 if name == "die" else 1
    done = predict(shop, rows, "--json", "--workers", workers, status=status)
    problem = json.loads(done.stdout)
    named = f"`{rows}:2347`" if alone else f"`{rows}:2002` to `{rows}:3001`"
    assert problem["hint"] == f"it was answering {named}; no answers were written"
    assert problem["where"] == "pipeline:price"


# ------------------------------------------------------------------ stopped on the way


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("target", ["csv", "parquet", None])
def test_who_stops_it_finds_nothing_left(
    shop: Home, tmp_path: Path, stop: signal.Signals, target: str | None
) -> None:
    rows = many_rows(tmp_path / "rows.csv", MANY)
    out, temporary = tmp_path / "out", tmp_path / "temporary"
    out.mkdir()
    temporary.mkdir()
    asked: list[str | Path] = ["-o", out / f"answers.{target}"] if target else []
    process = subprocess.Popen(
        [KETCH, "predict", NAME, rows, *asked],
        env=in_home(shop, TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    workers = await_worker(process)
    await_answers(out, temporary)
    process.send_signal(stop)
    printed, said = process.communicate(timeout=10)
    assert (process.returncode, printed, said) == (128 + stop, b"", b"stopped\n")
    assert not any(is_running(worker) for worker in workers)
    assert [*out.iterdir(), *temporary.iterdir(), *left_over(shop)] == []


def await_worker(process: subprocess.Popen[bytes], count: int = 1) -> list[int]:
    """Return the workers once there are so many, the oldest first."""
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        workers = sorted(pid for pid in children(process.pid) if is_worker(pid))
        if len(workers) == count:
            return workers
        time.sleep(0.01)
    pytest.fail("no worker was started")


def is_worker(pid: int) -> bool:
    """Whether a process is a worker, and not about to become one."""
    try:
        return b"worker.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def await_answers(*folders: Path) -> None:
    """Wait until some answers are on the disk, wherever they are before all are there."""
    until = time.monotonic() + 20
    while not any(has_content(path) for folder in folders for path in folder.rglob("*")):
        assert time.monotonic() < until
        time.sleep(0.01)


def has_content(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except FileNotFoundError:  # meanwhile
        return False


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_it_ends_every_worker(
    counting: Home, tmp_path: Path, stop: signal.Signals
) -> None:
    process = asked_of_two(counting, tmp_path, rows=10_000)
    workers = await_worker(process, 2)
    process.send_signal(stop)
    assert process.wait(10) in (128 + stop, -stop)
    until = time.monotonic() + 5
    while any(map(is_running, workers)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(map(is_running, workers))
    assert not (tmp_path / "answers.csv").exists()


def test_two_workers_answer_in_order_also_when_one_is_killed(
    counting: Home, tmp_path: Path
) -> None:
    process = asked_of_two(counting, tmp_path, rows=60)
    os.kill(await_worker(process, 2)[0], signal.SIGKILL)
    assert process.wait(30) == 0
    answers = (tmp_path / "answers.csv").read_text().split()[1:]
    assert answers == ["7"] * 56 + ["4"] * 4


def asked_of_two(counting: Home, folder: Path, rows: int) -> subprocess.Popen[bytes]:
    """Begin to answer rows of a twentieth of a second, seven at a time."""
    (folder / "rows.jsonl").write_text('{"seconds": 0.05}\n' * rows)
    asked: list[str | Path] = [
        "counting:1.0.0",
        folder / "rows.jsonl",
        "-o",
        folder / "answers.csv",
    ]
    return subprocess.Popen(
        [KETCH, "predict", *asked, "--workers", "2", "--batch-rows", "7"],
        env=in_home(counting),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def test_no_worker_at_all_is_refused_before_the_package_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n")
    asked: list[str | Path] = ["predict", "none:1.0.0", tmp_path / "rows.csv", "--workers", "0"]
    done = run_ketch(Home(tmp_path / "home"), *asked, status=2)
    assert b"expected at least `1` worker, found `0`" in done.stderr


# ------------------------------------------------------------------ conversation


def test_progress_is_shown_on_a_terminal_only(shop: Home, tmp_path: Path) -> None:
    rows = many_rows(tmp_path / "rows.csv", 20_000)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [KETCH, "predict", NAME, rows.name],
        cwd=tmp_path,
        env=in_home(shop, TERM="xterm", COLUMNS="100"),
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    assert len(json.loads(process.communicate()[0])) == 20_000
    shown = b""
    while part := read_terminal(ours):
        shown += part
    os.close(ours)
    assert b"answering rows.csv" in shown
    assert re.search(rb"[0-9,]+ rows, [0-9,]+ rows/s", shown)
    quiet = predict(shop, rows, "-o", tmp_path / "answers.csv")
    assert (quiet.stdout, quiet.stderr) == (
        f"20,000 rows answered in {tmp_path / 'answers.csv'}\n".encode(),
        b"",
    )


def read_terminal(fd: int) -> bytes:
    try:
        return os.read(fd, 65_536)
    except OSError:  # how Linux says that the other side has hung up
        return b""


def test_the_command_names_the_step(shop: Home) -> None:
    row = json.dumps({**ROWS[0], "name": "crash"}).encode()
    said = predict(shop, "-", stdin=row, status=1).stderr.decode()
    assert "no price for a crash" in said
    assert "pipeline:price" in said


def test_an_unknown_suffix_is_refused_before_anything_is_answered(
    shop: Home, tmp_path: Path
) -> None:
    done = predict(shop, "-", "-o", tmp_path / "a.xlsx", "--json", stdin=b"[]", status=2)
    assert json.loads(done.stdout)["code"] == "table/unknown-format"
