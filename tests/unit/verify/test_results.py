"""What verification found prints itself as the fields that programs rely on."""

from __future__ import annotations

import json

from tests.verification import report_of

from ketch.package import Divergence
from ketch.schema import Difference
from ketch.verify import ProbeResult, ScenarioResult

MOVED = Divergence("pipeline:features", "days", 0, 3, 4)
DIFFERENCE = Difference(0, "score", 0.5, 0.25, "expected `0.5`, found `0.25`")
FAILED = ScenarioResult("bad", passed=False, differences=(DIFFERENCE,), divergence=MOVED)
NOTED = ScenarioResult("good", passed=True, divergence=Divergence("pipeline:run", "x", 1, 1, 2))


def test_each_difference_holds_step_field_expected_and_found() -> None:
    assert FAILED.to_json()["differences"] == [
        {
            "step": "pipeline:features",
            "row": 0,
            "field": "score",
            "expected": 0.5,
            "found": 0.25,
            "message": "expected `0.5`, found `0.25`",
        }
    ]


def test_a_report_passes_when_every_scenario_and_every_required_probe_does() -> None:
    licence = ProbeResult("batch", passed=False, required=False)
    assert report_of(scenarios=(NOTED,), probes=(licence,)).passed
    assert not report_of(scenarios=(NOTED, FAILED)).passed
    assert not report_of(probes=(ProbeResult("twice", passed=False),)).passed
    assert not report_of(problem="it cannot be loaded").passed


def test_the_first_divergence_is_that_of_a_failed_scenario_if_there_is_one() -> None:
    assert report_of(scenarios=(NOTED, FAILED)).first_divergence == MOVED
    assert report_of(scenarios=(NOTED,)).first_divergence == NOTED.divergence
    assert report_of().first_divergence is None


def test_a_report_is_json_and_holds_what_programs_rely_on() -> None:
    report = report_of(
        scenarios=(NOTED, FAILED),
        probes=(ProbeResult("twice", passed=False, detail="row 0", hint="seed it"),),
        metrics={"auc": 0.9},
        setting={"lock": "sha256:1"},
        problem="it died",
    )
    body = json.loads(json.dumps(report.to_json()))
    assert body["passed"] is False
    assert body["digest"] == str(report.digest)
    assert body["problem"] == "it died"
    assert body["lock"] == "sha256:1"
    assert body["metrics"] == {"auc": 0.9}
    assert body["first_divergence"]["step"] == "pipeline:features"
    assert [one["name"] for one in body["scenarios"]] == ["good", "bad"]
    assert body["probes"] == [
        {"name": "twice", "passed": False, "required": True, "detail": "row 0", "hint": "seed it"}
    ]
