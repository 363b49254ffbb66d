"""What is being verified: a package, its running worker, and what to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from ketch.package import Divergence, Package, ScenarioTrace, first_divergence
from ketch.runtime import Worker, comparisons
from ketch.schema import CompareFunction, Schema


@dataclass(frozen=True)
class Subject:
    """A package under verification.

    Attributes:
        package: The package, in a store.
        worker: A worker that has loaded it.
        start: Starts another worker that has loaded it, with another hash seed.
        data: Data reference name → file, for those that are at hand.
        references: Earlier traces to compare with, the best one first.
        deadline_s: How long one call may take, in seconds.
    """

    package: Package
    worker: Worker
    start: Callable[[int], AbstractContextManager[Worker]]
    data: Mapping[str, Path] = field(default_factory=dict)
    references: Sequence[Sequence[ScenarioTrace]] = ()
    deadline_s: float = 60.0

    @property
    def schema(self) -> Schema:
        """The types of the prediction API."""
        return self.package.manifest.schema

    @property
    def functions(self) -> dict[str, CompareFunction]:
        """The package's own comparison functions, each run in its worker."""
        return comparisons(self.worker, self.schema)

    def divergence(self, trace: ScenarioTrace) -> Divergence | None:
        """Return where a trace parts from the best reference for the same inputs."""
        for reference in self.references:
            for earlier in reference:
                if earlier.scenario == trace.scenario and earlier.inputs == trace.inputs:
                    return first_divergence(earlier.steps, trace.steps)
        return None
