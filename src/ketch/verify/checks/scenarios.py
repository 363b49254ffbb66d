"""The scenarios: does the package answer what it promises?"""

from __future__ import annotations

from collections.abc import Sequence

from ketch.errors import Finding, PackageCodeError
from ketch.package import (
    Divergence,
    Scenario,
    ScenarioTrace,
    StepTrace,
)
from ketch.schema import Difference, Row, compare, decode
from ketch.verify.results import ScenarioResult
from ketch.verify.subject import Subject


def run(subject: Subject, scenario: Scenario) -> ScenarioResult:
    """Run one scenario, tracing each step."""
    rows, refused = decode(subject.schema.inputs, scenario.inputs)
    if refused:
        return _refused(scenario, refused)
    try:
        answer = subject.worker.predict(rows, deadline_s=subject.deadline_s, trace=True)
    except PackageCodeError as problem:
        return _raised(scenario, problem)
    trace = ScenarioTrace(
        scenario.name,
        scenario.inputs_digest,
        tuple(StepTrace.from_json(step) for step in answer.trace),
    )
    divergence = subject.divergence(trace)
    if scenario.expected_error is not None:
        error = f"expected an error with `{scenario.expected_error}`, found an answer"
        return ScenarioResult(scenario.name, False, (), error, divergence, trace)
    found, wrong = decode(subject.schema.outputs, answer.rows)
    if wrong:
        error = f"the answer breaks the schema: {_listed(wrong)}"
        return ScenarioResult(scenario.name, False, (), error, divergence, trace)
    differences = _differences(subject, scenario, found)
    return ScenarioResult(scenario.name, not differences, differences, None, divergence, trace)


def _differences(
    subject: Subject, scenario: Scenario, found: Sequence[Row]
) -> tuple[Difference, ...]:
    expected, wrong = decode(subject.schema.outputs, scenario.expected or ())
    if wrong:
        message = f"`expected` of the scenario breaks the schema: {_listed(wrong)}"
        return (Difference(0, wrong[0].where or "", None, None, message),)
    return compare(subject.schema.outputs, expected, found, subject.functions)


def _refused(scenario: Scenario, findings: Sequence[Finding]) -> ScenarioResult:
    said = [text for finding in findings for text in (finding.code, finding.message)]
    if _promised(scenario, said):
        return ScenarioResult(scenario.name, True)
    return ScenarioResult(
        scenario.name, False, error=f"the schema refuses the inputs: {_listed(findings)}"
    )


def _raised(scenario: Scenario, problem: PackageCodeError) -> ScenarioResult:
    if _promised(scenario, [problem.code, problem.message]):
        return ScenarioResult(scenario.name, True)
    at = f" (at step `{problem.where}`)" if problem.where else ""
    divergence = None
    if problem.where:
        divergence = Divergence(problem.where, "", None, "an answer", problem.message)
    return ScenarioResult(
        scenario.name, False, error=f"{problem.message}{at}", divergence=divergence
    )


def _promised(scenario: Scenario, said: Sequence[str]) -> bool:
    expected = scenario.expected_error
    return expected is not None and any(expected in text for text in said)


def _listed(findings: Sequence[Finding]) -> str:
    listed = "; ".join(f"{finding.where}: {finding.message}" for finding in findings[:5])
    more = len(findings) - 5
    return listed if more <= 0 else f"{listed}; and {more} more"
