"""The scenarios: does the package answer what it promises?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ketch.errors import Finding, PackageCodeError, Unavailable
from ketch.package import Divergence, Scenario, ScenarioTrace, StepTrace, first_divergence
from ketch.schema import Difference, decode
from ketch.verify.results import ScenarioResult
from ketch.verify.subject import FAILED, Subject, last_words

AN_ANSWER = "an answer"


def run(subject: Subject, scenario: Scenario) -> ScenarioResult:
    """Run one scenario, tracing each step."""
    rows, refused = decode(subject.schema.inputs, scenario.inputs)
    if refused:
        return _refused(scenario, refused)
    try:
        answer = subject.predict(rows, trace=True)
        trace = _trace(scenario, subject.steps(answer.trace))
        differences = _differences(subject, scenario, answer.rows)
    except FAILED as problem:
        return _failed(subject, scenario, problem)
    earlier = subject.earlier(trace)
    divergence = first_divergence(earlier.steps, trace.steps) if earlier else None
    if differences and earlier is None:
        divergence = _as_answered(subject, differences[0])
    return ScenarioResult(
        scenario.name,
        not differences,
        differences,
        divergence,
        trace=trace,
        compared=earlier is not None,
    )


def _differences(
    subject: Subject, scenario: Scenario, answered: Sequence[Mapping[str, object]]
) -> tuple[Difference, ...]:
    """Compare what was answered with what was promised, by the schema."""
    if scenario.expected_error is not None:
        return (_instead(scenario, AN_ANSWER),)
    outputs = subject.schema.outputs
    found, wrong = decode(outputs, answered)
    if wrong:
        return (_instead(scenario, f"the answer breaks the schema: {_listed(wrong)}"),)
    expected, wrong = decode(outputs, scenario.expected or ())
    if wrong:
        message = f"`expected` of the scenario breaks the schema: {_listed(wrong)}"
        return (Difference(0, "", None, None, message),)
    return subject.differences(expected, found)


def _refused(scenario: Scenario, findings: Sequence[Finding]) -> ScenarioResult:
    if any(_promised(scenario, one.code, one.message) for one in findings):
        return ScenarioResult(scenario.name, passed=True)
    difference = _instead(scenario, f"a refusal by the schema: {_listed(findings)}")
    return ScenarioResult(scenario.name, passed=False, differences=(difference,))


def _failed(
    subject: Subject, scenario: Scenario, problem: PackageCodeError | Unavailable
) -> ScenarioResult:
    """Return the result when no answer came: an exception can be promised, a death cannot."""
    raised = isinstance(problem, PackageCodeError)
    if raised and _promised(scenario, problem.code, problem.message):
        return ScenarioResult(scenario.name, passed=True)
    return ScenarioResult(
        scenario.name,
        passed=False,
        differences=(_instead(scenario, subject.told(problem)),),
        divergence=_up_to(subject, scenario, problem),
        asked=problem.code != "verify/not-asked",
        said=last_words(problem, frames=1),
        hint=problem.hint if raised else None,  # of a death it is what was printed
    )


def _up_to(
    subject: Subject, scenario: Scenario, problem: PackageCodeError | Unavailable
) -> Divergence | None:
    """Return where the steps first moved, up to the one that failed."""
    trace = _trace(scenario, _returned(subject, problem))
    earlier = subject.earlier(trace)
    if earlier is not None:
        moved = first_divergence(earlier.steps[: len(trace.steps)], trace.steps)
        if moved is not None:
            return moved
    step = subject.step_of(problem)
    if step is None:
        return None
    return Divergence(step, "", None, _expected(scenario), problem.message)


def _returned(subject: Subject, problem: PackageCodeError | Unavailable) -> tuple[StepTrace, ...]:
    """Return the traces of the steps before the one that failed."""
    try:
        return subject.steps(problem.trace) if isinstance(problem, PackageCodeError) else ()
    except Unavailable:  # no traces at all: what was raised still has to be told
        return ()


def _as_answered(subject: Subject, difference: Difference) -> Divergence:
    """Return where the answer parts from the promise, when no earlier run says more."""
    step = subject.package.manifest.pipeline.steps[-1]
    row = difference.row if difference.field else None
    return Divergence(step, difference.field, row, difference.expected, difference.found)


def _instead(scenario: Scenario, found: str) -> Difference:
    expected = _expected(scenario)
    told = found if expected == AN_ANSWER else f"expected {expected}, found {found}"
    return Difference(0, "", expected, found, told)


def _expected(scenario: Scenario) -> str:
    error = scenario.expected_error
    return AN_ANSWER if error is None else f"an error with `{error}`"


def _promised(scenario: Scenario, code: str, message: str) -> bool:
    error = scenario.expected_error
    return error is not None and (error == code or error in message)


def _trace(scenario: Scenario, steps: tuple[StepTrace, ...]) -> ScenarioTrace:
    return ScenarioTrace(scenario.name, scenario.inputs_digest, steps)


def _listed(findings: Sequence[Finding]) -> str:
    listed = "; ".join(f"{finding.where}: {finding.message}" for finding in findings[:5])
    more = len(findings) - 5
    return listed if more <= 0 else f"{listed}; and {more} more"
