"""Verification: does a package behave as it promises, in its own environment?

What "verified" means, in order; each is a file of ``checks/``:

1. **scenarios** — every promised input gets its promised output, within the tolerance
   of each field, or its promised error; each step is traced.
2. **probes** — the schema's own questions: missing, renamed and extra fields, nulls,
   wrong types, unseen categories, extremes. A typed error or a valid answer, never a
   crash.
3. **repeat** — the same answer twice, from a second process (with another hash seed),
   alone and in a batch, in any order. The last two license batching and are recorded.
4. **metrics** — the package's own offline evaluation, when its data is at hand.
5. **budget** — latency and memory, when promised.

The result is a :class:`Report`; :func:`attest` turns it into the statement that is
stored beside the package. Nothing here decides what may be promoted, and nothing
here builds an environment: the caller brings a way to start a worker.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from ketch.errors import KetchError, PackageCodeError, Unavailable
from ketch.package import Attestation, Package, ScenarioTrace
from ketch.runtime import Worker
from ketch.schema import Row, decode
from ketch.verify.checks import budget, probes, repeat, scenarios
from ketch.verify.results import Measured, ProbeResult, Report, ScenarioResult
from ketch.verify.subject import Subject

EVALUATE_DEADLINE_S = 600.0

Start = Callable[[int], AbstractContextManager[Worker]]
Progress = Callable[[str], None]


def verify(
    package: Package,
    start: Start,
    *,
    data: Mapping[str, Path],
    references: Sequence[Sequence[ScenarioTrace]] = (),
    progress: Progress = lambda _: None,
) -> Report:
    """Verify a package and report everything that was found.

    Args:
        package: The package, in a store.
        start: Starts a worker that has loaded it; the argument is the hash seed.
        data: Data reference name → file, for those at hand.
        references: Earlier traces of the same questions, the best first; the
            package's own recorded traces are always tried before them.
        progress: Told what is being done, in a few words.
    """
    began, started = time.monotonic(), datetime.now(UTC)
    run = _Run(package, data, (package.traces, *references), progress)
    try:
        progress("starting the worker")
        with start(0) as worker:
            run.measured = Measured(time.monotonic() - began, None, None)
            run.all_checks(Subject(package, worker, start, data, run.references))
            run.output = worker.output
    except KetchError as problem:
        run.fail(problem)
    return run.report(started, time.monotonic() - began)


def attest(report: Report) -> Attestation:
    """Return the attestation of a report, to be stored as a referrer of the package."""
    predicate = report.to_json()
    for key in ("package", "digest", "passed"):
        predicate.pop(key)
    traces = tuple(result.trace for result in report.scenarios if result.trace is not None)
    return Attestation(report.name, report.digest, report.passed, predicate, traces)


class _Run:
    """One verification as it goes; what was found so far survives a crash."""

    def __init__(
        self,
        package: Package,
        data: Mapping[str, Path],
        references: Sequence[Sequence[ScenarioTrace]],
        progress: Progress,
    ) -> None:
        self.package = package
        self.data = data
        self.references = references
        self.progress = progress
        self.scenarios: list[ScenarioResult] = []
        self.probes: list[ProbeResult] = []
        self.metrics: Mapping[str, float] = {}
        self.measured = Measured(0.0, None, None)
        self.setting: dict[str, object] = {}
        self.notes: list[str] = []
        self.problem: str | None = None
        self.output = ""

    def all_checks(self, subject: Subject) -> None:
        """Run every check against a worker that has loaded the package."""
        self.setting = {
            "python": subject.worker.python,
            "sandbox": [layer.to_json() for layer in subject.worker.layers],
            "machine": _machine(),
            "ketch": version("ketch"),
        }
        for scenario in self.package.scenarios:
            self.progress(f"scenario {scenario.name}")
            self.scenarios.append(scenarios.run(subject, scenario))
        good = list(self._good_rows(subject))
        if good:
            self._gather("probing", probes.run(subject, good[0]))
            self._gather("repeating", repeat.run(subject, good))
        elif not any(result.passed for result in self.scenarios):
            self.notes.append("no scenario was answered, so nothing could be probed")
        self._evaluate(subject)
        self.progress("measuring")
        self.measured = budget.measure(
            subject, good[0] if good else None, start_s=self.measured.start_s
        )
        self._gather("measuring", budget.run(self.package.manifest.budget, self.measured))

    def fail(self, problem: KetchError) -> None:
        """Record what stopped the verification."""
        at = f" (at `{problem.where}`)" if problem.where else ""
        self.problem = f"{problem.message}{at}"
        if isinstance(problem, PackageCodeError) and problem.traceback:
            self.output = problem.traceback
        elif problem.hint:
            self.notes.append(problem.hint)

    def report(self, started: datetime, duration_s: float) -> Report:
        """Return everything found, as a value."""
        return Report(
            name=self.package.reference,
            digest=self.package.digest,
            scenarios=tuple(self.scenarios),
            probes=tuple(self.probes),
            metrics=self.metrics,
            measured=self.measured,
            setting=self.setting,
            started=started,
            duration_s=duration_s,
            output=self.output,
            problem=self.problem,
            notes=tuple(self.notes),
        )

    def _gather(self, what: str, results: Iterator[ProbeResult]) -> None:
        for result in results:
            self.progress(f"{what}: {result.name}")
            self.probes.append(result)

    def _good_rows(self, subject: Subject) -> Iterator[Row]:
        """Yield the input rows of every scenario that was answered."""
        passed = {result.name for result in self.scenarios if result.trace is not None}
        for scenario in self.package.scenarios:
            if scenario.name in passed and scenario.expected is not None:
                rows, _ = decode(subject.schema.inputs, scenario.inputs)
                yield from rows

    def _evaluate(self, subject: Subject) -> None:
        function = self.package.manifest.evaluate
        if function is None:
            return
        declared = [data.name for data in self.package.manifest.data if data.sample]
        missing = [name for name in declared if name not in self.data]
        if missing:
            self.notes.append(
                f"metrics were not computed: the sample of data `{missing[0]}` is not at hand"
            )
            return
        self.progress("evaluating")
        try:
            self.metrics = subject.worker.evaluate(
                function, self.data, deadline_s=EVALUATE_DEADLINE_S
            )
        except (PackageCodeError, Unavailable) as problem:
            self.probes.append(ProbeResult("offline metrics", passed=False, detail=problem.message))


def _machine() -> dict[str, object]:
    """Return what kind of machine this is; nothing that names it."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
    }
