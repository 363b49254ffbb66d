"""Every Python that a package may ask for runs the worker, and gives the same answers."""

import base64
import hashlib
import math
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ketch.errors import PackageCodeError
from ketch.runtime.process import Worker
from ketch.testing.workers import ECHO, Rig, interpreters, make_environment, schema_of

EVERY_TYPE: dict[str, object] = {
    "flag": "bool",
    "count": {"type": "int64", "nullable": True},
    "small": "uint8",
    "share": {"type": "float64", "nullable": True},
    "name": "string",
    "blob": "binary",
    "day": "date32",
    "at": "timestamp[us, UTC]",
    "there": "timestamp[ms, Europe/Berlin]",
    "local": {"type": "timestamp[ns]", "nullable": True},
    "items": "list<string>",
    "pair": "struct<a: int64, b: timestamp[s]?>",
    "grid": "tensor<float32, [2, -1]>",
}
ROW: dict[str, object] = {
    "flag": True,
    "count": 9_007_199_254_740_993,
    "small": 255,
    "share": 0.1,
    "name": "Zoë 🛶",
    "blob": base64.b64encode(b"\x00\xff").decode(),
    "day": "2026-02-28",
    "at": "2026-02-28T23:59:59.250Z",
    "there": "2026-07-01T10:00:00Z",
    "local": "2026-02-28T23:59:59.123456",
    "items": ["a", "b"],
    "pair": {"a": 1, "b": None},
    "grid": [[1.0, 2.0], [3.0, 4.0]],
}


@pytest.fixture(scope="module", params=interpreters(), ids=lambda path: path.name)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(request.param, tmp_path_factory.mktemp("env") / "env")


@pytest.fixture
def rig(environment: Path, tmp_path: Path) -> Rig:
    return Rig(environment, tmp_path)


@pytest.fixture
def echo(rig: Rig) -> Iterator[Worker]:
    with rig.loaded(ECHO, inputs=EVERY_TYPE, outputs=EVERY_TYPE) as worker:
        yield worker


def test_there_is_an_interpreter_to_test_with() -> None:
    assert interpreters()


def test_every_type_survives_the_way_in_and_out(echo: Worker) -> None:
    assert echo.predict([ROW], deadline_s=10).rows == [ROW]


def test_null_stays_null(echo: Worker) -> None:
    row = {**ROW, "count": None, "share": None, "local": None}
    assert echo.predict([row, ROW], deadline_s=10).rows == [row, ROW]


def test_no_rows_are_no_rows(echo: Worker) -> None:
    assert echo.predict([], deadline_s=10).rows == []


def test_steps_see_python_values(rig: Rig) -> None:
    source = """
def run(model, rows):
    row = rows[0]
    return [{"seen": [repr(row[name]) for name in sorted(row)]}]
"""
    with rig.loaded(source, inputs=EVERY_TYPE, outputs={"seen": "list<string>"}) as worker:
        (answer,) = worker.predict([ROW], deadline_s=10).rows
    seen = dict(zip(sorted(ROW), answer["seen"], strict=True))  # type: ignore[call-overload] # a list of strings, as declared
    assert seen["blob"] == r"b'\x00\xff'"
    assert seen["day"] == "datetime.date(2026, 2, 28)"
    assert seen["at"].endswith("59, 59, 250000, tzinfo=datetime.timezone.utc)")
    assert seen["there"].startswith("datetime.datetime(2026, 7, 1, 12, 0")  # noon in Berlin
    assert seen["pair"] == "{'a': 1, 'b': None}"
    assert seen["grid"] == "[[1.0, 2.0], [3.0, 4.0]]"  # nested lists: no numpy here


def test_the_pipeline_is_load_then_steps_in_order(rig: Rig) -> None:
    source = """
import os
def load(model_dir, params):
    return {"dir": os.path.isdir(model_dir), "factors": params}
def first(model, rows):
    print(model)
    return [dict(row, x=row["x"] + 1) for row in rows]
def second(model, rows):
    return {"x": [row["x"] * 2 for row in rows]}
"""
    steps = {"load": "pipeline:load", "steps": ["pipeline:first", "pipeline:second"]}
    with rig.loaded(source, pipeline=steps) as worker:
        answer = worker.predict([{"x": 1}, {"x": 2}], deadline_s=10)
    assert answer.rows == [{"x": 4}, {"x": 6}]
    assert [time.step for time in answer.steps] == steps["steps"]
    assert "{'dir': True, 'factors': {}}" in worker.output


def test_a_record_is_one_dict_at_a_time(rig: Rig) -> None:
    source = """
def run(model, row):
    assert isinstance(row, dict)
    row["x"] += 1
    return row
"""
    with rig.loaded(source, pipeline={"takes": "record"}) as worker:
        answer = worker.predict([{"x": 1}, {"x": 2}], deadline_s=10, trace=True)
    assert answer.rows == [{"x": 2}, {"x": 3}]
    assert [entry["rows"] for entry in answer.trace] == [2]


