"""A package whose answers depend on more than the question is caught by the right probe."""

from __future__ import annotations

import pytest
from tests.e2e.verify.desk import Desk

pytestmark = pytest.mark.e2e

TWICE, ELSEWHERE = "same answer twice", "same answer from a second process"
BATCH, ORDER = "same answer alone and in a batch", "same answer in any order"

BREAKS = {
    "random": ("import random", "random.getrandbits(50)", {TWICE, ELSEWHERE, BATCH, ORDER}),
    "the clock": ("import time", "time.time_ns()", {TWICE, ELSEWHERE, BATCH, ORDER}),
    "the process": ("import os", "os.getpid()", {ELSEWHERE}),
    "the order of a set": ("", "int(next(iter({'10', '11', '12', '13', '14'})))", {ELSEWHERE}),
    "an address": ("KEPT = object()", "id(KEPT)", {ELSEWHERE}),
    "earlier questions": (
        "CALLS = []",
        "CALLS.append(1) or len(CALLS)",
        {TWICE, ELSEWHERE, BATCH, ORDER},
    ),
}
LICENCES = {
    "the mean of the batch": ("", "sum(row['x'] for row in rows)", {BATCH, ORDER}),
    "the place in the batch": ("", "rows.index(one)", {BATCH, ORDER}),
    "the first of the batch": ("", "one['x'] + (rows[0]['x'] > rows[-1]['x'])", {ORDER}),
}
PIPELINE = "{imports}\n\ndef run(_, rows):\n    return [{{'y': {answer}}} for one in rows]\n"
# The promise is so lax that every answer keeps it: only the probes can tell.
LAX = 'y = { type = "int64", compare = "lax:lax" }'
MODULE = "def lax(expected, found):\n    return expected == -1 or expected == found\n"


def proved(desk: Desk, imports: str, answer: str) -> dict[str, object]:
    desk.write(
        PIPELINE.format(imports=imports, answer=answer),
        [{"inputs": [{"x": x} for x in (1, 2, 3)], "expected": [{"y": -1}] * 3}],
        outputs=LAX,
        files={"lax.py": MODULE},
    )
    report = desk.prove()
    assert [one.passed for one in report.scenarios] == [True]
    return {
        "passed": report.passed,
        "failed": {probe.name for probe in report.probes if not probe.passed},
        "required": {probe.name for probe in report.probes if probe.required},
    }


@pytest.mark.parametrize("whim", BREAKS)
def test_an_answer_that_cannot_be_repeated_breaks_the_contract(desk: Desk, whim: str) -> None:
    imports, answer, probes = BREAKS[whim]
    found = proved(desk, imports, answer)
    assert (found["passed"], found["failed"]) == (False, probes)
    assert found["required"] >= {TWICE, ELSEWHERE}  # type: ignore[operator] # a set


@pytest.mark.parametrize("whim", LICENCES)
def test_an_answer_that_depends_on_its_company_only_loses_the_licence_to_batch(
    desk: Desk, whim: str
) -> None:
    imports, answer, probes = LICENCES[whim]
    found = proved(desk, imports, answer)
    assert (found["passed"], found["failed"]) == (True, probes)


def test_a_whim_within_the_tolerance_of_its_field_is_none(desk: Desk) -> None:
    desk.write(
        "import random\n\ndef run(_, rows):\n    return [{'y': random.random() / 1e9} for _ in rows]",
        [{"inputs": [{"x": 1}, {"x": 2}], "expected": [{"y": 0.0}, {"y": 0.0}]}],
        outputs='y = { type = "float64", atol = 1e-6 }',
    )
    report = desk.prove()
    assert report.passed
    assert all(probe.passed for probe in report.probes)


def test_the_report_names_the_probe_the_row_the_field_and_what_to_do(desk: Desk) -> None:
    desk.write(
        "import random\n\ndef run(_, rows):\n    return [{'y': random.getrandbits(50)} for _ in rows]",
        [{"inputs": {"x": 1}, "expected": {"y": -1}}],
        outputs=LAX,
        files={"lax.py": MODULE},
    )
    told = desk.ketch("verify", desk.folder, status=1).stdout
    assert "  ✗ same answer twice: row 0, `y`: `lax:lax` says that they differ" in told
    assert "set a seed for every random choice" in told


def test_a_package_that_takes_one_record_is_licensed_whatever_it_does_with_it(desk: Desk) -> None:
    desk.write(
        "def run(_, row):\n    return {'y': row['x'] * 2}\n",
        [{"inputs": [{"x": 1}, {"x": 2}], "expected": [{"y": 2}, {"y": 4}]}],
    )
    toml = desk.folder / "ketch.toml"
    toml.write_text(toml.read_text().replace("[pipeline]", '[pipeline]\ntakes = "record"'))
    report = desk.prove()
    assert report.passed
    assert all(probe.passed for probe in report.probes)
