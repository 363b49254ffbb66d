"""Whatever package code does, its scenario says so and the others are still asked."""

from __future__ import annotations

import pytest
from tests.e2e.verify.desk import Desk

from ketch.cli.verification import report_text
from ketch.verify import Report
from ketch.verify.subject import MOST_DEATHS

pytestmark = pytest.mark.e2e

# What a step does -> what the report says of it. The first table ends the process.
DEADLY = {
    "exits": ("os._exit(3)", "the worker ended with exit status 3"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "the worker was killed by SIGKILL"),
    "crashes": ("ctypes.string_at(0)", "the worker was killed by SIGSEGV"),
    "hangs": ("time.sleep(60)", "expected an answer to `predict` within 4 s, found none"),
}
FAILING = {
    "raises": ("raise RuntimeError('no stock')", "`RuntimeError`: no stock"),
    "exits politely": ("sys.exit(0)", "`SystemExit`: 0"),
    "eats memory": ("bytearray(2**31)", "package code ran out of memory"),
    "recurses": ("again = lambda: again(); again()", "`RecursionError`: maximum recursion depth"),
    "answers an object": ("return [{'y': object()}]", "expected `int64`, found `object`"),
    "answers a set": ("return [{'y': {1}}]", "expected `int64`, found `set` `{1}`"),
    "answers too few": ("return []", "expected 1 rows, found 0"),
    "answers too many": ("return rows * 3", "expected 1 rows, found 3"),
    "answers NaN": ("return [{'y': float('nan')}]", "expected `int64`, found `nan`"),
    "answers nothing": ("return None", "found `NoneType`"),
    "answers half": ("return [{'z': 1}]", "expected the output `y` in row 0, found none"),
    "starts a program": (
        "os.system('true') == 0 or os.execv('/bin/true', ['true'])",
        "`PermissionError`",
    ),
}
HARMLESS = {
    "floods": "print('x' * 5_000_000); sys.stderr.write('y' * 5_000_000)",
    "changes its input": "rows[0].clear(); rows[0]['y'] = 1; return rows",
    "leaves a process": "os.fork() or os._exit(0)",
    "leaves a thread": "threading.Thread(target=time.sleep, args=(60,)).start()",
}
PIPELINE = """
import ctypes, os, signal, sys, threading, time

def features(_, rows):
    return rows

def run(_, rows):
    kind = rows[0]["kind"]
    {acts}
    return [{{"y": 1}} for _ in rows]
"""
STEPS = ("pipeline:features", "pipeline:run")


def written(desk: Desk, acts: dict[str, str], **more: object) -> None:
    """Write a package that does each of these when it is asked to, and then answers."""
    cases = [f"if kind == {kind!r}:\n        {act}" for kind, act in acts.items()]
    desk.write(
        PIPELINE.format(acts="\n    ".join(cases)),
        [
            {"name": kind, "inputs": {"kind": kind}, "expected": {"y": 1}}
            for kind in (*acts, "0 before", "~ after")
        ],
        inputs='kind = "string"',
        steps=STEPS,
        **more,
    )


def failures(report: Report) -> dict[str, str]:
    return {
        result.name: result.differences[0].message
        for result in report.scenarios
        if not result.passed
    }


def test_a_process_that_ends_fails_its_scenario_and_the_others_are_asked(desk: Desk) -> None:
    written(desk, {kind: act for kind, (act, _) in DEADLY.items()})
    report = desk.ask(deadline_s=4.0)
    told = failures(report)
    assert told.keys() == DEADLY.keys()
    for kind, (_, words) in DEADLY.items():
        assert told[kind].startswith(words)
        assert told[kind].endswith("(at step `pipeline:run`)")
    steps = {one.divergence and one.divergence.step for one in report.scenarios if not one.passed}
    assert steps == {"pipeline:run"}
    assert report.problem is None
    assert all(probe.passed for probe in report.probes)
    assert "Fatal Python error: Segmentation fault" in report_text(report)


def test_code_that_fails_names_its_step_and_leaves_the_process_alive(desk: Desk) -> None:
    written(
        desk, {kind: act for kind, (act, _) in FAILING.items()}, more="[budget]\nmemory_mb = 500"
    )
    report = desk.prove()
    told = failures(report)
    assert told.keys() == FAILING.keys()
    for kind, (_, words) in FAILING.items():
        assert words in told[kind], kind
        assert told[kind].endswith("(at step `pipeline:run`)")
    assert report.problem is None


def test_what_harms_nobody_keeps_the_contract(desk: Desk) -> None:
    written(desk, HARMLESS)
    report = desk.prove()
    assert report.passed, report_text(report)


def test_a_package_that_always_dies_is_given_up_and_says_so(desk: Desk) -> None:
    many = {f"{at}": "os._exit(3)" for at in range(MOST_DEATHS + 3)}
    written(desk, many)
    told = desk.ketch("verify", desk.folder, status=1).stdout
    assert "✗ could not be verified: the worker died 5 times; nothing more was asked" in told
    assert "✗ 4 scenarios not asked: 5, 6, 7, ~ after" in told
    assert "Traceback" not in told


def test_deaths_in_every_other_check_fail_that_check_and_name_the_step(desk: Desk) -> None:
    """In a probe, in a second process, in a batch, in the metrics: four deaths, four findings."""
    pipeline = """
import os

def run(_, rows):
    xs = [row["x"] for row in rows]
    if max(xs) > 1000: os._exit(3)
    if os.environ["PYTHONHASHSEED"] == "1": os._exit(4)
    if len(xs) == 2 and xs[0] > xs[1]: os._exit(5)
    return [{"y": x} for x in xs]
"""
    desk.write(
        pipeline,
        [{"inputs": [{"x": 1}, {"x": 2}], "expected": [{"y": 1}, {"y": 2}]}],
        inputs='x = { type = "int64", min = 0, max = 2000 }',
        more='[evaluate]\nrun = "evaluate:run"',
        files={"evaluate.py": "import os\ndef run(predict, data):\n    os._exit(6)\n"},
    )
    report = desk.prove()
    failed = {one.name: one.detail for one in report.probes if one.required and not one.passed}
    assert {name: detail.partition(" exit status ")[2] for name, detail in failed.items()} == {
        "extreme value": "3 while it answered `predict` (at step `pipeline:run`)",
        "same answer from a second process": (
            "4 while it answered `predict` (at step `pipeline:run`)"
        ),
        "same answer in any order": "5 while it answered `predict` (at step `pipeline:run`)",
        "offline metrics": "6 while it answered `evaluate` (at `evaluate:run`)",
    }
    assert [one.passed for one in report.scenarios] == [True]
    assert report.measured.latency_ms is not None


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("import os\nos._exit(3)", "exit status 3 as it imported"),
        ("import ctypes\nctypes.string_at(0)", "was killed by SIGSEGV as it imported"),
        ("raise RuntimeError('no weights')", "`RuntimeError`: no weights"),
        ("def run(_, rows): return rows\ndel run", "`AttributeError`"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_told_by_the_function_it_was_for(
    desk: Desk, module: str, words: str
) -> None:
    code = f"def run(_, rows):\n    return rows\n\n{module}\n"
    desk.write(code, [{"inputs": {"x": 1}, "expected": {"y": 1}}])
    report = desk.json("verify", desk.folder, status=1)
    assert words in report["problem"]
    assert report["problem"].endswith("(at step `pipeline:run`)")
    assert [one["passed"] for one in report["scenarios"]] == [False]
    assert report["first_divergence"] is None