def test_a_failing_step_is_named_with_its_own_traceback(rig: Rig) -> None:
    source = """
def run(model, rows):
    return [1 / row["x"] for row in rows]
"""
    with rig.loaded(source) as worker:
        with pytest.raises(PackageCodeError) as caught:
            worker.predict([{"x": 0}], deadline_s=10)
        assert caught.value.where == "pipeline:run"
        assert "ZeroDivisionError" in caught.value.message
        assert 'return [1 / row["x"] for row in rows]' in caught.value.traceback
        assert "worker.py" not in caught.value.traceback
        with pytest.raises(PackageCodeError):  # the worker lives on
            worker.predict([{"x": 0}], deadline_s=10)


def test_traces_have_the_same_digests_in_every_python(rig: Rig) -> None:
    source = """
import datetime, math
def run(model, rows):
    return [{"x": 1, "f": 0.1, "n": math.nan, "s": "é", "none": None, "l": [1, {"b": 2, "a": 1}],
             "at": datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
             "set": {3, 1, 2}, "object": object()}]
"""
    with rig.loaded(source) as worker:
        (entry,) = worker.predict([{"x": 1}], deadline_s=10, trace=True).trace
    digests = {field["name"]: field["digest"] for field in entry["fields"]}  # type: ignore[attr-defined] # JSON
    assert digests.pop("object") is None
    assert digests == {name: sha256(encoded) for name, encoded in ENCODED.items()}


ENCODED = {  # the canonical encoding of a list of one value, written out by hand
    "x": b"l1:i1;",
    "f": b"l1:f" + struct.pack(">d", 0.1),
    "n": b"l1:f" + struct.pack(">d", math.nan),
    "s": b"l1:s2:\xc3\xa9",
    "none": b"l1:N",
    "l": b"l1:l2:i1;m2:s1:ai1;s1:bi2;",
    "at": b"l1:d2026-01-01T00:00:00Z",
    "set": b"l1:u3:i1;i2;i3;",
}


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_trace_summarises_what_a_step_returned(rig: Rig) -> None:
    source = """
def run(model, rows):
    return {"x": [row["x"] for row in rows], "share": [0.5, None, 2.5]}
"""
    with rig.loaded(source) as worker:
        answer = worker.predict([{"x": 1}, {"x": 2}, {"x": 3}], deadline_s=10, trace=True)
    (entry,) = answer.trace
    assert (entry["step"], entry["rows"]) == ("pipeline:run", 3)
    fields = entry["fields"]
    assert isinstance(fields, list)
    x, share = fields
    assert (x["min"], x["max"], x["mean"], x["head"]) == (1, 3, 2.0, [1, 2, 3])
    assert (share["count"], share["nulls"], share["dtype"]) == (3, 1, "float")
    assert math.isclose(share["mean"], 1.5)


def test_comparisons_run_in_the_package(rig: Rig) -> None:
    source = """
def run(model, rows): return rows
def close(expected, found):
    return abs(expected - found) < 2 or f"{expected} is far from {found}"
"""
    with rig.loaded(source, functions=["pipeline:close"]) as worker:
        assert worker.compare("pipeline:close", 1, 2) is True
        assert worker.compare("pipeline:close", 1, 9) == "1 is far from 9"


def test_metrics_are_computed_by_the_package(rig: Rig, tmp_path: Path) -> None:
    source = """
import json
def run(model, rows): return [{"x": row["x"] * 2} for row in rows]
def evaluate(predict, data):
    rows = json.load(open(data["validation"]))
    return {"mean": sum(row["x"] for row in predict(rows)) / len(rows)}
"""
    data = tmp_path / "validation.json"
    data.write_text('[{"x": 1}, {"x": 2}]')
    with rig.loaded(source, readable=(data,)) as worker:
        metrics = worker.evaluate("pipeline:evaluate", {"validation": data}, deadline_s=10)
    assert metrics == {"mean": 3.0}


def test_a_package_imports_its_own_modules_and_not_the_worker(rig: Rig) -> None:
    source = """
import sys
def run(model, rows):
    import helper
    assert helper.__file__.startswith(sys.path[0])
    import worker
"""
    launch = rig.launch(source, {"helper.py": ""})
    pipeline = {"load": None, "takes": "records", "steps": ["pipeline:run"]}
    with Worker.start(launch) as worker:
        schema = schema_of({"x": "int64"}, {"x": "int64"})
        worker.load(pipeline, params={}, schema=schema)
        with pytest.raises(PackageCodeError, match="No module named 'worker'"):
            worker.predict([{"x": 1}], deadline_s=10)


