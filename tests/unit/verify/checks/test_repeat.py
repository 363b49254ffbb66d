"""The same question gets the same answer, alone, in company, and elsewhere."""

from __future__ import annotations

import pytest
from tests.verification import ECHO, Bench

from ketch.runtime.licence import BATCH_INVARIANCE, ORDER_INVARIANCE
from ketch.schema import Row
from ketch.verify import ProbeResult
from ketch.verify.checks import repeat
from ketch.verify.checks.repeat import DETERMINISM, SECOND_PROCESS

EVERYTHING = [DETERMINISM, SECOND_PROCESS, BATCH_INVARIANCE, ORDER_INVARIANCE]


def asked(bench: Bench, source: str, *xs: int) -> dict[str, ProbeResult]:
    package = bench.package(source)
    with bench.subject(package, deadline_s=3.0) as subject:
        rows: list[Row] = [{"x": x} for x in xs or (3, 1, 2)]
        return {result.name: result for result in repeat.run(subject, rows)}


def failed(found: dict[str, ProbeResult]) -> list[str]:
    return [name for name, result in found.items() if not result.passed]


def test_a_package_without_whims_passes_and_may_be_batched(bench: Bench) -> None:
    found = asked(bench, ECHO)
    assert list(found) == EVERYTHING
    assert failed(found) == []
    assert found[BATCH_INVARIANCE].detail == "3 rows"


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        (
            "import random\ndef run(model, rows): return [{'x': random.getrandbits(60)} for _ in rows]",
            EVERYTHING,
        ),
        (
            "import time\ndef run(model, rows): return [{'x': time.time_ns()} for _ in rows]",
            EVERYTHING,
        ),
        (
            "calls = []\ndef run(model, rows):\n    calls.append(1)\n    return [{'x': len(calls)} for _ in rows]",
            [DETERMINISM, BATCH_INVARIANCE, ORDER_INVARIANCE],
        ),
        ("def run(model, rows): return [{'x': hash('a') % 2**60} for _ in rows]", [SECOND_PROCESS]),
        (
            "KEPT = [object() for _ in range(9)]\ndef run(model, rows): return [{'x': id(KEPT)} for _ in rows]",
            [SECOND_PROCESS],
        ),
        (
            "def run(model, rows):\n    mean = sum(row['x'] for row in rows) // len(rows)\n    return [{'x': mean} for _ in rows]",
            [BATCH_INVARIANCE, ORDER_INVARIANCE],
        ),
        (
            "def run(model, rows): return [{'x': at} for at, _ in enumerate(rows)]",
            [BATCH_INVARIANCE, ORDER_INVARIANCE],
        ),
        (
            "def run(model, rows):\n    best = rows[0]['x'] < rows[-1]['x']\n    return [{'x': row['x'] + best} for row in rows]",
            [ORDER_INVARIANCE],
        ),
    ],
    ids=["random", "clock", "counter", "hash", "id", "mean", "place", "order"],
)
def test_each_whim_is_caught_by_its_probe(bench: Bench, source: str, broken: list[str]) -> None:
    found = asked(bench, source)
    assert failed(found) == broken
    for name in broken:
        assert found[name].detail.startswith("row ")
        assert found[name].required is (name in {DETERMINISM, SECOND_PROCESS})


def test_a_refusal_is_an_answer_that_must_come_again(bench: Bench) -> None:
    steady = (
        "def run(model, rows):\n    if rows[0]['x'] == 2: raise ValueError('two')\n    return rows"
    )
    found = asked(bench, steady, 1, 2)
    assert failed(found) == [BATCH_INVARIANCE, ORDER_INVARIANCE]
    whim = """
calls = []
def run(model, rows):
    calls.append(1)
    if len(calls) % 2: raise ValueError("odd")
    return rows
"""
    found = asked(bench, whim, 1)
    assert found[DETERMINISM].detail == "row 0: refused (`ValueError`: odd) first, answered then"


