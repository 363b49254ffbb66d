"""Step traces, written and read."""

from __future__ import annotations

import pytest

from ketch.errors import ManifestError
from ketch.package import Digest
from ketch.package.trace import FieldTrace, ScenarioTrace, StepTrace, dump_traces, load_traces

AGE = FieldTrace("age", "float64", 2, 1, "a", 0.0, 9.0, 4.5, (0.0, None))
NAME = FieldTrace("name", "str", 2, 0, None, None, None, None, ("a", "b"))
STEPS = (StepTrace("pipeline:features", 2, (AGE, NAME)), StepTrace("pipeline:predict", 0, ()))


def test_traces_survive_writing_and_reading() -> None:
    trace = ScenarioTrace("one", Digest.of(b"x"), STEPS)
    assert load_traces(dump_traces([trace])) == (trace,)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'{"steps": 3}',
        b'{"scenario": "a", "inputs": "b", "steps": []}',
        b'{"scenario": "a", "steps": [{"step": "x"}], "inputs": "sha256:' + b"0" * 64 + b'"}',
    ],
)
def test_what_is_no_trace_is_refused(line: bytes) -> None:
    with pytest.raises(ManifestError):
        load_traces(line)
