"""Verification: does a package behave as it promises, in its own environment?

What "verified" means, in order; each is a file of ``checks/``:

1. **scenarios** — every promised input gets its promised output, within the tolerance
   of each field, or its promised error; each step is traced.
2. **probes** — the schema's own questions: missing, renamed and extra fields, nulls,
   wrong types, unseen categories, extremes. A typed error or a valid answer, never a
   crash.
3. **repeat** — the same answer twice, from a second process (with another hash seed),
   alone and in a batch, in any order. The last two license batching and are recorded.
4. **budget** — latency and memory, when promised.
5. **metrics** — the package's own offline evaluation, when its data is at hand.

No check ends the verification: whatever package code does, each check returns what it
found, and the next one asks a worker that is alive (:mod:`ketch.verify.subject`).
The result is a :class:`Report`. Nothing here decides what may be promoted, and nothing
here builds an environment: the caller brings a way to start a worker.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from ketch.errors import PackageCodeError
from ketch.package import Digest, Package, ScenarioTrace
from ketch.runtime.output import last_lines
from ketch.schema import Row, decode
from ketch.verify.checks import budget, metrics, probes, repeat, scenarios
from ketch.verify.results import ProbeResult, Report, ScenarioResult
from ketch.verify.subject import DEADLINE_S, Start, Subject, last_words

Progress = Callable[[str], None]


def verify(
    package: Package,
    start: Start,
    *,
    data: Mapping[str, Path],
    references: Sequence[Sequence[ScenarioTrace]] = (),
    progress: Progress = lambda _: None,
    deadline_s: float = DEADLINE_S,
) -> Report:
    """Verify a package and report everything that was found.

    Args:
        package: The package, in a store.
        start: Starts a worker that has loaded it; the argument is the hash seed.
        data: Data reference name → file, for those at hand.
        references: Earlier traces of the same questions, the best first; the
            package's own recorded traces are always tried before them.
        progress: Told what is being done, in a few words.
        deadline_s: How long one answer may take, in seconds.

    Raises:
        UsageError: A variable that the package requires is not set.
        Unavailable: This machine cannot start its interpreter.
    """
    began, started = time.monotonic(), datetime.now(UTC)
    progress("starting the worker")
    traces = (package.traces, *references)
    with Subject(package, start, references=traces, deadline_s=deadline_s) as subject:
        answered = tuple(_timed(_scenarios(subject, progress)))
        printed = {"scenarios": subject.printed()}
        good = _good_rows(subject, answered)
        probed = tuple(_timed(_probes(subject, good, progress)))
        progress("measuring")
        measured, limits = budget.measure(subject, good[0] if good else None)
        printed["probes"] = subject.printed()
        progress("evaluating")
        evaluated = metrics.evaluate(subject, data)
        printed["metrics"] = subject.printed()
    return Report(
        name=package.reference,
        digest=package.digest,
        scenarios=answered,
        probes=(*probed, *limits, *evaluated.probes),
        metrics=evaluated.metrics,
        measured=measured,
        setting=_setting(subject),
        started=started,
        duration_s=time.monotonic() - began,
        problem=None if subject.problem is None else subject.told(subject.problem),
        said="" if subject.problem is None else last_words(subject.problem, frames=5),
        notes=(*_notes(subject, answered, good), *evaluated.notes, *_left_out(subject, printed)),
        printed={} if subject.is_personal else _last(printed),
        discreet=subject.discreet,
    )


def _left_out(subject: Subject, printed: Mapping[str, str]) -> Iterator[str]:
    if subject.is_personal and any(printed.values()):
        yield "what the package printed is left out: some of its fields hold personal data"


def _last(printed: Mapping[str, str]) -> Mapping[str, str]:
    """Return the last lines of what was printed during each check, if anything was."""
    said = {check: last_lines(text) for check, text in printed.items()}
    return {check: text for check, text in said.items() if text}


Result = TypeVar("Result", ScenarioResult, ProbeResult)


def _timed(results: Iterator[Result]) -> Iterator[Result]:
    """Yield results with the time each took."""
    began = time.monotonic()
    for result in results:
        yield replace(result, duration_s=time.monotonic() - began)
        began = time.monotonic()


def _scenarios(subject: Subject, progress: Progress) -> Iterator[ScenarioResult]:
    for scenario in subject.package.scenarios:
        progress(f"scenario {scenario.name}")
        yield scenarios.run(subject, scenario)


def _probes(subject: Subject, good: Sequence[Row], progress: Progress) -> Iterator[ProbeResult]:
    if good:
        progress("probing")
        yield from probes.run(subject, good[0])
        progress("asking again")
        yield from repeat.run(subject, good)


def _good_rows(subject: Subject, results: Sequence[ScenarioResult]) -> list[Row]:
    """Return the rows of every scenario that was answered, those as promised first."""
    answered = [
        (result, scenario)
        for result, scenario in zip(results, subject.package.scenarios, strict=True)
        if result.trace is not None and scenario.expected is not None
    ]
    answered.sort(key=lambda pair: not pair[0].passed)
    return [
        row for _, scenario in answered for row in decode(subject.schema.inputs, scenario.inputs)[0]
    ]


def _setting(subject: Subject) -> Mapping[str, object]:
    """Return where it ran: what kind of machine, and nothing that names it."""
    return {
        "python": subject.python,
        "lock": str(Digest.of(subject.package.lock)),
        "sandbox": [layer.to_json() for layer in subject.layers],
        "machine": {
            "system": platform.system(),
            "release": platform.release(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
        "ketch": version("ketch"),
    }


def _notes(
    subject: Subject, results: Sequence[ScenarioResult], good: Sequence[Row]
) -> Iterator[str]:
    if isinstance(subject.problem, PackageCodeError) and subject.problem.hint:
        yield subject.problem.hint
    elif subject.problem is None and not good and not any(result.passed for result in results):
        yield "no scenario was answered, so nothing could be probed"
    failed = [result for result in results if not result.passed and result.trace is not None]
    unmoved = [result.name for result in failed if result.compared and not result.divergence]
    if unmoved:
        yield f"in `{unmoved[0]}`, every step returned what it did before: its promise is another"
    if any(not result.compared for result in failed):
        yield "no earlier run shows what each step returned; `ketch record` keeps that"
