"""A package is as quick and as small as it promises, or it says by how much it is not."""

from __future__ import annotations

import pytest
from tests.verification import ECHO, Bench

from ketch.package.manifest import Budget
from ketch.verify import Measured, ProbeResult
from ketch.verify.checks import budget

SLOW = "import time\ndef run(model, rows):\n    time.sleep(0.03)\n    return rows\n"


def measured(
    bench: Bench, source: str, limits: Budget, *, answered: bool = True
) -> tuple[Measured, list[ProbeResult]]:
    package = bench.package(source, budget=limits)
    with bench.subject(package, deadline_s=10.0) as subject:
        subject.predict([{"x": 1}])
        found, results = budget.measure(subject, {"x": 1} if answered else None)
        return found, list(results)


def test_what_is_not_promised_is_measured_all_the_same(bench: Bench) -> None:
    found, results = measured(bench, SLOW, Budget())
    assert results == []
    assert found.latency_ms is not None
    assert found.memory_mb is not None
    assert 30 <= found.latency_ms < 3_000
    assert 4 < found.memory_mb < 100
    assert found.start_s > 0


def test_kept_limits_pass_without_figures_that_differ_between_two_runs(bench: Bench) -> None:
    _, results = measured(bench, ECHO, Budget(latency_ms=5000, memory_mb=500))
    assert results == [
        ProbeResult("latency budget", passed=True, detail="promised at most 5000 ms"),
        ProbeResult("memory budget", passed=True, detail="promised at most 500 MB"),
    ]


def test_exceeded_limits_fail_with_both_figures(bench: Bench) -> None:
    found, (latency, memory) = measured(bench, SLOW, Budget(latency_ms=20, memory_mb=2))
    assert not latency.passed
    assert latency.detail == f"promised at most 20 ms, measured {found.latency_ms:.1f} ms"
    assert not memory.passed
    assert memory.detail == f"promised at most 2 MB, measured {found.memory_mb:.1f} MB"


def test_a_limit_that_could_not_be_measured_is_not_kept(bench: Bench) -> None:
    _, results = measured(bench, ECHO, Budget(latency_ms=5000), answered=False)
    assert results == [
        ProbeResult(
            "latency budget",
            passed=False,
            detail="promised at most 5000 ms; no row was answered",
        )
    ]


@pytest.mark.parametrize("act", ["os._exit(3)", "raise KeyError('tired')"])
def test_a_package_that_fails_when_asked_often_breaks_its_contract(bench: Bench, act: str) -> None:
    source = f"""
import os
calls = []
def run(model, rows):
    calls.append(1)
    if len(calls) > 5: {act}
    return rows
"""
    found, (failed,) = measured(bench, source, Budget())
    assert (failed.name, failed.passed) == ("latency budget", False)
    assert failed.detail.endswith("(at step `pipeline:run`)")
    assert found.latency_ms is None


def test_a_slow_package_is_asked_less_often(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "ENOUGH_S", 0.1)
    source = SLOW.replace("return rows", "open('asked', 'a').write('.'); return rows")
    measured(bench, source, Budget())
    asked = (bench.rig.folder / "scratch" / "asked").read_text()
    assert 1 < len(asked) <= 1 + 5
