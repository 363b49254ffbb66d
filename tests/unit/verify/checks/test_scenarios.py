"""A scenario passes when its promise is kept, and says step, field and values when not."""

from __future__ import annotations

from typing import Any

from tests.verification import Bench, asks

from ketch.package import Scenario
from ketch.verify import ScenarioResult
from ketch.verify.checks import scenarios

TWO_STEPS = """
def features(model, rows):
    return [{"x": row["x"], "twice": row["x"] * 2} for row in rows]
def run(model, rows):
    if rows[0]["twice"] == 14: raise ValueError("seven is refused")
    if rows[0]["twice"] == 16: raise KeyError("eight")
    return [{"x": row["twice"] // 2} for row in rows]
"""
STEPS = ("pipeline:features", "pipeline:run")


def result(bench: Bench, source: str, scenario: Scenario, **made: Any) -> ScenarioResult:
    references = made.pop("references", ())
    package = bench.package(source, scenario, **made)
    with bench.subject(package, references=references, deadline_s=5.0) as subject:
        return scenarios.run(subject, scenario)


def test_a_kept_promise_passes_with_a_trace_of_each_step(bench: Bench) -> None:
    found = result(bench, TWO_STEPS, asks("one", {"x": 1}, {"x": 1}), steps=STEPS)
    assert found.passed
    assert (found.differences, found.divergence, found.compared) == ((), None, False)
    assert found.trace is not None
    assert [step.step for step in found.trace.steps] == list(STEPS)


def test_a_broken_promise_names_row_field_and_both_values(bench: Bench) -> None:
    scenario = asks("two", [{"x": 1}, {"x": 2}], [{"x": 1}, {"x": 5}])
    (difference,) = result(bench, TWO_STEPS, scenario, steps=STEPS).differences
    assert (difference.row, difference.field) == (1, "x")
    assert (difference.expected, difference.found) == (5, 2)


def test_without_an_earlier_run_the_last_step_is_where_the_answer_parts(bench: Bench) -> None:
    found = result(bench, TWO_STEPS, asks("one", {"x": 1}, {"x": 3}), steps=STEPS)
    assert found.divergence is not None
    assert found.divergence.to_json() == {
        "step": "pipeline:run",
        "field": "x",
        "row": 0,
        "expected": 3,
        "found": 1,
        "measure": None,
    }
    assert not found.compared


def test_with_an_earlier_run_the_first_step_that_moved_is_named(bench: Bench) -> None:
    scenario = asks("one", {"x": 1}, {"x": 1})
    before = result(bench, TWO_STEPS, scenario, steps=STEPS).trace
    assert before is not None
    changed = TWO_STEPS.replace("* 2}", "* 6}")
    found = result(bench, changed, scenario, steps=STEPS, references=[[before]])
    assert not found.passed
    assert found.compared
    assert found.divergence is not None
    assert (found.divergence.step, found.divergence.field) == ("pipeline:features", "twice")
    assert (found.divergence.expected, found.divergence.found) == (2, 6)


def test_when_a_later_step_raises_the_step_that_moved_before_it_is_named(bench: Bench) -> None:
    scenario = asks("one", {"x": 1}, {"x": 1})
    before = result(bench, TWO_STEPS, scenario, steps=STEPS).trace
    assert before is not None
    changed = TWO_STEPS.replace("* 2}", "+ 15}")
    found = result(bench, changed, scenario, steps=STEPS, references=[[before]])
    assert "(at step `pipeline:run`)" in found.differences[0].message
    assert found.divergence is not None
    assert (found.divergence.step, found.divergence.field) == ("pipeline:features", "twice")


def test_when_no_step_moved_before_the_one_that_raises_that_one_is_named(bench: Bench) -> None:
    scenario = asks("one", {"x": 1}, {"x": 1})
    before = result(bench, TWO_STEPS, scenario, steps=STEPS).trace
    assert before is not None
    changed = TWO_STEPS.replace("== 14", "== 2")
    found = result(bench, changed, scenario, steps=STEPS, references=[[before]])
    assert found.divergence is not None
    assert (found.divergence.step, found.divergence.expected) == ("pipeline:run", "an answer")
    assert found.divergence.found == "`ValueError`: seven is refused"
    assert not found.said.startswith("Traceback")
    assert 'File "code/pipeline.py", line 5, in run' in found.said


def test_an_error_may_be_promised_by_its_code_or_by_part_of_its_words(bench: Bench) -> None:
    for error in ("package-code/raised", "seven is", "`ValueError`"):
        assert result(bench, TWO_STEPS, asks("a", {"x": 7}, error=error), steps=STEPS).passed
    for error in ("schema/wrong-type", "expected `int64`"):
        assert result(bench, TWO_STEPS, asks("a", {"x": "7"}, error=error), steps=STEPS).passed


def test_part_of_a_code_promises_nothing(bench: Bench) -> None:
    for inputs, error in (({"x": 7}, "package-code"), ({"x": "7"}, "schema")):
        assert not result(bench, TWO_STEPS, asks("a", inputs, error=error), steps=STEPS).passed


