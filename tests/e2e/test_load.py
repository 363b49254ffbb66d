"""A package loaded in Python: as a notebook uses it, and what it leaves behind."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import json
import os
import pickle
import pydoc
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.shop import ANSWERS, AT, KETCH, NAME, ROWS, in_home, is_running, left_over, open_shop

import ketch
from ketch import PackageCodeError, Predictor, Unavailable, UsageError
from ketch.runtime import Home
from ketch.runtime import predictor as predictors
from ketch.schema import Row

pytestmark = pytest.mark.e2e

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    """A ketch home with a package of two steps, which some names bring down."""
    return open_shop(tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("home"), author)


@pytest.fixture
def predictor(shop: Home) -> Iterator[Predictor]:
    with ketch.load(NAME, home=shop.path) as loaded:
        yield loaded


# ------------------------------------------------------------------ what it is called with


def test_it_is_called_with_names_a_row_or_rows(predictor: Predictor) -> None:
    assert predictor(name="a", size=3, at=AT) == ANSWERS[0]
    assert predictor(ROWS[0]) == ANSWERS[0]
    assert predictor(ROWS) == ANSWERS
    assert predictor(row for row in ROWS) == ANSWERS
    assert predictor([]) == []


def test_paths_may_be_text(tmp_path: Path, author: Callable[..., Path]) -> None:
    """As a notebook writes them."""
    home = open_shop(tmp_path / "shop", tmp_path / "home", author)
    again = ketch.pack(str(tmp_path / "shop"), home=home, verified=False)
    with ketch.load(NAME, home=str(tmp_path / "home")) as loaded:
        assert loaded.digest == again.package.digest


@pytest.mark.parametrize("size", [0, 1, 24, 25])
def test_more_rows_than_one_call_takes_are_answered_in_order(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(predictors, "MOST_ROWS", 8)
    rows = [{"name": "n", "size": number, "at": AT} for number in range(size)]
    assert [row["price"] for row in predictor(rows)] == [number * 0.5 for number in range(size)]


def test_rows_and_names_together_are_refused(predictor: Predictor) -> None:
    with pytest.raises(UsageError, match="expected rows or named values, found both"):
        predictor(ROWS[0], size=3)  # type: ignore[call-overload] # that is the point


@pytest.mark.parametrize("nothing", [None, "a", 7, {1: 2}, [None], [["a", 3, AT]]])
def test_what_holds_no_rows_is_a_typed_error(predictor: Predictor, nothing: object) -> None:
    with pytest.raises(UsageError) as caught:
        predictor(nothing)  # type: ignore[call-overload] # that is the point
    assert caught.value.code.startswith("schema/")


# ------------------------------------------------------------------ what it tells of itself


def test_its_signature_names_inputs_and_outputs(predictor: Predictor) -> None:
    found = inspect.signature(predictor)
    assert str(found) == (
        "(*, name: string, size: int64?, at: timestamp[us, UTC]) -> {price: float64, label: string}"
    )
    assert list(found.parameters) == ["name", "size", "at"]


def test_help_shows_what_goes_in_and_what_comes_out(predictor: Predictor) -> None:
    said = pydoc.plain(pydoc.render_doc(predictor))
    assert re.search(r"name +string +What it says on the box", said)
    assert re.search(r"size +int64\? +min 0", said)
    assert re.search(r"price +float64", said)
    assert str(predictor.digest) in said


def test_a_line_says_what_it_is(predictor: Predictor) -> None:
    assert repr(predictor) == (
        "<shop:1.0.0 (name: string, size: int64?, at: timestamp[us, UTC])"
        " → (price: float64, label: string)>"
    )


def test_a_field_that_is_no_python_name_is_given_in_a_mapping(
    home: Home, tmp_path: Path, author: Callable[..., Path]
) -> None:
    folder = author(
        tmp_path / "odd",
        "def run(_, rows):\n    return [{'class': row['unit price']} for row in rows]\n",
        name="odd",
        inputs='"unit price" = "float64"',
        outputs='class = "float64"',
        scenarios=[{"inputs": {"unit price": 1.5}, "expected": {"class": 1.5}}],
    )
    ketch.pack(folder, home=home)
    with ketch.load("odd:1.0.0") as odd:
        assert str(inspect.signature(odd)) == "(inputs, /) -> {class: float64}"
        assert odd({"unit price": 2}) == odd(**{"unit price": 2}) == {"class": 2.0}


def test_the_text_of_an_error_is_all_that_a_notebook_needs(predictor: Predictor) -> None:
    with pytest.raises(UsageError) as wrong:
        predictor([ROWS[0], {"name": "b", "size": -1}])
    assert str(wrong.value).splitlines() == [
        "expected a field `at`, found none (and 1 more) (at `rows[1].at`)",
        "  rows[1].at: expected a field `at`, found none",
        "  rows[1].size: expected at least `0`, found `-1`",
    ]
    with pytest.raises(PackageCodeError) as raised:
        predictor({**ROWS[0], "name": "crash"})
    assert str(raised.value).startswith(
        "`RuntimeError`: no price for a crash (at `pipeline:price`)"
    )
    assert 'raise RuntimeError("no price for a crash")' in str(raised.value)


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
    return predictor._team.pids[0]


def kill(pid: int) -> None:
    """Kill a process and wait until it is dead; whoever started it may reap it."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_worker_killed_between_calls_is_replaced(predictor: Predictor) -> None:
    threads = threading.active_count()
    before = open_descriptors()
    for _ in range(3):
        assert predictor(ROWS[0]) == ANSWERS[0]
        kill(worker_pid(predictor))
    assert predictor(ROWS) == ANSWERS
    assert open_descriptors() == before
    assert threading.active_count() <= threads, "one thread drains what the worker prints"


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


