"""Packages that speak pandas and numpy, in the versions that people have pinned."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin

from ketch.errors import PackageCodeError
from ketch.runtime.process import Worker
from ketch.testing.workers import ECHO, Rig, interpreters, make_environment

pytestmark = pytest.mark.e2e

PINNED = {
    "3.9": ["pandas==1.5.3", "numpy==1.26.4", "scipy==1.13.1"],
    "3.11": ["pandas==2.2.3", "numpy==2.1.3", "scipy==1.14.1"],
    "3.13": ["pandas>=3", "numpy>=2.3", "scipy>=1.16"],
}
EVERY_TYPE: dict[str, object] = {
    "flag": "bool",
    "maybe": {"type": "bool", "nullable": True},
    "count": "int32",
    "some": {"type": "uint8", "nullable": True},
    "share": {"type": "float32", "nullable": True},
    "name": {"type": "string", "nullable": True},
    "day": "date32",
    "at": {"type": "timestamp[us, Europe/Berlin]", "nullable": True},
    "local": "timestamp[ns]",
    "items": "list<int64>",
    "grid": "tensor<float32, [2, 2]>",
}
ROW: dict[str, object] = {
    "flag": True,
    "maybe": False,
    "count": -3,
    "some": 255,
    "share": 0.5,
    "name": "Zoë",
    "day": "2026-02-28",
    "at": "2026-07-01T10:00:00.250Z",
    "local": "2026-02-28T23:59:59.123456789",
    "items": [1, 2],
    "grid": [[1.0, 2.0], [3.0, 4.0]],
}
NULLS: dict[str, object] = {
    **ROW,
    **dict.fromkeys(("maybe", "some", "share", "name", "at")),
    "items": [3, 4],
}


@pytest.fixture(scope="module", params=PINNED)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = {path.name.removeprefix("python"): path for path in interpreters()}
    if request.param not in found:
        pytest.skip(f"no Python {request.param} here")
    folder = make_environment(found[request.param], tmp_path_factory.mktemp("env") / "env")
    python = str(folder / "bin" / "python")
    install = [find_uv_bin(), "pip", "install", "-q", "-p", python]
    subprocess.run([*install, *PINNED[request.param]], check=True)
    return folder


@pytest.fixture
def rig(environment: Path, tmp_path: Path) -> Rig:
    return Rig(environment, tmp_path)


@pytest.fixture
def echo(rig: Rig) -> Iterator[Worker]:
    pipeline = {"takes": "dataframe"}
    with rig.loaded(ECHO, inputs=EVERY_TYPE, outputs=EVERY_TYPE, pipeline=pipeline) as worker:
        yield worker


@pytest.mark.parametrize("rows", [[ROW], [ROW, NULLS], [NULLS], []])
def test_every_type_survives_a_dataframe(echo: Worker, rows: list[dict[str, object]]) -> None:
    assert echo.predict(rows, deadline_s=30).rows == rows


def test_columns_have_the_declared_types(rig: Rig) -> None:
    source = """
def run(model, frame):
    return {"types": [[str(t) for t in frame.dtypes]] * len(frame)}
"""
    pipeline = {"takes": "dataframe"}
    outputs = {"types": "list<string>"}
    with rig.loaded(source, inputs=EVERY_TYPE, outputs=outputs, pipeline=pipeline) as worker:
        for rows in ([ROW], [ROW, NULLS], [NULLS]):
            found = worker.predict(rows, deadline_s=30).rows[0]["types"]
            assert isinstance(found, list)
            assert found[:5] == ["bool", "boolean", "int32", "UInt8", "float32"]
            assert found[5] in {"object", "str"}
            assert found[7] in {"datetime64[us, Europe/Berlin]", "datetime64[ns, Europe/Berlin]"}
            assert found[8] == "datetime64[ns]"


def test_a_tensor_is_a_numpy_array_of_its_type(rig: Rig) -> None:
    source = """
def run(model, rows):
    return [{"kind": f"{row['grid'].dtype}{row['grid'].shape}"} for row in rows]
"""
    inputs = {"grid": "tensor<float32, [-1, 2]>"}
    with rig.loaded(source, inputs=inputs, outputs={"kind": "string"}) as worker:
        answer = worker.predict([{"grid": [[1.0, 2.0]]}], deadline_s=30)
    assert answer.rows == [{"kind": "float32(1, 2)"}]


NUMPY_ANSWERS = """
import numpy as np, pandas as pd
def run(model, rows):
    return {answer}
