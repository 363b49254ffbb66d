"""No worker takes traffic before it has answered its package's scenarios as promised."""

from __future__ import annotations

import time
from contextlib import nullcontext

from ketch.errors import Finding, Refused
from ketch.package import Package
from ketch.runtime import Worker
from ketch.verify.checks import scenarios
from ketch.verify.results import ScenarioResult
from ketch.verify.subject import Subject

BRIEF_S = 0.5


def prove(package: Package, worker: Worker, *, brief: bool = False) -> float:
    """Have a worker answer the scenarios of its package; return the shortest time one took.

    Args:
        package: The package.
        worker: A worker that has loaded it.
        brief: Ask for half a second only, one scenario at least: the package has been
            proved on this machine before, and only the process is new.

    Raises:
        Refused: ``serve/unproved``: something else was answered than is promised; the
            findings say what.
    """
    times: list[float] = []
    until = time.monotonic() + BRIEF_S
    failed: list[ScenarioResult] = []
    with Subject(package, lambda _: nullcontext(worker)) as subject:
        for scenario in package.scenarios:
            began = time.monotonic()
            result = scenarios.run(subject, scenario)
            times.append(time.monotonic() - began)
            if not result.passed:
                failed.append(result)
            if brief and time.monotonic() > until:
                break
    if failed:
        raise Refused(
            f"expected every scenario to be answered as promised, found {len(failed)} of "
            f"{len(times)} otherwise",
            code="serve/unproved",
            where=str(package.reference),
            hint=f"`ketch verify {package.reference}` shows every difference",
            findings=[_finding(one) for one in failed],
        )
    return min(times, default=0.0)


def _finding(result: ScenarioResult) -> Finding:
    first = result.differences[0].message if result.differences else "not answered"
    return Finding("serve/unproved", first, f"scenario `{result.name}`", result.hint)
