"""Comparisons: recorded statements about how a package does beside another one.

The form is an in-toto Statement 1.0, as that of a verification. It is stored as a referrer
of the package that it is about, so it travels with it and never changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ketch.errors import ManifestError, UsageError
from ketch.package.attestation import STATEMENT
from ketch.package.digest import Digest
from ketch.schema.parse import canonical_json, parse_json

ARTIFACT_TYPE = "application/vnd.ketch.comparison.v1+json"
COMPARISON = "dev.ketch/comparison/v1"

MAX_COMPARISON_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Comparison:
    """A statement about one package beside another.

    Attributes:
        name: The package, as ``name:version``.
        subject: Its digest.
        against: The digest of the other one, whose place it may take.
        passed: Whether nothing speaks against it.
        predicate: What was asked and found: ``beside``, ``rows``, ``left_out``, ``notes``,
            ``lost``, ``differing``, ``metrics``, ``tolerance``, ``speaks_against``; and
            ``latency_ratio``, ``memory_mb``, ``started``, ``duration_s``.
    """

    name: str
    subject: Digest
    against: Digest
    passed: bool
    predicate: Mapping[str, object]

    @property
    def outcome(self) -> Digest:
        """The digest of what was found, whatever the times and measures were."""
        names = ("rows", "left_out", "notes", "lost", "metrics", "tolerance", "differing")
        found = {name: self.predicate.get(name) for name in names}
        return Digest.of(
            canonical_json({**found, "against": str(self.against), "passed": self.passed})
        )

    def to_bytes(self) -> bytes:
        """Return the statement as canonical JSON."""
        predicate = dict(self.predicate)
        predicate["against"] = {"sha256": self.against.hex}
        predicate["passed"] = self.passed
        return canonical_json(
            {
                "_type": STATEMENT,
                "subject": [{"name": self.name, "digest": {"sha256": self.subject.hex}}],
                "predicateType": COMPARISON,
                "predicate": predicate,
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            ManifestError: It is no comparison.
        """
        try:
            match parse_json(content, max_bytes=MAX_COMPARISON_BYTES):
                case {
                    "_type": str(form),
                    "predicateType": str(kind),
                    "subject": [{"name": str(name), "digest": {"sha256": str(sha256)}}],
                    "predicate": {
                        "passed": bool(passed),
                        "against": {"sha256": str(against)},
                        **others,
                    },
                } if (form, kind) == (STATEMENT, COMPARISON):
                    subject, other = (Digest.parse(f"sha256:{one}") for one in (sha256, against))
                    predicate = {str(key): value for key, value in others.items()}
                    return cls(name, subject, other, passed, predicate)
        except (UsageError, ManifestError) as problem:
            raise _refused(problem.message) from problem
        raise _refused("expected a comparison of one package with another")


def _refused(message: str) -> ManifestError:
    return ManifestError(message, code="package/attestation")
