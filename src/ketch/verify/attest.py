"""From a report to the statement that is kept beside the package."""

from __future__ import annotations

from ketch.package import Attestation
from ketch.verify.results import Report


def attest(report: Report) -> Attestation:
    """Return the attestation of a report: what may travel with the package.

    No path of this machine is in it, no value of a variable that was set outside, and
    nothing that the package printed.
    """
    left_out = ("package", "digest", "passed", "printed")
    body = {key: value for key, value in report.to_json().items() if key not in left_out}
    predicate = {key: report.discreet.value(value) for key, value in body.items()}
    traces = tuple(result.trace for result in report.scenarios if result.trace is not None)
    return Attestation(report.name, report.digest, report.passed, predicate, traces)
