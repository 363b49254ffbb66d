"""A worker that lies in any part of any reply gets a report, never a fault of ketch."""

from __future__ import annotations

import pytest
from tests.verification import Bench, asks

from ketch.cli.verification import report_text
from ketch.package import Attestation
from ketch.verify import attest, junit_xml

# Package code that replaces random parts of what its own worker says.
LIAR = """
import json, os, random, sys

worker = sys.modules["__main__"]
honest = worker.encode
chance = random.Random(f"LOT {os.environ['PYTHONHASHSEED']}")
LIES = [None, True, 0, -1, 10**30, 1e308, "", "x" * 300, "\\x1b[31m", [], {}, [[]], {"a": 1}]

def places(value, path=()):
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts if isinstance(value, (dict, list)) else ():
        yield from places(part, (*path, key))

def places_of(value):
    return [path for path in places(value) if path] if isinstance(value, (dict, list)) else []

def lie(message):
    message = json.loads(honest(message))
    if chance.random() < 0.08:
        *path, last = chance.choice(places_of(message))
        inside = message
        for key in path:
            inside = inside[key]
        inside[last] = chance.choice(LIES)
    return honest(message)

worker.encode = lie

def features(model, rows):
    return [{"x": row["x"], "t": str(row["x"])} for row in rows]

def run(model, rows):
    if rows[0]["x"] == 5: raise ValueError("five")
    return [{"x": row["x"]} for row in rows]
"""
SCENARIOS = (
    asks("five", {"x": 5}, error="five"),
    asks("one", {"x": 1}, {"x": 1}),
    asks("two", [{"x": 2}, {"x": 3}], [{"x": 2}, {"x": 3}]),
)
STEPS = ("pipeline:features", "pipeline:run")


@pytest.mark.parametrize("seed", range(12))
def test_a_lie_is_a_finding(bench: Bench, seed: int) -> None:
    honest = bench.package(
        LIAR.replace("LOT", "0").replace("worker.encode = lie", ""), *SCENARIOS, steps=STEPS
    )
    before = bench.verify(honest)
    assert before.passed, report_text(before)
    traces = [result.trace for result in before.scenarios if result.trace]

    lying = bench.package(LIAR.replace("LOT", str(seed)), *SCENARIOS, steps=STEPS)
    report = bench.verify(lying, deadline_s=5.0, references=[traces])
    assert {result.name for result in report.scenarios} == {one.name for one in SCENARIOS}
    assert all(letter.isprintable() or letter == "\n" for letter in report_text(report))
    assert junit_xml(report).startswith(b"<?xml")
    statement = attest(report)
    assert Attestation.from_bytes(statement.to_bytes()) == statement