def test_another_error_than_the_promised_one_is_told_with_both(bench: Bench) -> None:
    found = result(bench, TWO_STEPS, asks("a", {"x": 7}, error="eight"), steps=STEPS)
    (difference,) = found.differences
    assert difference.message == (
        "expected an error with `eight`, found `ValueError`: seven is refused "
        "(at step `pipeline:run`)"
    )
    assert difference.expected == "an error with `eight`"


def test_an_answer_in_place_of_a_promised_error_is_told(bench: Bench) -> None:
    found = result(bench, TWO_STEPS, asks("a", {"x": 1}, error="eight"), steps=STEPS)
    assert [one.message for one in found.differences] == [
        "expected an error with `eight`, found an answer"
    ]


def test_inputs_that_the_schema_refuses_are_told_with_every_finding(bench: Bench) -> None:
    scenario = asks("a", {"x": "7", "y": 1}, {"x": 7})
    (difference,) = result(bench, TWO_STEPS, scenario, steps=STEPS).differences
    assert difference.message.startswith("a refusal by the schema: ")
    assert "`y`" in difference.message
    assert "`int64`" in difference.message


def test_an_expectation_that_breaks_the_schema_is_no_difference_of_the_answer(
    bench: Bench,
) -> None:
    found = result(bench, TWO_STEPS, asks("a", {"x": 1}, {"x": "one"}), steps=STEPS)
    assert found.differences[0].message.startswith("`expected` of the scenario breaks the schema")


def test_a_death_is_never_a_promised_error(bench: Bench) -> None:
    source = "import os\ndef run(model, rows): os._exit(3)\n"
    found = result(bench, source, asks("a", {"x": 1}, error="the worker"))
    assert not found.passed
    assert "exit status 3" in found.differences[0].message
    assert "(at step `pipeline:run`)" in found.differences[0].message
    assert found.divergence is not None
    assert found.divergence.step == "pipeline:run"


def test_a_comparison_that_raises_or_dies_fails_the_scenario_by_its_name(bench: Bench) -> None:
    source = """
import os
def run(model, rows): return rows
def near(expected, found):
    if expected == 2: raise KeyError("two")
    if expected == 3: os._exit(4)
    if expected == 4: return None
    return "they are far apart"
"""
    outputs = {"x": {"type": "int64", "compare": "pipeline:near"}}
    told = {}
    for x in (1, 2, 3, 4):
        found = result(bench, source, asks("a", {"x": x}, {"x": x}), outputs=outputs)
        assert not found.passed
        told[x] = found.differences[0].message
    assert told[1] == "they are far apart"
    assert told[2] == "`KeyError`: 'two' (at `pipeline:near`)"
    assert told[3].endswith("exit status 4 while it answered `compare` (at `pipeline:near`)")
    assert told[4] == "expected `bool or str`, found `NoneType` `None` (at `pipeline:near`)"


def test_an_answer_that_does_not_fit_names_the_last_step(bench: Bench) -> None:
    for answer, words in (
        ("[{'x': {1, 2}}]", "expected `int64`, found `set` `{1, 2}`"),
        ("[{'x': object()}]", "found `object`"),
        ("[{'x': float('nan')}]", "expected `int64`, found `nan`"),
        ("[]", "expected 1 rows, found 0"),
        ("rows * 2", "expected 1 rows, found 2"),
        ("None", "expected a list of dicts, a DataFrame or a dict of columns"),
        ("[{'y': 1}]", "expected the output `x` in row 0, found none"),
    ):
        source = f"def run(model, rows): return {answer}"
        (difference,) = result(bench, source, asks("a", {"x": 1}, {"x": 1})).differences
        assert words in difference.message
        assert difference.message.endswith("(at step `pipeline:run`)")


def test_a_step_that_changes_its_input_in_place_shows_what_each_step_returned(
    bench: Bench,
) -> None:
    source = """
def features(model, rows):
    return [{"x": row["x"] + 1} for row in rows]
def run(model, rows):
    rows[0]["x"] = rows[0]["x"] * 10
    return rows
"""
    for takes in ("records", "record"):
        code = (
            source
            if takes == "records"
            else source.replace("rows[0]", "rows").replace(
                '[{"x": row["x"] + 1} for row in rows]', '{"x": rows["x"] + 1}'
            )
        )
        scenario = asks("a", {"x": 1}, {"x": 20})
        found = result(bench, code, scenario, steps=STEPS, takes=takes)
        assert found.passed, found.differences
        assert found.trace is not None
        heads = [step.fields[0].head for step in found.trace.steps]
        assert heads == [(2,), (20,)]


def test_traces_that_package_code_forges_do_not_end_in_a_traceback(bench: Bench) -> None:
    source = """
import sys
worker = sys.modules["__main__"]
worker.Package.trace = lambda self: [{"step": 1, "fields": {lie}}]
def run(model, rows):
    if rows[0]["x"] == 2: raise KeyError("two")
    return rows
"""
    for lie in ("3", "[3]", "[{}]", "[{'name': None, 'head': 3}]"):
        code = source.replace("{lie}", lie)
        answered = result(bench, code, asks("a", {"x": 1}, {"x": 1}))
        assert "trace" in answered.differences[0].message
        raised = result(bench, code, asks("a", {"x": 2}, {"x": 2}))
        assert "`KeyError`" in raised.differences[0].message
