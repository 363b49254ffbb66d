"""What verification found, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ketch.cli.text import seconds
from ketch.package import Divergence
from ketch.schema import Difference
from ketch.verify import ProbeResult, Report, ScenarioResult

SHOWN = 5


def report_text(report: Report) -> str:
    """Return what verification found: failures in full, the rest counted."""
    return "\n".join(_report(report))


def _report(report: Report) -> Iterator[str]:
    yield f"{report.name}  {report.digest.short}"
    if report.problem is not None:
        yield f"✗ the package could not be verified: {report.problem}"
        yield from _indented(report.output)
    yield from _scenarios(report.scenarios, said=report.first_divergence)
    yield from _probes(report.probes)
    yield from _first_divergence(report)
    if report.metrics:
        listed = ", ".join(f"{name} {value:.4g}" for name, value in sorted(report.metrics.items()))
        yield f"  metrics: {listed}"
    yield f"  {_measured(report)}"
    for note in report.notes:
        yield f"  ! {note}"
    verdict = "✓ keeps its contract" if report.passed else "✗ breaks its contract"
    yield f"{verdict} ({seconds(report.duration_s)})"


def _scenarios(results: Sequence[ScenarioResult], *, said: Divergence | None) -> Iterator[str]:
    """Yield the scenarios; ``said`` is the divergence that the report ends with."""
    passed = sum(result.passed for result in results)
    mark = "✓" if passed == len(results) else "✗"
    yield f"{mark} {passed} of {len(results)} scenarios answered as promised"
    for result in results:
        if not result.passed:
            yield from _failed_scenario(result, said=said)


def _failed_scenario(result: ScenarioResult, *, said: Divergence | None) -> Iterator[str]:
    yield f"  ✗ {result.name}"
    if result.error:
        yield f"      {result.error}"
    for difference in result.differences[:SHOWN]:
        yield f"      {difference_text(difference)}"
    if len(result.differences) > SHOWN:
        yield f"      … and {len(result.differences) - SHOWN} more differences"
    if result.divergence not in (None, said):
        yield f"      {divergence_text(result.divergence)}"


def _probes(results: Sequence[ProbeResult]) -> Iterator[str]:
    required = [result for result in results if result.required]
    if required:
        passed = sum(result.passed for result in required)
        mark = "✓" if passed == len(required) else "✗"
        yield f"{mark} {passed} of {len(required)} probes survived"
    for result in results:
        if result.passed:
            continue
        mark = "✗" if result.required else "·"
        yield f"  {mark} {result.name}: {result.detail}"
        if result.hint and result.required:
            yield f"      {result.hint}"


def _first_divergence(report: Report) -> Iterator[str]:
    divergence = report.first_divergence
    told = [one.divergence for one in report.scenarios if one.error and one.trace is None]
    if divergence is None or divergence in told:  # what was raised names its step already
        return
    if report.passed:
        yield f"  ! the answers agree, but {divergence_text(divergence)}"
    else:
        yield f"✗ {divergence_text(divergence)}"


def divergence_text(divergence: Divergence) -> str:
    """Return where two runs parted, as one line."""
    where = f"step `{divergence.step}`"
    if divergence.field:
        where += f", field `{divergence.field}`"
    if divergence.row is not None:
        where += f", row {divergence.row}"
    return (
        f"first moved at {where}: expected {value_text(divergence.expected)}, "
        f"found {value_text(divergence.found)}"
    )


def difference_text(difference: Difference) -> str:
    """Return one difference as one line."""
    place = f"row {difference.row}, `{difference.field}`" if difference.field else "the rows"
    if difference.expected is None and difference.found is None:
        return f"{place}: {difference.message}"
    return (
        f"{place}: expected {value_text(difference.expected)}, found {value_text(difference.found)}"
    )


def _measured(report: Report) -> str:
    measured = report.measured
    parts = [f"started in {seconds(measured.start_s)}"]
    if measured.latency_ms is not None:
        parts.append(f"{measured.latency_ms:.1f} ms a row")
    if measured.memory_mb is not None:
        parts.append(f"{measured.memory_mb:.0f} MB")
    return ", ".join(parts)


def _indented(text: str) -> Iterator[str]:
    lines = text.strip().splitlines()
    return (f"    {line}" for line in lines[-12:])


def value_text(value: object) -> str:
    """Return a value as short JSON in backticks."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"`{shown}`" if len(shown) <= 100 else f"`{shown[:97]}…`"
