"""Verification: a package's contract, run.

This area promises that a package which passed answered every scenario as promised,
in its own environment and sandbox, and survived every question its schema raises;
and that a package which did not is told which step, field and value moved first. It
decides nothing about promotion, and it builds nothing.
"""

from ketch.verify.junit import junit_xml
from ketch.verify.keep import attach, attestations
from ketch.verify.results import Measured, ProbeResult, Report, ScenarioResult
from ketch.verify.run import attest, verify

__all__ = [
    "Measured",
    "ProbeResult",
    "Report",
    "ScenarioResult",
    "attach",
    "attest",
    "attestations",
    "junit_xml",
    "verify",
]
