"""JUnit XML that any reader takes: one test case a scenario and a probe."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from tests.verification import report_of

from ketch.package import Divergence
from ketch.schema import Difference
from ketch.verify import ProbeResult, Report, ScenarioResult, junit_xml

DIFFERENCE = Difference(1, "score", 0.5, 0.25, "expected `0.5`, found `0.25`")
REPORT = report_of(
    scenarios=(
        ScenarioResult("kept", passed=True, duration_s=0.25),
        ScenarioResult(
            "broken",
            passed=False,
            differences=(DIFFERENCE,),
            divergence=Divergence("pipeline:features", "days", 0, 3, 4),
        ),
    ),
    probes=(
        ProbeResult("extreme value", passed=False, detail="`x` = `1`:\nit crashed"),
        ProbeResult("same answer in any order", passed=False, required=False, detail="row 0"),
        ProbeResult("missing field", passed=True),
    ),
)


def suite_of(report: Report) -> ET.Element:
    root = ET.fromstring(junit_xml(report))  # our own
    assert root.tag == "testsuites"
    (suite,) = root
    return suite


def test_each_scenario_and_each_probe_is_one_test_case() -> None:
    suite = suite_of(REPORT)
    assert [(case.get("classname"), case.get("name")) for case in suite] == [
        ("hello:1.0.0.scenario", "kept"),
        ("hello:1.0.0.scenario", "broken"),
        ("hello:1.0.0.probe", "extreme value"),
        ("hello:1.0.0.probe", "same answer in any order"),
        ("hello:1.0.0.probe", "missing field"),
    ]
    counted = [suite.get(name) for name in ("tests", "failures", "skipped", "errors")]
    assert counted == ["5", "2", "1", "0"]


def test_a_failure_tells_row_field_values_and_step() -> None:
    failure = suite_of(REPORT).find("testcase[@name='broken']/failure")
    assert failure is not None
    assert failure.get("message") == "row 1, score: expected `0.5`, found `0.25`"
    assert failure.text == (
        "row 1, score: expected `0.5`, found `0.25`\n"
        "first moved at step pipeline:features, field days"
    )


def test_a_message_is_one_line_and_the_text_is_all_of_it() -> None:
    failure = suite_of(REPORT).find("testcase[@name='extreme value']/failure")
    assert failure is not None
    assert failure.get("message") == "`x` = `1`:"
    assert failure.text == "`x` = `1`:\nit crashed"


def test_a_licence_that_was_not_given_is_skipped() -> None:
    skipped = suite_of(REPORT).find("testcase[@name='same answer in any order']/skipped")
    assert skipped is not None


def test_a_package_that_could_not_be_asked_is_a_failure_of_its_own() -> None:
    suite = suite_of(report_of(problem="it cannot be loaded"))
    (case,) = suite
    assert (case.get("name"), suite.get("failures")) == ("worker", "1")


def test_times_are_as_the_schema_of_junit_has_them() -> None:
    suite = suite_of(REPORT)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(suite.get("timestamp")))
    assert all(re.fullmatch(r"\d+\.\d{3}", str(case.get("time"))) for case in suite)
    assert suite[0].get("time") == "0.250"


@given(st.text(), st.text(min_size=1))
def test_any_text_makes_well_formed_xml(name: str, detail: str) -> None:
    report = report_of(
        scenarios=(
            ScenarioResult(name, passed=False, differences=(Difference(0, "", 1, 2, detail),)),
        ),
        probes=(ProbeResult(name, passed=False, detail=detail),),
        metrics={name: 1.0},
    )
    assert [case.find("failure") is not None for case in suite_of(report)] == [True, True]


def test_control_characters_are_replaced() -> None:
    report = report_of(probes=(ProbeResult("p", passed=False, detail="a\x00b\x1b[2Jc\ud800"),))
    failure = suite_of(report).find("testcase/failure")
    assert failure is not None
    assert failure.text == "a\ufffdb\ufffd[2Jc\ufffd"
