"""A report in the JUnit XML that every CI system reads."""

from __future__ import annotations

import re
from datetime import UTC
from xml.etree import ElementTree as ET

from ketch.verify.results import ProbeResult, Report, ScenarioResult

_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MESSAGE_CHARACTERS = 400


def junit_xml(report: Report) -> bytes:
    """Return one test suite: a test case for each scenario and each probe.

    What broke the contract is a failure; a licence that was not given is skipped. A
    package that could not be asked is one failure more, so that it is never a pass.
    """
    suite = ET.Element("testsuite", name=_clean(report.name))
    suite.extend(_scenario(report, result) for result in report.scenarios)
    suite.extend(_probe(report, result) for result in report.probes)
    if report.problem is not None:
        suite.append(_case(report, "verification", "worker", report.problem))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("time", f"{report.duration_s:.3f}")
    suite.set("timestamp", report.started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _scenario(report: Report, result: ScenarioResult) -> ET.Element:
    lines = [
        f"row {one.row}, {one.field}: {one.message}" if one.field else one.message
        for one in result.differences
    ]
    if result.divergence is not None:
        moved = result.divergence
        lines.append(f"first moved at step {moved.step}, field {moved.field or '(none)'}")
    problem = "" if result.passed else "\n".join(lines)
    return _case(report, "scenario", result.name, problem, duration_s=result.duration_s)


def _probe(report: Report, result: ProbeResult) -> ET.Element:
    problem = "" if result.passed else result.detail or "failed"
    outcome = "failure" if result.required else "skipped"
    return _case(
        report, "probe", result.name, problem, outcome=outcome, duration_s=result.duration_s
    )


def _case(
    report: Report,
    kind: str,
    name: str,
    problem: str,
    *,
    outcome: str = "failure",
    duration_s: float = 0.0,
) -> ET.Element:
    case = ET.Element("testcase", classname=_clean(f"{report.name}.{kind}"), name=_clean(name))
    case.set("time", f"{duration_s:.3f}")
    if problem:
        told = ET.SubElement(case, outcome)
        told.set("message", _clean(problem.splitlines()[0])[:_MESSAGE_CHARACTERS])
        told.text = _clean(problem)
    return case


def _clean(text: str) -> str:
    """Leave out what XML 1.0 cannot hold."""
    return _UNPRINTABLE.sub("\ufffd", text)
