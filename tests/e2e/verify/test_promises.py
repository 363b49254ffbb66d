"""Every way to say how exact an answer must be, and every way to promise an error."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from tests.e2e.verify.desk import Desk

from ketch.cli.verification import report_text
from ketch.verify import Report

pytestmark = pytest.mark.e2e

OUTPUTS = """
exact = "string"
plain = "float64"
relative = { type = "float64", rtol = 1e-3 }
absolute = { type = "float64", atol = 0.5 }
both = { type = "list<float64>", rtol = 1e-3, atol = 0.5 }
bag = { type = "list<string>", compare = "set" }
ranked = { type = "list<string>", compare = "ranking@2" }
own = { type = "string", compare = "alike:alike" }
"""
ALIKE = """
def alike(expected, found):
    if expected.lower() == found.lower():
        return True
    return f"{expected} and {found} are not alike"
"""
PROMISED: dict[str, object] = {
    "exact": "a",
    "plain": 0.1,
    "relative": 1000.0,
    "absolute": 1000.0,
    "both": [1000.0, 2000.0],
    "bag": ["a", "b", "c"],
    "ranked": ["a", "b", "c"],
    "own": "Yes",
}
KEPT: dict[str, object] = {
    "exact": "a",
    "plain": 0.1,
    "relative": 1000.9,
    "absolute": 1000.5,
    "both": [1001.4, 1997.6],
    "bag": ["c", "a", "b", "a"],
    "ranked": ["a", "b", "x", "y"],
    "own": "YES",
}
BROKEN: dict[str, tuple[object, str]] = {
    "exact": ("A", 'row 0, `exact`: expected `"a"`, found `"A"`'),
    "plain": (0.1000000001, "row 0, `plain`: expected `0.1`, found `0.1000000001`"),
    "relative": (1001.1, "row 0, `relative`: expected `1000.0`, found `1001.1`"),
    "absolute": (999.4, "row 0, `absolute`: expected `1000.0`, found `999.4`"),
    "both": ([1001.4, 1996.0], "row 0, `both[1]`: expected `2000.0`, found `1996.0`"),
    "bag": (
        ["a", "b", "d"],
        'row 0, `bag`: the items differ: 1 missing, such as `"c"`; 1 not expected, such as `"d"`',
    ),
    "ranked": (["b", "a", "c"], 'row 0, `ranked[0]`: expected `"a"`, found `"b"`'),
    "own": ("No", "row 0, `own`: Yes and No are not alike"),
}


def proved(desk: Desk, answer: Mapping[str, object]) -> Report:
    desk.write(
        f"def run(_, rows):\n    return [{dict(answer)!r} for _ in rows]\n",
        [{"inputs": {"x": 1}, "expected": PROMISED}],
        outputs=OUTPUTS,
        files={"alike.py": ALIKE},
    )
    return desk.prove()


def test_answers_within_every_tolerance_keep_the_contract(desk: Desk) -> None:
    report = proved(desk, KEPT)
    assert report.passed, report_text(report)


def test_each_answer_beyond_its_tolerance_is_a_difference_of_its_own(desk: Desk) -> None:
    report = proved(desk, {name: answer for name, (answer, _) in BROKEN.items()})
    assert not report.passed
    fields = [one.field for one in report.scenarios[0].differences]
    assert fields == [
        "exact",
        "plain",
        "relative",
        "absolute",
        "both[1]",
        "bag",
        "ranked[0]",
        "own",
    ]


@pytest.mark.parametrize("field", BROKEN)
def test_the_difference_is_shown_with_both_values(desk: Desk, field: str) -> None:
    answer, words = BROKEN[field]
    report = proved(desk, {**KEPT, field: answer})
    assert not report.passed
    assert words in [line.strip() for line in report_text(report).splitlines()]
    (told,) = report.to_json()["scenarios"][0]["differences"]  # type: ignore[index] # a list
    assert told["step"] == "pipeline:run"
    assert told["field"].startswith(field)
    assert {"expected", "found"} <= set(told)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({**PROMISED, "own": None}, "expected `string`, found `None`"),
        ({name: PROMISED[name] for name in ("exact", "own")}, "expected the output `plain`"),
    ],
)
def test_an_answer_that_breaks_the_outputs_is_told_before_it_is_compared(
    desk: Desk, answer: Mapping[str, object], words: str
) -> None:
    report = proved(desk, answer)
    assert words in report.scenarios[0].differences[0].message


REFUSING = """
def run(_, rows):
    if rows[0]["x"] == 13:
        raise ValueError("13 is sold out")
    if rows[0]["x"] == 14:
        raise LookupError("shelf 14")
    return [{"y": row["x"]} for row in rows]
"""
ERRORS: list[tuple[str, object, str, str | None]] = [
    ("a code of the schema", "13", "schema/wrong-type", None),
    ("words of the schema", "13", 'found `"13"`', None),
    ("a code of package code", 13, "package-code/raised", None),
    ("words of package code", 13, "is sold out", None),
    ("the name of an exception", 14, "`LookupError`", None),
    (
        "another code of the schema",
        "13",
        "schema/null",
        'expected an error with `schema/null`, found a refusal by the schema: rows[0].x: expected `int64`, found `"13"`',
    ),
    (
        "other words of package code",
        13,
        "no such shelf",
        "expected an error with `no such shelf`, found `ValueError`: 13 is sold out (at step `pipeline:run`)",
    ),
    ("an answer", 1, "is sold out", "expected an error with `is sold out`, found an answer"),
]


def test_promised_errors_are_kept_or_told_with_what_came_instead(desk: Desk) -> None:
    desk.write(
        REFUSING,
        [
            {"name": name, "inputs": {"x": x}, "expected_error": error}
            for name, x, error, _ in ERRORS
        ]
        + [{"name": "~", "inputs": {"x": 1}, "expected": {"y": 1}}],
        inputs='x = { type = "int64", min = 0, max = 20 }',
    )
    found = {result.name: result for result in desk.prove().scenarios}
    for name, _, _, words in ERRORS:
        said = [one.message for one in found[name].differences]
        assert said == ([] if words is None else [words]), json.dumps(said)
        assert found[name].passed is (words is None)
