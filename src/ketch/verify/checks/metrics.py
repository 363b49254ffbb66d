"""Metrics: the package's own evaluation, on the data that is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ketch.verify.results import ProbeResult
from ketch.verify.subject import FAILED, Subject

METRICS = "offline metrics"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the evaluation found.

    Attributes:
        metrics: Each metric by name.
        probes: Whether they could be computed, when there was something to compute.
        notes: Why nothing was computed.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    probes: tuple[ProbeResult, ...] = ()
    notes: tuple[str, ...] = ()


def evaluate(subject: Subject, data: Mapping[str, Path]) -> Evaluated:
    """Compute the metrics a package declares; failing to breaks its contract.

    Args:
        subject: The package.
        data: Data reference name → file, for those at hand. When a sample is missing,
            nothing is computed and nothing is broken.
    """
    manifest = subject.package.manifest
    if manifest.evaluate is None:
        return Evaluated()
    for one in manifest.data:
        if one.sample and one.name not in data:
            note = f"metrics were not computed: the sample of data `{one.name}` is not at hand"
            return Evaluated(notes=(note,))
    try:
        metrics = subject.evaluate(manifest.evaluate, data)
    except FAILED as problem:
        return _failed(subject.told(problem))
    if not metrics:
        return _failed(f"expected metrics by name from `{manifest.evaluate}`, found none")
    return Evaluated(metrics, (ProbeResult(METRICS, passed=True),))


def _failed(detail: str) -> Evaluated:
    return Evaluated(probes=(ProbeResult(METRICS, passed=False, detail=detail),))
