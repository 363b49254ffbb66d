"""A subject answers for as long as it can, and says when it cannot."""

from __future__ import annotations

import os
import signal
import time

import pytest
from tests.verification import Bench

from ketch.errors import PackageCodeError, Unavailable
from ketch.package import Digest, ScenarioTrace
from ketch.verify.subject import MOST_DEATHS

MOODY = """
import os, signal, threading, time
calls = 0
def run(model, rows):
    global calls
    calls += 1
    x = rows[0]["x"]
    if x == 2: raise RuntimeError("no")
    if x == 3: os._exit(7)
    if x == 4: time.sleep(60)
    if x == 5: threading.Timer(0.05, os._exit, (9,)).start()
    if x == 6: raise ValueError("six is refused")
    return [{"x": calls}]
"""


def test_a_worker_that_died_is_replaced_for_the_next_question(bench: Bench) -> None:
    with bench.subject(bench.package(MOODY)) as subject:
        assert [subject.predict([{"x": 1}]).rows[0]["x"] for _ in range(2)] == [1, 2]
        with pytest.raises(Unavailable) as caught:
            subject.predict([{"x": 3}])
        assert (caught.value.code, caught.value.where) == ("worker/died", "pipeline:run")
        assert subject.predict([{"x": 1}]).rows == [{"x": 1}]
        assert subject.problem is None


def test_a_worker_that_hangs_is_killed_and_replaced(bench: Bench) -> None:
    with bench.subject(bench.package(MOODY), deadline_s=2.0) as subject:
        with pytest.raises(Unavailable) as caught:
            subject.predict([{"x": 4}])
        assert (caught.value.code, caught.value.where) == ("worker/deadline", "pipeline:run")
        assert subject.predict([{"x": 1}]).rows == [{"x": 1}]


def test_a_worker_that_dies_between_two_questions_fails_the_second(bench: Bench) -> None:
    with bench.subject(bench.package(MOODY)) as subject:
        subject.predict([{"x": 5}])
        time.sleep(0.3)
        with pytest.raises(Unavailable, match="exit status 9"):
            subject.predict([{"x": 1}])
        assert subject.predict([{"x": 1}]).rows == [{"x": 1}]


def test_an_exception_of_package_code_leaves_the_worker_alive(bench: Bench) -> None:
    with bench.subject(bench.package(MOODY)) as subject:
        subject.predict([{"x": 1}])
        with pytest.raises(PackageCodeError):
            subject.predict([{"x": 2}])
        assert subject.predict([{"x": 1}]).rows == [{"x": 3}]


def test_after_too_many_deaths_nothing_more_is_asked(bench: Bench) -> None:
    with bench.subject(bench.package(MOODY)) as subject:
        for _ in range(MOST_DEATHS):
            with pytest.raises(Unavailable, match="exit status 7"):
                subject.predict([{"x": 3}])
        with pytest.raises(Unavailable) as caught:
            subject.predict([{"x": 1}])
        assert caught.value.code == "verify/not-asked"
        assert subject.problem is not None
        assert subject.problem.message == "the worker died 5 times; nothing more was asked"


def test_a_package_that_cannot_be_loaded_is_tried_once(bench: Bench) -> None:
    package = bench.package("raise RuntimeError('no model')")
    with bench.subject(package) as subject:
        assert subject.problem is not None
        assert "no model" in subject.problem.message
        with pytest.raises(Unavailable) as caught:
            subject.predict([{"x": 1}])
        assert caught.value.code == "verify/not-asked"


def test_a_machine_that_cannot_start_a_worker_says_nothing_about_the_package(
    bench: Bench,
) -> None:
    start = bench.starter(bench.package(), python=bench.rig.folder / "absent")
    with pytest.raises(Unavailable) as caught, bench.subject(bench.package(), start=start):
        pass
    assert caught.value.code == "worker/start"


def test_the_most_memory_of_all_workers_counts(bench: Bench) -> None:
    source = """
import os
kept = []
def run(model, rows):
    if rows[0]["x"] == 3: os._exit(1)
    if rows[0]["x"] == 2: kept.append(bytearray(b"x") * (80 * 2**20))
    return rows
"""
    with bench.subject(bench.package(source)) as subject:
        subject.predict([{"x": 2}])
        most = subject.rss_bytes
        with pytest.raises(Unavailable):
            subject.predict([{"x": 3}])
        subject.predict([{"x": 1}])
    assert subject.rss_bytes == most > 80 * 2**20


def test_what_is_told_names_the_step_once(bench: Bench) -> None:
    with bench.subject(bench.package(MOODY)) as subject:
        with pytest.raises(PackageCodeError) as caught:
            subject.predict([{"x": 2}])
        assert subject.told(caught.value) == "`RuntimeError`: no (at step `pipeline:run`)"
        problem = PackageCodeError("no rows", where="outputs")
        assert subject.told(problem) == "no rows (at step `pipeline:run`)"
        other = PackageCodeError("`compare:near` is wrong", where="compare:near")
        assert subject.told(other) == "`compare:near` is wrong"
        assert subject.told(PackageCodeError("so", where="a:b")) == "so (at `a:b`)"


def test_earlier_traces_are_of_the_same_question_the_best_first(bench: Bench) -> None:
    inputs, others = Digest.of(b"1"), Digest.of(b"2")
    best, worse = ScenarioTrace("a", inputs, ()), ScenarioTrace("a", inputs, ())
    unlike = ScenarioTrace("a", others, ())
    package = bench.package()
    with bench.subject(package, references=[[unlike], [best], [worse]]) as subject:
        assert subject.earlier(ScenarioTrace("a", inputs, ())) is best
        assert subject.earlier(ScenarioTrace("b", inputs, ())) is None


def test_a_second_process_has_another_hash_seed(bench: Bench) -> None:
    package = bench.package("def run(model, rows): return [{'x': hash('a')}]")
    with bench.subject(package) as subject, subject.elsewhere() as ask:
        assert ask([{"x": 1}]) != subject.predict([{"x": 1}]).rows


def test_traces_that_are_none_are_a_damaged_process(bench: Bench) -> None:
    with bench.subject(bench.package()) as subject, pytest.raises(Unavailable) as caught:
        subject.steps([{"step": "a", "fields": 3}])
    assert caught.value.code == "worker/protocol"


def test_nothing_runs_when_the_subject_has_been_closed(bench: Bench) -> None:
    with bench.subject(bench.package("import os\ndef run(m, r): return [{'x': os.getpid()}]")) as s:
        pid = s.predict([{"x": 1}]).rows[0]["x"]
    assert isinstance(pid, int)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
