"""Every prediction API survives the questions that its schema raises."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.verification import ECHO, Bench

from ketch.verify import ProbeResult
from ketch.verify.checks import probes

EVERY_TYPE = {
    "b": "bool",
    "i": "int8",
    "u": "uint16",
    "f": "float32",
    "s": {"type": "string", "nullable": True},
    "v": {"type": "string", "values": ["a", "b"]},
    "l": {"type": "list<string>", "max_items": 5},
    "d": "date32",
    "t": "timestamp[us, UTC]",
    "n": "timestamp[ms]",
    "r": "struct<a: int64>",
    "x": "tensor<float32, [2]>",
    "y": "binary",
    "o": {"type": "int64", "optional": True},
}
GOOD: dict[str, object] = {
    "b": True,
    "i": 1,
    "u": 1,
    "f": 0.5,
    "s": "s",
    "v": "a",
    "l": ["one"],
    "d": "2026-01-01",
    "t": "2026-01-01T00:00:00Z",
    "n": "2026-01-01T00:00:00",
    "r": {"a": 1},
    "x": [0.5, 0.5],
    "y": "AA==",
    "o": 1,
}


def probed(
    bench: Bench, source: str, inputs: Mapping[str, object], good: Mapping[str, object]
) -> dict[str, ProbeResult]:
    package = bench.package(source, inputs=inputs)
    with bench.subject(package, deadline_s=3.0) as subject:
        return {result.name: result for result in probes.run(subject, dict(good))}


def test_a_package_that_answers_everything_passes_every_probe(bench: Bench) -> None:
    source = "def run(model, rows): return [{'x': 1} for _ in rows]"
    found = probed(bench, source, EVERY_TYPE, GOOD)
    assert [name for name, result in found.items() if not result.passed] == []
    assert set(found) == {
        "missing field",
        "renamed field",
        "extra field",
        "wrong type",
        "null where none is allowed",
        "null where it is allowed",
        "unseen category",
        "empty value",
        "extreme value",
        "longest list",
    }


def test_an_exception_that_is_no_refusal_names_field_value_error_and_step(bench: Bench) -> None:
    source = "def run(model, rows): return [{'x': {'seen': 1}[rows[0]['s']]}]"
    found = probed(bench, source, {"s": "string"}, {"s": "seen"})
    unseen = found["unseen category"]
    assert not unseen.passed
    assert unseen.detail == (
        "`s` = `'value-never-seen-before'`: `KeyError`: 'value-never-seen-before' "
        "(at step `pipeline:run`)"
    )
    assert "narrow the field" in str(unseen.hint)
    assert found["missing field"].passed


def test_a_refusal_in_words_is_an_answer(bench: Bench) -> None:
    source = "def run(model, rows): raise ValueError('never seen')"
    found = probed(bench, source, {"s": "string"}, {"s": "seen"})
    assert all(result.passed for result in found.values())


def test_an_answer_outside_the_outputs_fails(bench: Bench) -> None:
    source = "def run(model, rows): return [{'x': rows[0]['i'] ** 9}]"
    found = probed(bench, source, {"i": "int64"}, {"i": 1})
    assert not found["extreme value"].passed
    assert "outputs" in found["extreme value"].detail


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("os._exit(3)", "ended with exit status 3"),
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("ctypes.string_at(0)", "was killed by SIGSEGV"),
        ("time.sleep(60)", "within 3 s, found none"),
    ],
)
def test_a_death_fails_its_probe_alone_and_names_the_step(
    bench: Bench, act: str, words: str
) -> None:
    source = f"""
import ctypes, os, time
def run(model, rows):
    if rows[0]["s"] == "": {act}
    return [{{"x": 1}}]
"""
    found = probed(bench, source, {"s": "string"}, {"s": "seen"})
    failed = {name: result for name, result in found.items() if not result.passed}
    assert list(failed) == ["empty value"]
    assert words in failed["empty value"].detail
    assert failed["empty value"].detail.endswith("(at step `pipeline:run`)")


def test_a_schema_that_takes_what_it_should_not_is_named_by_field(bench: Bench) -> None:
    """No schema of ketch does; the probe is what would tell."""
    result = probes._refuses(
        "extra field", bench.package(ECHO).manifest.schema.inputs, lambda _: {"x": 1}
    )
    assert (result.passed, result.detail) == (False, "accepted for `x`")
