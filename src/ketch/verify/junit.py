"""A report in the JUnit XML that every CI system reads."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from ketch.verify.results import ProbeResult, Report, ScenarioResult

_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(report: Report) -> bytes:
    """Return one test suite: a test case for each scenario and each probe."""
    suite = ET.Element("testsuite", name=_clean(report.name))
    cases = [_scenario(report, result) for result in report.scenarios]
    cases += [_probe(report, result) for result in report.probes]
    if report.problem is not None:
        cases.append(_case(report, "verification", "worker", report.problem, required=True))
    suite.extend(cases)
    failures = sum(1 for case in cases if case.find("failure") is not None)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(failures))
    suite.set("errors", "0")
    suite.set("time", f"{report.duration_s:.3f}")
    suite.set("timestamp", report.started.isoformat())
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _scenario(report: Report, result: ScenarioResult) -> ET.Element:
    lines = [result.error] if result.error else []
    lines += [
        f"row {item.row}, {item.field}: expected {item.expected!r}, found {item.found!r}"
        for item in result.differences
    ]
    if result.divergence is not None:
        lines.append(f"first diverged at step {result.divergence.step}")
    problem = "\n".join(lines) if not result.passed else ""
    return _case(report, "scenario", result.name, problem, required=True)


def _probe(report: Report, result: ProbeResult) -> ET.Element:
    problem = "" if result.passed else result.detail or "failed"
    return _case(report, "probe", result.name, problem, required=result.required)


def _case(report: Report, kind: str, name: str, problem: str, *, required: bool) -> ET.Element:
    case = ET.Element("testcase", classname=_clean(f"{report.name}.{kind}"), name=_clean(name))
    if problem:
        outcome = ET.SubElement(case, "failure" if required else "skipped")
        outcome.set("message", _clean(problem.splitlines()[0]))
        outcome.text = _clean(problem)
    return case


def _clean(text: str) -> str:
    """Leave out what XML 1.0 cannot hold."""
    return _UNPRINTABLE.sub("\ufffd", text)
