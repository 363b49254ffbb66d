"""What a worker's failure tells: the function at work, what came before, and no more."""

from __future__ import annotations

import os

import pytest

from ketch.errors import KetchError, PackageCodeError
from ketch.runtime.process import Worker
from ketch.testing.workers import Rig

TWO = {"steps": ["pipeline:features", "pipeline:run"]}
SOURCE = """
import ctypes, os, signal, time
def load(folder, params): pass
def features(model, rows):
    return [{"x": row["x"], "twice": row["x"] * 2} for row in rows]
def run(model, rows):
    act = rows[0]["x"]
    if act == 1: os._exit(0)
    if act == 2: os.kill(os.getpid(), signal.SIGKILL)
    if act == 3: ctypes.string_at(0)
    if act == 4: time.sleep(60)
    if act == 5: raise KeyError("five")
    if act == 6: return [{"x": object()}]
    return rows
def near(expected, found):
    os._exit(1)
"""


def failure(worker: Worker, x: int, *, trace: bool = False) -> KetchError:
    with pytest.raises(KetchError) as caught:
        worker.predict([{"x": x}], deadline_s=3.0, trace=trace)
    return caught.value


@pytest.mark.parametrize("act", [1, 2, 3, 4])
def test_a_death_names_the_function_that_was_at_work(rig: Rig, act: int) -> None:
    with rig.loaded(SOURCE, pipeline=TWO) as worker:
        assert failure(worker, act).where == "pipeline:run"


def test_a_death_in_a_comparison_and_in_loading_names_that_function(rig: Rig) -> None:
    with rig.loaded(SOURCE, pipeline=TWO) as worker, pytest.raises(KetchError) as caught:
        worker.compare("pipeline:near", 1, 2)
    assert caught.value.where == "pipeline:near"
    with pytest.raises(KetchError) as caught:
        rig.loaded("import os\nos._exit(2)\ndef run(model, rows): pass")
    assert caught.value.where == "pipeline:run"


def test_what_package_code_writes_on_the_board_is_shown_not_obeyed(rig: Rig) -> None:
    source = """
import os, sys
def run(model, rows):
    frame = sys._getframe()
    while "session" not in frame.f_locals:
        frame = frame.f_back
    frame.f_locals["session"].board[:] = b"\\x1b[31m\\xff" + b"z" * 250
    os._exit(1)
"""
    with rig.loaded(source) as worker:
        assert failure(worker, 1).where == "\\x1b[31m\ufffd" + "z" * 250


def test_between_two_calls_nothing_is_at_work(rig: Rig) -> None:
    source = "import os, threading\ndef run(model, rows):\n    threading.Timer(0.2, os._exit, (3,)).start()\n    return rows"
    with rig.loaded(source) as worker:
        worker.predict([{"x": 1}], deadline_s=5)
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
        error = failure(worker, 1)
    assert error.code == "worker/died"
    assert error.where in {None, "outputs"}


def test_an_exception_brings_the_traces_of_the_steps_before_it(rig: Rig) -> None:
    for takes in ("records", "record"):
        source = SOURCE
        if takes == "record":
            source = source.replace("rows[0]", "rows").replace(
                '[{"x": row["x"], "twice": row["x"] * 2} for row in rows]',
                '{"x": rows["x"], "twice": rows["x"] * 2}',
            )
        with rig.loaded(source, pipeline={**TWO, "takes": takes}) as worker:
            error = failure(worker, 5, trace=True)
            assert isinstance(error, PackageCodeError)
            assert [step["step"] for step in error.trace] == ["pipeline:features"]
            (fields,) = [step["fields"] for step in error.trace]
            assert [field["head"] for field in fields] == [[5], [10]]  # type: ignore[attr-defined] # a list
            untraced = failure(worker, 5)
            assert isinstance(untraced, PackageCodeError)
            assert untraced.trace == ()


def test_an_answer_that_does_not_fit_brings_the_traces_of_all_steps(rig: Rig) -> None:
    with rig.loaded(SOURCE, pipeline=TWO) as worker:
        error = failure(worker, 6, trace=True)
    assert isinstance(error, PackageCodeError)
    assert [step["step"] for step in error.trace] == TWO["steps"]
    assert error.where == "outputs"


def test_messages_tracebacks_and_output_call_folders_by_what_they_hold(rig: Rig) -> None:
    source = """
import os, json
def run(model, rows):
    print(os.getcwd(), __file__, flush=True)
    raise RuntimeError(f"{os.getcwd()} {__file__} {json.__file__}")
"""
    with rig.loaded(source) as worker:
        error = failure(worker, 1)
        worker.close()
        told = f"{error.message} {error.traceback} {worker.output}"  # type: ignore[attr-defined] # of package code
    assert "`RuntimeError`: scratch code/pipeline.py" in error.message
    assert 'File "code/pipeline.py", line 5, in run' in told
    assert "scratch code/pipeline.py\n" in told
    assert str(rig.folder) not in told


def test_values_of_private_variables_are_called_by_their_names(rig: Rig) -> None:
    source = "import os\ndef run(model, rows):\n    raise RuntimeError(os.environ['KEY'])"
    variables = {"KEY": "sesame-open", "COLOUR": "blue"}
    with rig.loaded(source, variables=variables, private=frozenset({"KEY"})) as worker:
        assert failure(worker, 1).message == "`RuntimeError`: $KEY"


def test_the_layers_of_the_sandbox_name_no_process_and_no_path(rig: Rig) -> None:
    found = []
    for _ in range(2):
        with rig.start("", memory_bytes=2**30) as worker:
            found.append([layer.to_json() for layer in worker.layers])
            details = " ".join(layer.detail for layer in worker.layers)
            assert str(worker.pid) not in details
            assert str(rig.folder) not in details
    assert found[0] == found[1]


def test_scalars_of_other_libraries_are_read_as_numbers(rig: Rig) -> None:
    """A tensor without dimensions has a shape, a dtype of its own kind, and `item`."""
    source = """
class Dtype: pass
class Scalar:
    shape, dtype = (), Dtype()
    def item(self): return 7
def run(model, rows):
    return [{"x": Scalar()} for _ in rows]
"""
    with rig.loaded(source) as worker:
        assert worker.predict([{"x": 1}], deadline_s=5).rows == [{"x": 7}]
