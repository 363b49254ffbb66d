"""Verification: a package's contract, run.

This area promises that a package which passed answered every scenario as promised,
in its own environment and sandbox, and survived every question its schema raises;
and that a package which did not is told which step, field and value moved first. It
decides nothing about promotion, and it builds nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ketch.verify.attest import attest
from ketch.verify.results import Measured, ProbeResult, Report, ScenarioResult

if TYPE_CHECKING:
    from ketch.verify.junit import junit_xml
    from ketch.verify.run import verify

__all__ = [
    "Measured",
    "ProbeResult",
    "Report",
    "ScenarioResult",
    "attest",
    "junit_xml",
    "verify",
]

_LATER = {"junit_xml": "ketch.verify.junit", "verify": "ketch.verify.run"}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'ketch.verify' has no attribute '{name}'")
    return getattr(import_module(_LATER[name]), name)