def test_a_batch_that_is_refused_only_takes_the_licence_away(bench: Bench) -> None:
    source = "def run(model, rows):\n    if len(rows) > 1: raise ValueError('one at a time')\n    return rows"
    found = asked(bench, source)
    assert failed(found) == [BATCH_INVARIANCE, ORDER_INVARIANCE]
    assert not found[BATCH_INVARIANCE].required
    assert "one at a time" in found[BATCH_INVARIANCE].detail


@pytest.mark.parametrize("act", ["raise KeyError('many')", "os._exit(3)", "time.sleep(60)"])
def test_a_batch_that_crashes_breaks_the_contract(bench: Bench, act: str) -> None:
    source = f"import os, time\ndef run(model, rows):\n    if len(rows) > 1: {act}\n    return rows"
    found = asked(bench, source)
    assert failed(found) == [BATCH_INVARIANCE, ORDER_INVARIANCE]
    assert found[BATCH_INVARIANCE].required
    assert found[BATCH_INVARIANCE].detail.endswith("(at step `pipeline:run`)")


def test_a_death_of_the_second_process_fails_its_probe_alone(bench: Bench) -> None:
    died = "import os\ndef run(model, rows):\n    if os.environ['PYTHONHASHSEED'] == '1': os._exit(3)\n    return rows"
    found = asked(bench, died)
    assert failed(found) == [SECOND_PROCESS]
    assert found[SECOND_PROCESS].detail.endswith("(at step `pipeline:run`)")
    unloadable = (
        "import os\nif os.environ['PYTHONHASHSEED'] == '1': raise KeyError('seed')\n" + ECHO
    )
    found = asked(bench, unloadable)
    assert failed(found) == [SECOND_PROCESS]
    assert "`KeyError`: 'seed'" in found[SECOND_PROCESS].detail


def test_a_row_that_crashes_alone_is_told_and_nothing_is_licensed(bench: Bench) -> None:
    source = (
        "def run(model, rows):\n    if len(rows) == 1: raise KeyError('alone')\n    return rows"
    )
    found = asked(bench, source)
    assert list(found) == [DETERMINISM]
    assert "`KeyError`: 'alone'" in found[DETERMINISM].detail


@pytest.mark.parametrize("act", ["raise KeyError('tired')", "os._exit(3)"])
def test_a_comparison_that_fails_late_fails_its_question(bench: Bench, act: str) -> None:
    source = f"""
import os
calls = []
def run(model, rows): return rows
def near(expected, found):
    calls.append(1)
    if len(calls) == 5: {act}
    return True
"""
    package = bench.package(source, outputs={"x": {"type": "int64", "compare": "pipeline:near"}})
    with bench.subject(package) as subject:
        found = {one.name: one for one in repeat.run(subject, [{"x": 1}, {"x": 2}])}
    assert list(found) == EVERYTHING
    assert failed(found) == [BATCH_INVARIANCE]
    assert found[BATCH_INVARIANCE].required
    assert found[BATCH_INVARIANCE].detail.endswith("(at `pipeline:near`)")


def test_one_row_licenses_nothing(bench: Bench) -> None:
    found = asked(bench, ECHO, 1)
    assert failed(found) == [BATCH_INVARIANCE, ORDER_INVARIANCE]
    assert found[BATCH_INVARIANCE].detail == "needs two rows to try"
    assert not found[BATCH_INVARIANCE].required


def test_one_row_shows_an_answer_that_counts_its_neighbours(bench: Bench) -> None:
    source = "def run(model, rows): return [{'x': row['x'] * len(rows)} for row in rows]"
    found = asked(bench, source, 3)
    assert failed(found) == [BATCH_INVARIANCE, ORDER_INVARIANCE]
    assert "expected `3`, found `6`" in found[BATCH_INVARIANCE].detail
    assert not found[BATCH_INVARIANCE].required


def test_at_most_a_few_rows_are_asked(bench: Bench) -> None:
    found = asked(bench, ECHO, *range(200))
    assert found[BATCH_INVARIANCE].detail == f"{repeat.MAX_ROWS} rows"
