"""What a person is told to do about an exception of package code."""

from __future__ import annotations

import pytest

from ketch.errors import KetchError, PackageCodeError
from ketch.runtime import Launch, Worker
from ketch.testing.workers import Rig, schema_of

SOURCE = """
import multiprocessing, os, socket, sqlite3, subprocess, urllib.request

def fetch(): urllib.request.urlopen("http://shop.example/prices")
def connect(): socket.create_connection(("127.0.0.1", 80))
def start(): subprocess.run(["ls"])
def replace(): os.execv("/bin/ls", ["ls"])
def read(): open("/etc/shadow").read()
def write(): open("/etc/prices", "w")
def listing(): os.listdir("/root")
def database(): sqlite3.connect("/root/prices.db").execute("select 1")
def pool(): multiprocessing.Pool(2)
def wrapped():
    try:
        read()
    except PermissionError as problem:
        raise RuntimeError("no prices") from problem
def absent(): open("prices.csv")
def other(): raise KeyError("price")
NAMES = "fetch connect start replace read write listing database pool wrapped absent other"

def run(model, rows):
    globals()[NAMES.split()[rows[0]["x"]]]()
    return rows
"""
TOLD = {
    "fetch": "`network = true`",
    "connect": "`network = true`",
    "start": "starts no programs",
    "replace": "starts no programs",
    "read": "ship what it reads below `model/`",
    "write": "`tempfile`",
    "listing": "ship what it reads below `model/`",
    "database": "ship what it reads below `model/`",
    "pool": "`n_jobs=1`",
    "wrapped": "ship what it reads below `model/`",
}
NAMES = [*TOLD, "absent", "other"]


def hint(rig: Rig, act: str, *, sandbox: bool = True, network: bool = False) -> str | None:
    with (
        rig.loaded(SOURCE, sandbox=sandbox, network=network) as worker,
        pytest.raises(PackageCodeError) as caught,
    ):
        worker.predict([{"x": NAMES.index(act)}], deadline_s=20)
    return caught.value.hint


@pytest.mark.parametrize("act", TOLD)
def test_what_the_sandbox_refused_is_told_with_its_name_and_the_remedy(rig: Rig, act: str) -> None:
    said = hint(rig, act) or ""
    assert said.startswith("the sandbox, in which packages run,")
    assert TOLD[act] in said


def test_the_sandbox_is_not_blamed_where_it_is_not_up(rig: Rig) -> None:
    assert hint(rig, "connect", sandbox=False) is None


def test_the_network_is_not_named_where_it_is_open(rig: Rig) -> None:
    assert hint(rig, "fetch", network=True) is None


def test_an_exception_that_tells_nothing_of_its_cause_has_no_hint(rig: Rig) -> None:
    assert hint(rig, "other") is None


def test_a_file_that_is_not_there_is_told_with_those_that_ship(rig: Rig) -> None:
    assert hint(rig, "absent") == (
        "code runs in an empty folder of its own; the package ships no files below `model/`"
    )


def loading(launch: Launch) -> PackageCodeError:
    """Return what loading a package raises."""
    pipeline = {"load": "pipeline:load", "takes": "records", "steps": ["pipeline:run"]}
    schema = schema_of({"x": "int64"}, {"x": "int64"})
    with Worker.start(launch) as worker, pytest.raises(PackageCodeError) as caught:
        worker.load(pipeline, params={}, schema=schema)
    return caught.value


LOADS = """
import pickle
def load(folder, params):
    with open(f"{folder}/prices.pkl", "rb") as file:
        return pickle.load(file)
def run(model, rows):
    return rows
"""


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95\x30\x00\x00\x00\x00\x00\x00\x00]"])
def test_a_torn_model_file_is_named(rig: Rig, content: bytes) -> None:
    launch = rig.launch(LOADS)
    (launch.model_dir / "prices.pkl").write_bytes(content)
    (launch.model_dir / "more").mkdir()
    assert loading(launch).hint == (
        "a trained file may not have been written or copied to its end; "
        "in `model_dir` the package ships `model/prices.pkl`"
    )


def test_a_model_file_that_does_not_ship_is_told_with_those_that_do(rig: Rig) -> None:
    launch = rig.launch(LOADS)
    (launch.model_dir / "price.pkl").touch()
    assert str(loading(launch).hint).endswith("the package ships `model/price.pkl`")


@pytest.mark.parametrize("value", ["float('nan')", "None"])
def test_an_answer_without_a_value_may_be_filled_or_declared(rig: Rig, value: str) -> None:
    source = f"def run(model, rows): return [{{'y': {value}}}]"
    loaded = rig.loaded(source, outputs={"y": "float64"})
    with loaded as worker, pytest.raises(PackageCodeError) as caught:
        worker.predict([{"x": 1}], deadline_s=20)
    assert "`nullable = true`" in str(caught.value.hint)


def test_a_budget_too_small_for_the_code_itself_is_what_is_told_first(rig: Rig) -> None:
    with pytest.raises(KetchError) as caught:
        rig.loaded("def run(model, rows): return rows", memory_bytes=5_000_000)
    assert caught.value.message.startswith(  # it ends at the limit, or at what it cannot have
        ("the package needs more memory than it promises", "package code ran out of memory")
    )
    assert caught.value.hint == "it may hold 5 MB; `[budget] memory_mb` sets the limit"


def test_a_library_that_is_missing_is_told_by_the_name_it_is_installed_by(rig: Rig) -> None:
    with pytest.raises(PackageCodeError) as caught:
        rig.loaded("import sklearn.linear_model")
    told = "add the library to the package's requirements: `sklearn` comes with `scikit-learn`"
    assert caught.value.hint == told