# ------------------------------------------------------------------ where notebooks run


def test_it_answers_while_an_event_loop_runs(predictor: Predictor) -> None:
    async def cell() -> list[Row]:
        direct = predictor(ROWS[0])
        beside = [asyncio.to_thread(predictor, ROWS[0]) for _ in range(8)]
        return [direct, *await asyncio.gather(*beside)]

    assert asyncio.run(cell()) == [ANSWERS[0]] * 9


def test_a_call_that_is_interrupted_leaves_the_next_alone(predictor: Predictor) -> None:
    pid = worker_pid(predictor)
    timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        predictor(name="sleep", size=60, at=AT)
    timer.join()
    assert not is_running(pid)
    assert predictor(ROWS[0]) == ANSWERS[0]


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_cannot_be_copied_and_says_what_to_do(
    predictor: Predictor, take: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError, match=r"call ketch\.load\('shop:1\.0\.0'\) where it runs"):
        take(predictor)


FORK = """
import gc, json, os, sys
from pathlib import Path
import ketch
from ketch.runtime import Home

def ask(model):
    try:
        return model({"name": "a", "size": 3, "at": "2026-01-01T00:00:00Z"})["price"]
    except ketch.KetchError as problem:
        return problem.code

name, home = sys.argv[1], Path(sys.argv[2])
model = ketch.load(name, home=home)
said = [ask(model)]
for leave in ("ask", "close", "forget", "exit", "own"):
    read, write = os.pipe()
    if not os.fork():
        found = None
        if leave == "ask":
            found = ask(model)
        if leave == "close":
            model.close()
        if leave == "forget":
            del model
            gc.collect()
        if leave == "own":
            with ketch.load(name, home=home) as own:
                found = ask(own)
        os.write(write, json.dumps(found).encode())
        sys.exit(0)
    os.close(write)
    assert os.wait()[1] == 0
    said.append((leave, json.loads(os.read(read, 1000)), ask(model), model._team.pids[0]))
print(json.dumps(said))
"""


def test_a_fork_cannot_harm_the_process_it_came_from(shop: Home) -> None:
    """Both hold the same socket: what one of them asks, the other might be told."""
    command: list[str | Path] = [sys.executable, "-c", FORK, NAME, shop.path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    first, *told = json.loads(done.stdout)
    assert first == 1.5
    assert [(leave, found, after) for leave, found, after, _ in told] == [
        ("ask", "worker/forked", 1.5),
        ("close", None, 1.5),
        ("forget", None, 1.5),
        ("exit", None, 1.5),
        ("own", 1.5, 1.5),
    ]
    assert len({pid for *_, pid in told}) == 1, "it is the same worker all along"
    assert left_over(shop) == []


END = """
import os, sys, threading, time
from pathlib import Path
import ketch

model = ketch.load(sys.argv[1], home=Path(sys.argv[2]))
print(model._team.pids[0], flush=True)
how = sys.argv[3]
if how == "in a call":
    ask = {"name": "sleep", "size": 60, "at": "2026-01-01T00:00:00Z"}
    threading.Thread(target=model, args=[ask], daemon=True).start()
    time.sleep(0.5)
if how == "raise":
    raise RuntimeError("the notebook's own")
if how == "exit":
    sys.exit(3)
if how == "at once":
    os._exit(4)
"""


@pytest.mark.parametrize(
    ("how", "status"), [("end", 0), ("raise", 1), ("exit", 3), ("at once", 4), ("in a call", 0)]
)
def test_no_worker_outlives_the_interpreter(shop: Home, how: str, status: int) -> None:
    before = left_over(shop)
    command: list[str | Path] = [sys.executable, "-c", END, NAME, shop.path, how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == status, done.stderr
    until = time.monotonic() + 5
    while is_running(int(done.stdout)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_running(int(done.stdout))
    left = set(left_over(shop)) - set(before)
    assert len(left) == (1 if how == "at once" else 0), "nothing runs after `os._exit`"
    for room in left:
        shutil.rmtree(room)


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
print(predictor._team.pids[0], flush=True)
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
    subprocess.run(collect, env=in_home(shop), check=True)
    assert left_over(shop) == []


# ------------------------------------------------------------------ DataFrames

FRAMES = """
import json, sys
from decimal import Decimal
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
    "pandas, a column twice": pandas.concat([pandas.DataFrame(good), pandas.Series([1, 1], name="size")],
                                            axis=1),
    "pandas, bytes": pandas.DataFrame({**good, "name": [b"a", b"b"]}),
    "pandas, categories": pandas.DataFrame({**good, "name": pandas.Categorical(["a", "b"])}),
    "pandas, decimals": pandas.DataFrame({**good, "size": [Decimal(3), Decimal(4)]}),
    "pandas, an index": pandas.DataFrame(good, index=["x", "y"]),
    "pandas, no rows": pandas.DataFrame(good).iloc[:0],
    "pandas, one row": pandas.DataFrame(good).iloc[0],
    "polars, not a number": polars.DataFrame({**good, "size": [3.0, float("nan")],
                                              "at": [moment.to_pydatetime()] * 2}),
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
        "pandas, a column twice": "schema/duplicate-column",
        "pandas, bytes": "schema/wrong-type",
        "pandas, categories": [1.5, 2.0],
        "pandas, decimals": [1.5, 2.0],
        "pandas, an index": [1.5, 2.0],
        "pandas, no rows": [],
        "pandas, one row": "schema/wrong-type",
        "polars, not a number": "schema/wrong-type",
    }