def test_the_environment_is_entered(rig: Rig) -> None:
    (library,) = (rig.environment / "lib").glob("python3.*/site-packages")
    (library / "greeting.py").write_text("WORD = 'hello'")
    source = """
import sys, greeting
def run(model, rows):
    return [{"words": [greeting.WORD, sys.prefix, sys.executable]}]
"""
    with rig.loaded(source, outputs={"words": "list<string>"}) as worker:
        (answer,) = worker.predict([{"x": 1}], deadline_s=10).rows
        assert worker.modules().modules == ("greeting",)
    environment = str(rig.environment)
    assert answer["words"] == ["hello", environment, f"{environment}/bin/python"]


def test_what_was_imported_without_bytecode_is_told_and_none_is_written(rig: Rig) -> None:
    (library,) = (rig.environment / "lib").glob("python3.*/site-packages")
    (library / "slow.py").write_text("WORD = 'hello'")
    (library / "quick.py").write_text("WORD = 'hello'")
    compile_it = ["-c", "import sys, py_compile; py_compile.compile(sys.argv[1])"]
    python = rig.environment / "bin" / "python"
    subprocess.run([python, "-I", *compile_it, library / "quick.py"], check=True)
    source = """
import quick, slow
def run(model, rows):
    with open(slow.__file__, "a"):
        pass
"""
    with rig.loaded(source, preimport=("slow", "absent.module")) as worker:
        assert worker.modules().uncompiled == ("slow",)
        assert not list((library / "__pycache__").glob("slow.*"))
        with pytest.raises(PackageCodeError, match="PermissionError"):
            worker.predict([{"x": 1}], deadline_s=10)


def test_printing_never_reaches_the_protocol(rig: Rig) -> None:
    source = """
import os, sys
print("while importing")
def run(model, rows):
    print("on stdout", flush=False)
    print("on stderr", file=sys.stderr)
    os.write(1, b"on descriptor 1\\n")
    sys.stdout = None
    return rows
"""
    with rig.loaded(source) as worker:
        assert worker.predict([{"x": 1}], deadline_s=10).rows == [{"x": 1}]
        assert worker.predict([{"x": 2}], deadline_s=10).rows == [{"x": 2}]
    for words in ("while importing", "on stdout", "on stderr", "on descriptor 1"):
        assert words in worker.output


@pytest.mark.parametrize(
    ("answer", "declared", "message"),
    [
        ("[]", "int64", "expected 1 rows, found 0"),
        ("[{}]", "int64", "expected the output `x` in row 0, found none"),
        ("{'y': [1]}", "int64", "expected the output `x`, found none of that name"),
        ("[{'x': None}]", "int64", "expected `int64`, found `None`"),
        ("[{'x': float('nan')}]", "float64", "expected `float64`, found `nan`"),
        ("[{'x': float('inf')}]", "float64", "expected `finite float64`"),
        ("[{'x': 1.5}]", "int64", "expected `int64`, found `float` `1.5`"),
        ("[{'x': 2**63}]", "int64", "expected `int64`, found `int`"),
        ("[{'x': True}]", "int64", "expected `int64`, found `bool`"),
        ("[{'x': 1}]", "string", "expected `string`, found `int`"),
        ("[{'x': 'a'}]", "list<string>", "expected `list`, found `str`"),
        ("[{'x': [[1.0]]}]", "tensor<float64, [2, 1]>", "expected 2 items in a tensor, found 1"),
        ("[{'x': '\\ud800'}]", "string", "cannot be written as JSON"),
        ("[3]", "int64", "expected a dict at row 0, found `int`"),
        ("3", "int64", "expected a list of dicts, a DataFrame or a dict of columns"),
    ],
)
def test_an_answer_that_does_not_fit_says_why(
    rig: Rig, answer: str, declared: str, message: str
) -> None:
    source = f"def run(model, rows): return {answer}"
    with rig.loaded(source, outputs={"x": declared}) as worker:
        with pytest.raises(PackageCodeError) as caught:
            worker.predict([{"x": 1}], deadline_s=10)
        assert caught.value.code == "package-code/output"
        assert message in caught.value.message


def test_the_sandbox_is_up(echo: Worker) -> None:
    layers = {layer.layer: layer.active for layer in echo.layers}
    assert layers["session"]
    assert layers["lifeline"]
    assert layers["seccomp"]


REFUSING = """
def run(model, rows):
    kind = {0: ValueError, 1: UnicodeError, 2: KeyError}[rows[0]["x"]]
    raise kind("not this one")
"""


def test_only_a_value_error_of_some_kind_refuses_an_input(rig: Rig) -> None:
    refused = []
    with rig.loaded(REFUSING) as worker:
        for x in range(3):
            with pytest.raises(PackageCodeError) as caught:
                worker.predict([{"x": x}], deadline_s=10)
            refused.append(caught.value.is_refusal)
    assert refused == [True, True, False]
