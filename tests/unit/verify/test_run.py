"""Every check is asked, whatever the others found; the report says what each did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.verification import ECHO, Bench, asks

from ketch.errors import UsageError
from ketch.package import Digest
from ketch.package.manifest import Budget
from ketch.verify import Report, verify
from ketch.verify.subject import MOST_DEATHS

MOODY = """
import os
def run(model, rows):
    if rows[0]["x"] < 0: os._exit(3)
    if rows[0]["x"] > 99: raise ValueError("too many")
    return rows
"""


def outcomes(report: Report) -> dict[str, bool]:
    return {result.name: result.passed for result in report.scenarios}


def test_a_package_that_keeps_its_contract_passes_every_check(bench: Bench) -> None:
    scenario = asks("two", [{"x": 1}, {"x": 2}], [{"x": 1}, {"x": 2}])
    package = bench.package(
        ECHO,
        scenario,
        budget=Budget(latency_ms=5000),
        more={"evaluate.py": "def run(predict, data): return {'auc': 0.9}"},
        evaluate="evaluate:run",
    )
    report = bench.verify(package)
    assert report.passed
    assert (report.problem, report.notes) == (None, ())
    assert outcomes(report) == {"two": True}
    assert all(probe.passed for probe in report.probes)
    assert [probe.name for probe in report.probes][-2:] == ["latency budget", "offline metrics"]
    assert dict(report.metrics) == {"auc": 0.9}
    assert (report.name, report.digest) == ("hello:1.0.0", package.digest)
    assert report.setting["lock"] == str(Digest.of(package.lock))
    assert {"python", "sandbox", "machine", "ketch"} <= set(report.setting)
    assert report.measured.latency_ms is not None
    assert timedelta(0) <= datetime.now(UTC) - report.started < timedelta(minutes=5)


def test_a_scenario_whose_worker_dies_does_not_keep_others_from_being_asked(bench: Bench) -> None:
    package = bench.package(
        MOODY,
        asks("a-fine", {"x": 1}, {"x": 1}),
        asks("b-dies", {"x": -1}, {"x": -1}),
        asks("c-fine", {"x": 2}, {"x": 2}),
        asks("d-refused", {"x": 100}, error="too many"),
    )
    report = bench.verify(package)
    assert outcomes(report) == {
        "a-fine": True,
        "b-dies": False,
        "c-fine": True,
        "d-refused": True,
    }
    assert not report.passed
    assert report.problem is None
    failed = [probe.name for probe in report.probes if probe.required and not probe.passed]
    assert failed == ["extreme value"]
    assert report.first_divergence is not None
    assert report.first_divergence.step == "pipeline:run"


def test_after_too_many_deaths_every_check_says_that_it_was_not_asked(bench: Bench) -> None:
    many = [asks(f"s{at}", {"x": -1}, {"x": -1}) for at in range(MOST_DEATHS + 2)]
    report = bench.verify(bench.package(MOODY, *many))
    assert not any(outcomes(report).values())
    assert [result.asked for result in report.scenarios] == [True] * MOST_DEATHS + [False] * 2
    assert report.scenarios[-1].differences[0].message == "not asked"
    assert report.problem == "the worker died 5 times; nothing more was asked"


def test_a_package_that_cannot_be_loaded_is_one_problem_with_its_traceback(bench: Bench) -> None:
    report = bench.verify(bench.package("import absent_library\n"))
    assert not report.passed
    assert "`ModuleNotFoundError`" in str(report.problem)
    assert 'File "code/pipeline.py", line 1' in report.said
    assert report.notes == ("add the library to the package's requirements",)
    assert [result.asked for result in report.scenarios] == [False]
    assert report.probes == ()
    assert report.setting["sandbox"] == []


def test_a_package_that_ends_its_process_as_it_is_loaded_is_one_problem(bench: Bench) -> None:
    report = bench.verify(bench.package("import os\nprint('bye', flush=True)\nos._exit(4)\n"))
    assert report.problem is not None
    assert "exit status 4 as it imported" in report.problem
    assert report.said == "it had printed:\nbye"
    assert report.notes == ()


def test_what_is_not_the_packages_fault_is_raised(bench: Bench) -> None:
    def start(seed: int) -> object:
        raise UsageError("the package needs `TOKEN`, which is not set")

    with pytest.raises(UsageError):
        verify(bench.package(), start, data={})  # type: ignore[arg-type] # it never returns


def test_an_earlier_run_tells_whether_the_package_or_its_promise_is_another(bench: Bench) -> None:
    before = bench.verify(bench.package())
    traces = [result.trace for result in before.scenarios if result.trace]
    promise = bench.package(ECHO, asks("echo", {"x": 1}, {"x": 2}))
    report = bench.verify(promise, references=[traces])
    assert report.first_divergence is None
    assert report.notes == (
        "in `echo`, every step returned what it did before: its promise is another",
    )
    alone = bench.verify(promise)
    assert alone.notes == (
        "no earlier run shows what each step returned; `ketch record` keeps that",
    )


def test_rows_of_kept_promises_are_asked_before_those_of_broken_ones(bench: Bench) -> None:
    source = "def run(model, rows):\n    if len(rows) == 1 and rows[0]['x'] == 1: open('first', 'a').write('1')\n    return rows"
    broken = asks("a", {"x": 1}, {"x": 9})
    kept = asks("b", {"x": 2}, {"x": 2})
    bench.verify(bench.package(source, broken, kept))
    asked = (bench.rig.folder / "scratch" / "first").read_text()
    # Once by its scenario, twice alone, once in a second process; never to be measured.
    assert asked == "1" * 4


def test_without_an_answer_nothing_is_probed_and_a_note_says_so(bench: Bench) -> None:
    package = bench.package("def run(model, rows): raise KeyError('x')")
    report = bench.verify(package)
    assert report.notes == ("no scenario was answered, so nothing could be probed",)


def test_a_package_whose_scenarios_all_promise_errors_can_pass(bench: Bench) -> None:
    source = "def run(model, rows): raise ValueError('closed')"
    report = bench.verify(bench.package(source, asks("a", {"x": 1}, error="closed")))
    assert report.passed
    assert report.notes == ()


def test_every_result_says_how_long_it_took(bench: Bench) -> None:
    slow = "import time\ndef run(model, rows):\n    time.sleep(0.05)\n    return rows"
    report = bench.verify(bench.package(slow))
    assert report.scenarios[0].duration_s >= 0.05
    took = [one.duration_s for one in report.scenarios] + [one.duration_s for one in report.probes]
    assert sum(took) <= report.duration_s


def test_progress_is_told_as_it_is_made(bench: Bench) -> None:
    package, told = bench.package(), list[str]()
    verify(package, bench.starter(package), data={}, progress=told.append)
    assert told == [
        "starting the worker",
        "scenario echo",
        "probing",
        "asking again",
        "measuring",
        "evaluating",
    ]