"""


@pytest.mark.parametrize(
    ("answer", "declared", "expected"),
    [
        ("[{'x': np.float32(0.5)}]", "float64", 0.5),
        ("[{'x': np.int8(3)}]", "int64", 3),
        ("[{'x': np.bool_(True)}]", "bool", True),
        ("[{'x': np.str_('a')}]", "string", "a"),
        ("{'x': np.array([1.5])}", "float64", 1.5),
        ("{'x': np.array([[1, 2]])}", "list<int64>", [1, 2]),
        ("{'x': np.zeros((1, 2, 1))}", "tensor<float64, [2, 1]>", [[0.0], [0.0]]),
        ("pd.DataFrame({'x': [1.0], 'more': [2]})", {"type": "int64", "nullable": True}, 1),
        ("pd.DataFrame({'x': [float('nan')]})", {"type": "int64", "nullable": True}, None),
        ("[{'x': pd.NA}]", {"type": "string", "nullable": True}, None),
        ("[{'x': pd.NaT}]", {"type": "timestamp[us]", "nullable": True}, None),
        ("[{'x': np.datetime64('NaT')}]", {"type": "timestamp[us]", "nullable": True}, None),
        ("[{'x': np.datetime64('2026-01-01')}]", "timestamp[us]", "2026-01-01T00:00:00"),
        (
            "{'x': np.array(['2026-01-01T00:00:00.123456789'], 'M8[ns]')}",
            "timestamp[ns]",
            "2026-01-01T00:00:00.123456789",
        ),
        ("pd.DataFrame({'x': pd.to_datetime(['2026-01-01'])})", "date32", "2026-01-01"),
        ("pd.DataFrame({'x': pd.Categorical(['a'])})", "string", "a"),
    ],
)
def test_numpy_and_pandas_values_become_json(
    rig: Rig, answer: str, declared: object, expected: object
) -> None:
    source = NUMPY_ANSWERS.format(answer=answer)
    with rig.loaded(source, outputs={"x": declared}) as worker:
        assert worker.predict([{"x": 1}], deadline_s=30).rows == [{"x": expected}]


@pytest.mark.parametrize(
    ("answer", "declared"),
    [
        ("np.array([1.0])", "float64"),
        ("{'x': np.array(1.0)}", "float64"),
        ("{'x': np.array([np.inf])}", "float64"),
        ("pd.DataFrame({'x': [float('nan')]})", "float64"),
        ("pd.DataFrame({'y': [1.0]})", "float64"),
        ("pd.DataFrame([[1, 2]], columns=['x', 'x'])", "int64"),
        ("[{'x': pd.Timestamp('2026-01-01', tz='UTC')}]", "timestamp[us]"),
    ],
)
def test_answers_that_do_not_fit_are_errors_of_the_package(
    rig: Rig, answer: str, declared: str
) -> None:
    source = NUMPY_ANSWERS.format(answer=answer)
    with rig.loaded(source, outputs={"x": declared}) as worker:
        with pytest.raises(PackageCodeError) as caught:
            worker.predict([{"x": 1}], deadline_s=30)
        assert caught.value.code == "package-code/output"


TRACED = """
import numpy as np, pandas as pd, scipy.sparse
def frame(model, rows):
    return pd.DataFrame({"n": [1, 2], "f": np.array([0.1, np.nan]), "s": ["a", None],
                         "at": pd.to_datetime(["2026-01-01", None]),
                         "c": pd.Categorical(["a", "b"])})
def wide(model, frame):
    return np.arange(140, dtype="float32").reshape(2, 70)
def sparse(model, array):
    return scipy.sparse.csr_matrix(array)
def vector(model, matrix):
    return np.array([1.5, 2.5])
def rows(model, vector):
    return [{"x": 1}, {"x": 2}]
"""
STEPS = [f"pipeline:{name}" for name in ("frame", "wide", "sparse", "vector", "rows")]
DIGESTS: dict[tuple[str, str], set[object]] = {}


def test_traces_of_arrays_agree_between_all_versions(rig: Rig) -> None:
    with rig.loaded(TRACED, pipeline={"steps": STEPS}) as worker:
        trace = worker.predict([{"x": 1}, {"x": 2}], deadline_s=30, trace=True).trace
    fields = {}
    for entry in trace:
        listed = entry["fields"]
        assert isinstance(listed, list)
        for field in listed:
            fields[str(entry["step"]), field["name"]] = field
    assert fields["pipeline:frame", "f"]["nulls"] == 1
    assert fields["pipeline:wide", "64:"]["dtype"] == "float32"
    assert fields["pipeline:wide", "0"]["head"] == [0.0, 70.0]
    assert fields["pipeline:sparse", "value"]["digest"]
    assert fields["pipeline:vector", "value"]["mean"] == 2.0
    for key, field in fields.items():
        if key != ("pipeline:frame", "s"):  # pandas 3 keeps a missing text as NaN
            seen = DIGESTS.setdefault(key, set())
            seen.add(field["digest"])
            assert len(seen) == 1, key


def test_evaluation_may_predict_on_a_dataframe(rig: Rig, tmp_path: Path) -> None:
    source = """
import pandas as pd
def run(model, frame):
    return frame.assign(x=frame["x"] * 2)
def evaluate(predict, data):
    frame = pd.read_csv(data["validation"], parse_dates=["at"])
    answers = predict(frame)
    return {"sum": sum(answer["x"] for answer in answers), "rows": len(answers)}
"""
    data = tmp_path / "validation.csv"
    data.write_text("x,at\n1,2026-01-01\n2,2026-01-02\n")
    inputs = {"x": "int64", "at": "timestamp[us]"}
    pipeline = {"takes": "dataframe"}
    with rig.loaded(source, inputs=inputs, pipeline=pipeline, readable=(data,)) as worker:
        metrics = worker.evaluate("pipeline:evaluate", {"validation": data}, deadline_s=30)
    assert metrics == {"sum": 6.0, "rows": 2.0}
