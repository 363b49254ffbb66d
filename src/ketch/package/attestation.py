"""Attestations: recorded statements about a package's digest.

The form is an in-toto Statement 1.0. A verification attestation says which checks
ran, what they found, in which environment, sandbox and machine, and when. It is
stored as a referrer of the package, so it travels with it and never changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ketch.errors import ManifestError, UsageError
from ketch.package.digest import Digest
from ketch.package.trace import ScenarioTrace
from ketch.schema.parse import canonical_json, parse_json

ARTIFACT_TYPE = "application/vnd.ketch.attestation.v1+json"
MEDIA_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
VERIFICATION = "dev.ketch/verification/v1"

MAX_ATTESTATION_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement about one package.

    Attributes:
        name: The package, as ``name:version``.
        subject: Digest of the package the statement is about.
        passed: Whether the package kept its contract.
        predicate: What was done and found: ``scenarios``, ``probes``, ``metrics``,
            ``measured``, ``problem``, ``notes``, ``python``, ``lock``, ``sandbox``,
            ``machine``, ``started``, ``duration_s``, ``ketch``, as ``ketch verify --json``.
        traces: What each step returned for each scenario.
    """

    name: str
    subject: Digest
    passed: bool
    predicate: Mapping[str, object]
    traces: tuple[ScenarioTrace, ...] = ()

    @property
    def outcome(self) -> Digest:
        """The digest of what was found, whatever the times, measures and machine were."""
        found = {name: self.predicate.get(name) for name in ("scenarios", "probes", "metrics")}
        return Digest.of(canonical_json({**found, "passed": self.passed}))

    def to_bytes(self) -> bytes:
        """Return the statement as canonical JSON."""
        predicate = dict(self.predicate)
        predicate["passed"] = self.passed
        predicate["traces"] = [trace.to_json() for trace in self.traces]
        return canonical_json(
            {
                "_type": STATEMENT,
                "subject": [{"name": self.name, "digest": {"sha256": self.subject.hex}}],
                "predicateType": VERIFICATION,
                "predicate": predicate,
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            ManifestError: It is no verification attestation.
        """
        try:
            match parse_json(content, max_bytes=MAX_ATTESTATION_BYTES):
                case {
                    "_type": str(form),
                    "predicateType": str(kind),
                    "subject": [{"name": str(name), "digest": {"sha256": str(sha256)}}],
                    "predicate": {"passed": bool(passed), "traces": list(traces), **others},
                } if (form, kind) == (STATEMENT, VERIFICATION):
                    subject = Digest.parse(f"sha256:{sha256}")
                    predicate = {str(key): value for key, value in others.items()}
                    read = tuple(ScenarioTrace.from_json(trace) for trace in traces)
                    return cls(name, subject, passed, predicate, read)
        except (UsageError, ManifestError) as problem:
            raise _refused(problem.message) from problem
        raise _refused("expected a verification of one package")


def _refused(message: str) -> ManifestError:
    return ManifestError(message, code="package/attestation")
